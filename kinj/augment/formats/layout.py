"""A format as a declaration: the markup it puts before, between and after the units of a text, and nothing else.

Because a layout is data, three things follow from it alone: the view, where every fact stands in the view, and how the
markup comes off again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from kinj.augment.formats.escapes import ESCAPES
from kinj.augment.formats.flat import Flat, Units
from kinj.augment.formats.separators import SOFT, SPACE

NUMBER = "{n}"
MOST_NUMBERS = 100
"""Numbered units whose markup is kept between documents."""


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
    """In place of each separator between paragraphs, where these are the units and not sentences."""
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
    def _numbered(self) -> bool:
        return NUMBER in self.boundary

    @cached_property
    def _written(self) -> tuple[str, str]:
        """What stands in the view for a space, and for the end of a paragraph."""
        write = ESCAPES[self.escape].write
        return write(self.space), write(self.paragraph)

    @cached_property
    def _between(self) -> str:
        """What stands between two units; sentences may be numbered, paragraphs are not."""
        return self.boundary if self.by_sentence else self._written[1]

    @cached_property
    def _lengths(self) -> tuple[int, int, int, int]:
        """Characters that a unit, a digit of its number and each separator before a position add to it."""
        numbered = self._numbered
        unit = len(self._between) - len(NUMBER) * numbered
        return unit, int(numbered), len(self._written[0]) - len(SPACE), len(self.line) - len(SOFT)

    def render(self, flat: Flat) -> tuple[str, list[tuple[int, int]]]:
        """The view's text, and start and end of every fact's value in it."""
        units = flat.units(self.by_sentence, self.escape, self.wrap)
        bodies = units.texts
        if self.space != SPACE:
            space = self._written[0]
            bodies = [body.replace(SPACE, space) for body in bodies]
        text = self._joined(bodies)
        if self.wrap:
            text = text.replace(SOFT, self.line)  # no markup holds it
        return text, self._placed(units) if units.spans else []

    def _placed(self, units: Units) -> list[tuple[int, int]]:
        """Where the facts' values of these units stand in the view."""
        head, (unit, digit, space, soft) = len(self.first), self._lengths
        spans = [(head + unit * first + start, head + unit * last + end) for first, start, last, end in units.spans]
        growing = [(digit, units.digits)] if digit else []
        marks = ((SPACE, space), (SOFT, soft))
        growing += [(growth, counts) for mark, growth in marks if growth and (counts := units.separators(mark))]
        for growth, counts in growing:
            spans = [
                (start + growth * before_start, end + growth * before_end)
                for (start, end), (before_start, before_end) in zip(spans, counts, strict=True)
            ]
        return spans

    def _joined(self, bodies: list[str]) -> str:
        if not self._numbered:
            return f"{self.first}{self._between.join(bodies)}{self.last}"
        pieces = [""] * (2 * len(bodies) - 1)
        pieces[0::2] = bodies
        pieces[1::2] = self._boundaries(len(bodies) - 1)
        return f"{self.first}{''.join(pieces)}{self.last}"

    def _boundaries(self, count: int) -> Sequence[str]:
        """What stands before the second unit, before the third, …, with their numbers."""
        if count <= MOST_NUMBERS:
            return self._first_boundaries[:count]
        return [self.boundary.replace(NUMBER, str(number)) for number in range(2, count + 2)]

    @cached_property
    def _first_boundaries(self) -> list[str]:
        return [self.boundary.replace(NUMBER, str(number)) for number in range(2, MOST_NUMBERS + 2)]

    def restore(self, text: str) -> str:
        """The content of a view: its text without the markup. White space and punctuation may differ from the original's."""
        return self.restore_span(text.removeprefix(self.first).removesuffix(self.last))

    def restore_span(self, text: str) -> str:
        """The content of a part of a view that starts and ends inside units."""
        for step in self._steps_back:
            text = step(text)
        return text

    @cached_property
    def _steps_back(self) -> tuple[Callable[[str], str], ...]:
        """What takes markup off, in order. Separators become spaces, so that most views of a document come back as the very same
        string."""
        steps = [_spaced(self.boundary)] if self.by_sentence and self.boundary else []
        if self.escape:
            steps.append(ESCAPES[self.escape].read)
        breaks = {"" if self.by_sentence else self.paragraph, self.line if self.wrap else ""} - {""}
        steps += [_spaced(mark) for mark in sorted(breaks, key=len, reverse=True)]
        if self.space != SPACE:
            wide = len(self.space) > 1 and self.space.isspace()
            steps.append(_single_spaced if wide else _spaced(self.space))
        return tuple(steps)


def _spaced(mark: str) -> Callable[[str], str]:
    """What puts a space in place of a mark, in the way that was measured to be the fastest for it: `replace` goes over a text
    twice, first to count; a pattern is searched for by its first character, which should be rare, `split` by the last."""
    if len(mark) == 1:
        return lambda text: text.replace(mark, SPACE)
    if mark.startswith(SPACE) and NUMBER not in mark:
        return lambda text: SPACE.join(text.split(mark))
    return partial(re.compile(re.escape(mark).replace(re.escape(NUMBER), "[0-9]+")).sub, SPACE)


def _single_spaced(text: str) -> str:
    """Wider spaces are so many that all words are read anew."""
    return SPACE.join(text.split())
