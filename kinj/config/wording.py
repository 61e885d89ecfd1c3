"""Words that many messages share."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """`1 trial`, `2 trials`, `1,000 trials`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def capitalized(text: str) -> str:
    """With a capital first letter; the others stay as they are."""
    return text[:1].upper() + text[1:]
