"""Headings of a text in Markdown, wiki markup or plain lines, and the passages under them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_FENCE = re.compile(r"[ ]{0,3}(?:```|~~~)")
_MARKDOWN = re.compile(r"[ ]{0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_WIKI = re.compile(r"(={2,6})[ \t]*([^=\s](?:.*[^=\s])?)[ \t]*\1[ \t]*$")
_UNDERLINE = re.compile(r"[ ]{0,3}(?:(={2,})|-{2,})[ \t]*$")
_NUMBERED = re.compile(r"(\d{1,2}(?:\.\d{1,2}){0,4})\.?[ \t]+(?=[^\W\d_])")
_PLAIN = re.compile(r"(?!.*[.!?:;,|>{}=…。！？][\"'”’)]*\s*$)[^\W_][^|<>{}=\t]{0,79}$")
PLAIN_WORDS = 10
"""Most words in a plain line that is taken for a heading."""


@dataclass(frozen=True)
class Passage:
    """A paragraph, and the headings above it from the outermost to its own; `opens` says whether it is the first there."""

    start: int
    path: tuple[str, ...]
    opens: bool


@dataclass(frozen=True)
class _Line:
    start: int
    words: str


def passages(text: str) -> list[Passage]:
    """The paragraphs of a text that are not headings. Code between fences is part of the paragraph it stands in."""
    found: list[Passage] = []
    above: list[tuple[int, str]] = []
    opens = True
    for paragraph in _paragraphs(text):
        lines = paragraph
        while lines and (heading := _heading(lines)):
            level, words, used = heading
            above = [*(upper for upper in above if upper[0] < level), (level, words)]
            lines, opens = lines[used:], True
        if lines:
            found.append(Passage(lines[0].start, tuple(words for _, words in above), opens))
            opens = False
    return found


def _paragraphs(text: str) -> Iterator[list[_Line]]:
    """Lines between empty ones; inside a fence an empty line separates nothing, and a Markdown heading begins a new one."""
    lines: list[_Line] = []
    start, fenced = 0, False
    for line in text.splitlines(keepends=True):
        words = line.strip()
        if not fenced and lines and (not words or _MARKDOWN.match(words) or _WIKI.match(words)):
            yield lines
            lines = []
        if words or fenced:
            lines.append(_Line(start, line.rstrip()))
        fenced ^= bool(_FENCE.match(line))
        start += len(line)
    if lines:
        yield lines


def _heading(lines: list[_Line]) -> tuple[int, str, int] | None:
    """Level, words, and number of lines of the heading that a paragraph begins with."""
    first = lines[0].words
    for pattern in (_MARKDOWN, _WIKI):
        if (match := pattern.match(first.strip())) and match[2]:
            return len(match[1]) - (pattern is _WIKI), match[2], 1
    if len(lines) > 1 and (line := _UNDERLINE.match(lines[1].words)) and _PLAIN.match(first):
        return 1 if line[1] else 2, first.strip(), 2
    if (
        len(lines) == 1
        and _PLAIN.match(first)
        and len(first.split()) <= PLAIN_WORDS
        and first[0].isupper() | first[0].isdigit()
    ):
        number = _NUMBERED.match(first)
        return (number[1].count(".") + 1 if number else 1), first, 1
    return None
