"""Sentences of a document as parts of its text that may be moved or rewritten without cutting a fact's value."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from kinj.augment.formats.sentences import split_sentences
from kinj.data.records import Document, Fact

_EMPTY_LINE = re.compile(r"\n[^\S\n]*\n|\u2029")
_QUOTED = re.compile(r'"[^"]*"?|“[^”]*”?|«[^»]*»?|「[^」]*」?')


@dataclass(frozen=True)
class Sentence:
    """A sentence without the white space around it, and the number of its paragraph."""

    start: int
    end: int
    paragraph: int

    def holds(self, fact: Fact) -> bool:
        """Whether a fact's value stands in it."""
        return self.start <= fact.start and fact.end <= self.end


def sentences_of(document: Document) -> list[Sentence]:
    """The sentences in order. Those that share a fact's value, or the title, count as one."""
    text = document.text
    pieces = split_sentences(text)
    breaks = [match.start() for match in _EMPTY_LINE.finditer(text)]
    found: list[Sentence] = []
    for piece, after in zip(pieces, accumulate(map(len, pieces)), strict=True):
        start, end = after - len(piece.lstrip()), after - len(piece) + len(piece.rstrip())
        if start < end:
            found.append(Sentence(start, end, bisect_left(breaks, start)))
    whole = [(fact.start, fact.end) for fact in document.facts]
    if document.title:
        whole += [match.span() for match in re.finditer(re.escape(document.title), text)]
    return _joined(found, sorted(whole))


def _joined(sentences: Sequence[Sentence], whole: Sequence[tuple[int, int]]) -> list[Sentence]:
    """The same, with each part that must stay whole inside one sentence, white space at its ends included."""
    joined: list[Sentence] = []
    left = deque(whole)
    for sentence in sentences:
        grown = sentence
        while left and left[0][0] < grown.end:
            start, end = left.popleft()
            if end > grown.start:
                grown = Sentence(min(start, grown.start), max(end, grown.end), grown.paragraph)
        before = joined[-1] if joined else None
        if before and grown.start < before.end:
            joined[-1] = Sentence(min(before.start, grown.start), max(before.end, grown.end), before.paragraph)
        else:
            joined.append(grown)
    return joined


def quotations(text: str) -> list[tuple[int, int]]:
    """Parts in quotation marks; one that is never closed reaches to the end of the text."""
    return [match.span() for match in _QUOTED.finditer(text)]


def inside(position: int, spans: Sequence[tuple[int, int]]) -> bool:
    """Whether a position lies in one of the spans, which are in order and apart from each other."""
    before = bisect_right(spans, position, key=lambda span: span[0])
    return before > 0 and position < spans[before - 1][1]


def overlaps(start: int, end: int, spans: Iterable[tuple[int, int]]) -> bool:
    """Whether a part of the text shares a character with one of the spans."""
    return any(start < other_end and other_start < end for other_start, other_end in spans)
