"""A document made ready for formats: white space reduced to single separators, sentences and fact offsets known.

This is done once per document; every format then works on whole strings, and a position in a view follows from a
position here by adding lengths, never by searching.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from kinj.augment.formats.sentences import split_sentences
from kinj.data.records import Document

SPACE, PARAGRAPH = " ", "\n"
"""The only white space in a flat text: between words, and between paragraphs (where the original has an empty line)."""

Place = tuple[int, int]
"""A position: which unit of the text, and how many characters into it."""

_UNTIDY = re.compile(r"^\s|\s\s|[^\S ]|\s$")
_GAP = re.compile(r"\s+")
_EMPTY_LINE = re.compile(r"\n[^\S\n]*\n|\u2029")


@dataclass(frozen=True)
class Units:
    """The parts of a flat text that a format treats alike (at least one), and where the facts stand in them."""

    texts: list[str]
    facts: list[tuple[Place, Place]]


class Flat:
    """A document's text with single separators, and where its facts' values stand in it.

    Args:
        document: facts must lie within the text. If `text` is empty then, there is nothing to format.
    """

    def __init__(self, document: Document) -> None:
        self.text, positions = flatten(document.text, [p for fact in document.facts for p in (fact.start, fact.end)])
        self._spans = list(zip(positions[0::2], positions[1::2], strict=True))

    @cached_property
    def whole(self) -> Units:
        """The text as one unit."""
        return Units([self.text], [((0, start), (0, max(start, end))) for start, end in self._spans])

    @cached_property
    def sentences(self) -> Units:
        """One unit per sentence, without the separators between them."""
        pieces = split_sentences(self.text)
        starts = [0, *accumulate(map(len, pieces))]
        texts = [piece.rstrip(" \n") for piece in pieces]
        return Units(texts, [_places(starts, texts, start, end) for start, end in self._spans])


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


def flatten(text: str, positions: Sequence[int]) -> tuple[str, list[int]]:
    """The text with single separators and none at its ends, and where `positions` (0 to its length) come to lie."""
    if not _UNTIDY.search(text):
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
