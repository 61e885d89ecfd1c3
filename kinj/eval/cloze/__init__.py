"""What the probe `cloze` is made of: sentences that stand alone, their blanks, other wordings, and wrong values."""
