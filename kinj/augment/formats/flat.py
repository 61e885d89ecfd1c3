"""A document made ready for formats: white space reduced to single separators, sentences and fact offsets known.

This is done once per document. A format then works on whole strings, and a position in a view follows from what stands
before it (characters, separators, units), which is counted here: it is added up, never searched for.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from kinj.augment.formats.escapes import ESCAPES
from kinj.augment.formats.sentences import split_sentences
from kinj.augment.formats.separators import PARAGRAPH, SOFT, SPACE, wrapped
from kinj.data.records import Document

Place = tuple[int, int]
"""A position: which unit of the text, and how many characters into it."""

Before = tuple[int, int, int, int, int, int]
"""What stands before a position: units, digits of their numbers after the first, characters, `SPACE`, `PARAGRAPH`, `SOFT`."""

_SOFT = re.compile(SOFT)
_GAP = re.compile(r"\s(?:\s+|(?<! )|(?<=\A\s)|\Z)")
"""White space that is not one space between two words. It starts with a class of characters, which is searched for fast."""
_EMPTY_LINE = re.compile(r"\n[^\S\n]*\n|\u2029")


@dataclass(frozen=True)
class Units:
    """The parts of a flat text that a format treats alike (at least one), and what stands before the ends of each fact:
    of the first fact's start, its end, the second's start, and so on."""

    texts: list[str]
    facts: list[Before]

    def escaped(self, escape: str) -> Units:
        """With their characters written as the escape demands; separators stay as they are."""
        write, _, special = ESCAPES[escape]
        if not special.search(PARAGRAPH.join(self.texts)):
            return self

        def written(text: str) -> str:
            return PARAGRAPH.join(map(write, text.split(PARAGRAPH)))

        texts = [written(text) for text in self.texts]
        joined, moved = "".join(self.texts), {}
        done = size = 0
        for position in sorted({before[2] for before in self.facts}):
            size += len(written(joined[done:position]))
            moved[position], done = size, position
        return Units(texts, [(*before[:2], moved[before[2]], *before[3:]) for before in self.facts])

    def wrapped(self, width: int) -> Units:
        """With `SOFT` in place of the spaces where lines of at most `width` characters end."""
        texts = [wrapped(text, width) for text in self.texts]
        if not self.facts:
            return Units(texts, [])
        breaks = [match.start() for match in _SOFT.finditer("".join(texts))]
        facts = []
        for unit, digits, characters, spaces, paragraphs, _ in self.facts:
            softs = bisect_left(breaks, characters)
            facts.append((unit, digits, characters, spaces - softs, paragraphs, softs))
        return Units(texts, facts)


class Flat:
    """A document's text with single separators, and where its facts' values stand in it.

    Args:
        document: facts must lie within the text. If `text` is empty then, there is nothing to format.
    """

    def __init__(self, document: Document) -> None:
        self.text, positions = flatten(document.text, [p for fact in document.facts for p in (fact.start, fact.end)])
        self._spans = list(zip(positions[0::2], positions[1::2], strict=True))
        self._units: dict[tuple[bool, str, int], Units] = {}

    def units(self, by_sentence: bool, escape: str = "", wrap: int = 0) -> Units:
        """The text as one unit, or its sentences without the separators between them; made once per document.

        Args:
            by_sentence: one unit per sentence.
            escape: name of the escape their characters are written with.
            wrap: longest line in characters; 0 does not wrap.
        """
        key = by_sentence, escape, wrap
        found = self._units.get(key)
        if found is None:
            found = self._units[key] = self._made(by_sentence, escape, wrap)
        return found

    def _made(self, by_sentence: bool, escape: str, wrap: int) -> Units:
        if wrap:
            return self.units(by_sentence, escape).wrapped(wrap)
        if escape:
            return self.units(by_sentence).escaped(escape)
        if not by_sentence:
            return Units([self.text], _counted([self.text], [((0, s), (0, max(s, e))) for s, e in self._spans]))
        pieces = split_sentences(self.text)
        starts = [0, *accumulate(map(len, pieces))]
        texts = [piece.rstrip(" \n") for piece in pieces]
        return Units(texts, _counted(texts, [_places(starts, texts, start, end) for start, end in self._spans]))


def _places(starts: Sequence[int], texts: Sequence[str], start: int, end: int) -> tuple[Place, Place]:
    """A span among units. Where it starts or ends between two units, it is drawn in to the unit it has characters in."""

    def unit_at(position: int) -> int:
        return max(0, min(bisect_right(starts, position) - 1, len(texts) - 1))

    first = unit_at(start)
    if first + 1 < len(texts) and start - starts[first] >= len(texts[first]):
        first, start = first + 1, starts[first + 1]
    last = unit_at(end - 1)
    opening = (first, min(start - starts[first], len(texts[first])))
    return opening, max(opening, (last, min(end - starts[last], len(texts[last]))))


def _counted(texts: Sequence[str], spans: Sequence[tuple[Place, Place]]) -> list[Before]:
    """What stands before the ends of each span, counted in one pass over the text."""
    if not spans:
        return []
    ends = [place for span in spans for place in span]
    joined = "".join(texts)
    starts = [0, *accumulate(map(len, texts))]
    digits = [0, *accumulate(len(str(number)) for number in range(2, len(texts) + 1))]
    before: dict[Place, Before] = {}
    done = spaces = paragraphs = 0
    for unit, offset in sorted(set(ends)):
        position = starts[unit] + offset
        spaces += joined.count(SPACE, done, position)
        paragraphs += joined.count(PARAGRAPH, done, position)
        done = position
        before[unit, offset] = unit, digits[unit], position, spaces, paragraphs, 0
    return [before[place] for place in ends]


def flatten(text: str, positions: Sequence[int]) -> tuple[str, list[int]]:
    """The text with single separators and none at its ends, and where `positions` (0 to its length) come to lie."""
    if SPACE.join(text.split()) == text:
        return text, list(positions)
    pieces: list[str] = []
    origins, targets = [0], [0]  # runs of characters that stay together: where they began, where they begin now
    size = end = 0
    for gap in [*_GAP.finditer(text), None]:
        stop = gap.start() if gap else len(text)
        separator = PARAGRAPH if gap and _EMPTY_LINE.search(gap.group()) else SPACE
        if stop > end:
            pieces.append(text[end:stop])
            size += stop - end
        origins.append(stop)
        targets.append(size)
        if gap is None or gap.end() == len(text):
            break
        if stop > 0:
            pieces.append(separator)
            size += 1
        end = gap.end()
        origins.append(end)
        targets.append(size)
    return "".join(pieces), [_moved(position, origins, targets) for position in positions]


def _moved(position: int, origins: Sequence[int], targets: Sequence[int]) -> int:
    """Inside a run of characters: as far into it as before. Inside a gap: at most its one separator."""
    index = bisect_right(origins, position) - 1
    offset = position - origins[index]
    return min(targets[index] + offset, targets[index + 1] if index + 1 < len(targets) else targets[-1])
