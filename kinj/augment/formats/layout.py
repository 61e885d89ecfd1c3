"""A format as a declaration: the markup it puts before, between and after the units of a text, and nothing else.

Because a layout is data, three things follow from it alone: the view, where every fact stands in the view, and how the
markup comes off again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from kinj.augment.formats.escapes import ESCAPES
from kinj.augment.formats.flat import Flat
from kinj.augment.formats.separators import PARAGRAPH, SOFT, SPACE

NUMBER = "{n}"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Declares a format. `{n}` in `open` is the unit's number, counted from 1.

    Markup that holds letters or digits must be told apart from any content, or the inverse would not be exact: it stands
    at the ends of the view, after a line break that content cannot hold, or within characters that `escape` keeps
    out of content. A format that escapes does not wrap: a line could break inside an escape.
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
    def _numbered(self) -> tuple[str, str] | None:
        """The boundary before and after the number, if it has one."""
        before, number, after = self.boundary.partition(NUMBER)
        return (before, after) if number else None

    @cached_property
    def _boundary_pattern(self) -> re.Pattern[str]:
        return re.compile(re.escape(self.boundary).replace(re.escape(NUMBER), "[0-9]+"))

    @cached_property
    def _separators(self) -> tuple[tuple[str, str], ...]:
        """Separators that come out as something else: what stands in a unit, what in the view."""
        out = {SPACE: self.space, PARAGRAPH: PARAGRAPH if self.by_sentence else self.paragraph}
        if self.wrap:
            out[SOFT] = self.line
        write = ESCAPES[self.escape][0]
        return tuple((mark, write(written)) for mark, written in out.items() if write(written) != mark)

    @cached_property
    def _lengths(self) -> tuple[int, int, int, int, int]:
        """Characters that a unit, a digit of its number and each separator before a position add to it."""
        written = dict(self._separators)
        space, paragraph, soft = (len(written.get(mark, mark)) - 1 for mark in (SPACE, PARAGRAPH, SOFT))
        numbered = self._numbered is not None
        return len(self.boundary) - len(NUMBER) * numbered, int(numbered), space, paragraph, soft

    def render(self, flat: Flat) -> tuple[str, list[tuple[int, int]]]:
        """The view's text, and start and end of every fact's value in it."""
        units = flat.units(self.by_sentence, self.escape, self.wrap)
        bodies = units.texts
        for mark, written in self._separators:
            bodies = [body.replace(mark, written) for body in bodies]
        text = self._joined(bodies)
        if not units.facts:
            return text, []
        start, (unit, digit, space, paragraph, soft) = len(self.first), self._lengths
        ends = [start + before[0] * unit + before[1] * digit + before[2] for before in units.facts]
        if space or paragraph or soft:
            ends = [
                end + before[3] * space + before[4] * paragraph + before[5] * soft
                for end, before in zip(ends, units.facts, strict=True)
            ]
        return text, list(zip(ends[0::2], ends[1::2], strict=True))

    def _joined(self, bodies: list[str]) -> str:
        if self._numbered is None:
            return f"{self.first}{self.boundary.join(bodies)}{self.last}"
        before, after = self._numbered
        numbered = [f"{number}{after}{body}" for number, body in enumerate(bodies, 1)]
        numbered[0] = bodies[0]
        return f"{self.first}{before.join(numbered)}{self.last}"

    def restore(self, text: str) -> str:
        """The content of a view: its text without the markup. White space and punctuation may differ from the original's."""
        return self.restore_span(text.removeprefix(self.first).removesuffix(self.last))

    def restore_span(self, text: str) -> str:
        """The content of a part of a view that starts and ends inside units."""
        if self.by_sentence and self.boundary:
            text = self._boundary_pattern.sub(SPACE, text) if self._numbered else text.replace(self.boundary, SPACE)
        if self.escape:
            text = ESCAPES[self.escape][1](text)
        for separator in self._to_spaces:
            text = text.replace(separator, SPACE)
        return text

    @cached_property
    def _to_spaces(self) -> tuple[str, ...]:
        """What is read back as a space. So most views of a document are restored to the very same string."""
        separators = (self.space, "" if self.by_sentence else self.paragraph, self.line if self.wrap else "")
        return tuple(sorted({mark for mark in separators if mark not in ("", SPACE)}, key=len, reverse=True))
