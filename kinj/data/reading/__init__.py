"""Names, numbers, dates and quantities read from plain text by rules: augment's audit and eval's `cloze` both need them."""
