"""A format as a declaration: the markup it puts before, between and after the units of a text, and nothing else.

Because a layout is data, three things follow from it alone: the view, where every fact stands in the view, and how the
markup comes off again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from json.encoder import encode_basestring

from kinj.augment.formats.flat import PARAGRAPH, SPACE, Flat, Place

SOFT = "\r"
"""Stands for a line break that wrapping puts in place of a space; a flat text holds no such character."""

NUMBER = "{n}"


def _json_escape(text: str) -> str:
    return encode_basestring(text)[1:-1]


def _json_unescape(text: str) -> str:
    return str(json.loads(f'"{text}"', strict=False))


def _html_escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def _html_unescape(text: str) -> str:
    return text.replace("&quot;", '"').replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&")


_ESCAPES: dict[str, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "": (str, str),
    "json": (_json_escape, _json_unescape),
    "html": (_html_escape, _html_unescape),
}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Declares a format. `{n}` in `open` is the unit's number, counted from 1.

    Markup that holds letters or digits must be told apart from any content, or the inverse would not be exact: it stands
    at the ends of the view, after a line break that content cannot hold, or within characters that `escape` keeps
    out of content.
    """

    by_sentence: bool = False
    head: str = ""
    open: str = ""
    close: str = ""
    between: str = ""
    tail: str = ""
    space: str = SPACE
    """In place of each separator between words."""
    paragraph: str = "\n\n"
    """In place of each separator between paragraphs, where units are not sentences."""
    wrap: int = 0
    """Longest line in characters; words are never broken. 0 does not wrap."""
    line: str = "\n"
    """In place of the space where a line is wrapped."""
    escape: str = ""

    @cached_property
    def first(self) -> str:
        """Everything before the first unit."""
        return self.head + self.open.replace(NUMBER, "1")

    @cached_property
    def last(self) -> str:
        """Everything after the last unit."""
        return self.close + self.tail

    @cached_property
    def boundary(self) -> str:
        """Everything between two units, with `{n}` for the number."""
        return self.close + self.between + self.open

    @cached_property
    def _boundary_pattern(self) -> re.Pattern[str]:
        return re.compile(re.escape(self.boundary).replace(re.escape(NUMBER), "[0-9]+"))

    @cached_property
    def _verbatim(self) -> bool:
        """Whether content goes in as it is."""
        paragraphs = self.by_sentence or self.paragraph == PARAGRAPH
        return paragraphs and self.space == SPACE and not self.wrap and not self.escape

    def _expand(self, text: str) -> str:
        """Separators and special characters written out. Works character by character, so prefixes stay prefixes."""
        if self.space != SPACE:
            text = text.replace(SPACE, self.space)
        if not self.by_sentence:
            text = text.replace(PARAGRAPH, self.paragraph)
        if self.wrap:
            text = text.replace(SOFT, self.line)
        return _ESCAPES[self.escape][0](text) if self.escape else text

    def render(self, flat: Flat) -> tuple[str, list[tuple[int, int]]]:
        """The view's text, and start and end of every fact's value in it."""
        units = flat.sentences if self.by_sentence else flat.whole
        aligned = [wrapped(text, self.wrap) for text in units.texts] if self.wrap else units.texts
        parts = self._with_markup(aligned if self._verbatim else [self._expand(text) for text in aligned])
        if not units.facts:
            return "".join(parts), []
        starts = list(accumulate(map(len, parts)))[0::2]

        def position(place: Place) -> int:
            unit, offset = place
            return starts[unit] + (offset if self._verbatim else len(self._expand(aligned[unit][:offset])))

        return "".join(parts), [(position(start), position(end)) for start, end in units.facts]

    def _with_markup(self, bodies: Sequence[str]) -> list[str]:
        """Markup and content by turns, markup first and last."""
        parts = [self.first] * (2 * len(bodies) + 1)
        parts[1::2] = bodies
        if NUMBER in self.boundary:
            before, after = self.boundary.split(NUMBER)
            parts[2:-1:2] = [f"{before}{n}{after}" for n in range(2, len(bodies) + 1)]
        else:
            parts[2:-1:2] = [self.boundary] * (len(bodies) - 1)
        parts[-1] = self.last
        return parts

    def restore(self, text: str) -> str:
        """The content of a view: its text without the markup. White space and punctuation may differ from the original's."""
        return self.restore_span(text.removeprefix(self.first).removesuffix(self.last))

    def restore_span(self, text: str) -> str:
        """The content of a part of a view that starts and ends inside units."""
        if self.by_sentence and self.boundary:
            numbered = NUMBER in self.boundary
            text = self._boundary_pattern.sub(SPACE, text) if numbered else text.replace(self.boundary, SPACE)
        return _ESCAPES[self.escape][1](text) if self.escape else text


def wrapped(text: str, width: int) -> str:
    """Puts `SOFT` in place of spaces so that no line is longer than `width`, words that are longer excepted."""
    return PARAGRAPH.join(SOFT.join(_lines(paragraph, width)) for paragraph in text.split(PARAGRAPH))


def _lines(text: str, width: int) -> list[str]:
    lines = []
    start = 0
    while len(text) - start > width:
        stop = text.rfind(SPACE, start, start + width + 1)
        if stop < 0:
            stop = text.find(SPACE, start + width)
        if stop < 0:
            break
        lines.append(text[start:stop])
        start = stop + 1
    return [*lines, text[start:]]
