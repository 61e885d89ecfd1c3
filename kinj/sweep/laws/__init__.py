"""Laws: what many trials say together."""
