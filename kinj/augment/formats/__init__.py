"""Format transforms: what they are made of (`layout`), what they are applied to (`flat`) and which there are (`table`)."""
