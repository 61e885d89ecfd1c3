"""The separators between the words of a flat text, and wrapping, which puts one in place of another."""

from __future__ import annotations

SPACE, PARAGRAPH = " ", "\n"
"""The only white space in a flat text: between words, and between paragraphs (where the original has an empty line)."""

SOFT = "\v"
"""Stands for a line break that wrapping puts in place of a space; neither a flat text nor any markup holds it."""


def wrapped(text: str, width: int) -> str:
    """Puts `SOFT` in place of spaces so that no line is longer than `width`, words that are longer excepted."""
    return PARAGRAPH.join(SOFT.join(_lines(paragraph, width)) for paragraph in text.split(PARAGRAPH))


def _lines(text: str, width: int) -> list[str]:
    lines = []
    start, size = 0, len(text)
    while size - start > width:
        stop = text.rfind(SPACE, start, start + width + 1)
        if stop < 0:
            stop = text.find(SPACE, start + width)
        if stop < 0:
            break
        lines.append(text[start:stop])
        start = stop + 1
    lines.append(text[start:])
    return lines
