"""The separators between the words of a flat text, and wrapping, which puts one in place of another."""

from __future__ import annotations

import re
from functools import cache

SPACE, PARAGRAPH = " ", "\n"
"""The only white space in a flat text: between words, and between paragraphs (where the original has an empty line)."""

SOFT = "\v"
"""Stands for a line break that wrapping puts in place of a space; neither a flat text nor any markup holds it."""


def wrapped(paragraph: str, width: int) -> str:
    """Puts `SOFT` in place of spaces so that no line is longer than `width`, words that are longer excepted."""
    return SOFT.join(_line(width).findall(paragraph + SPACE))


@cache
def _line(width: int) -> re.Pattern[str]:
    """Finds the lines of a paragraph, each with a space after it: as many words as fit, or one that does not."""
    return re.compile(rf"(.{{1,{width}}}|[^{SPACE}]+){SPACE}", re.DOTALL)
