"""Views put together from parts of the original's text and a few added words; facts move with the parts."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from kinj.data.records import Document, Fact, View

T = TypeVar("T")

Span = tuple[int, int]
"""A part of the original's text: start and end in characters."""

Piece = str | Span
"""What a view is made of: words that are added, or a part of the original."""

PATIENCE = 64
"""Draws in a row that give nothing new before a method is taken to have said all it can."""


@dataclass(frozen=True)
class Draft:
    """A view to be: its pieces, and which variant of the method they follow (empty where there is only one)."""

    pieces: Sequence[Piece]
    variant: str = ""


class Drafting(ABC):
    """A method with `preserves = "facts"` that writes views as drafts. The base drops repetitions and moves the facts.

    Args:
        seed: recorded in the views.
    """

    name: str
    preserves = "facts"

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    @abstractmethod
    def drafts(self, document: Document, rng: random.Random) -> Iterator[Draft]:
        """Drafts in the order they are to be used; repetitions are allowed, and there may be no end."""

    def views(self, document: Document, count: int, rng: random.Random) -> Iterator[Document]:
        """Up to `count` views, pairwise distinct and distinct from the document; fewer if no more are found.

        The first views do not depend on `count`.
        """
        seen = {document.text}
        repeated = 0
        drafts = self.drafts(document, rng)
        while len(seen) <= count and repeated < PATIENCE and (draft := next(drafts, None)) is not None:
            text, facts = assemble(document, draft.pieces)
            repeated = repeated + 1 if text in seen else 0
            if text not in seen:
                yield self._view(document, draft, len(seen), text, facts)
                seen.add(text)

    def _view(self, document: Document, draft: Draft, index: int, text: str, facts: list[Fact]) -> Document:
        method = f"{self.name}/{draft.variant}" if draft.variant else self.name
        return Document(
            id=f"{document.id}#{self.name}.{index}",
            text=text,
            title=document.title,
            facts=facts,
            source=document.origin,
            view=View(method=method, index=index, seed=self.seed),
            meta=dict(document.meta),
        )


def assemble(document: Document, pieces: Sequence[Piece]) -> tuple[str, list[Fact]]:
    """The text of the pieces, and the document's facts where their values stand in it.

    Where a value occurs in several pieces, the last place counts. A fact is left out if its value is nowhere in one part.
    """
    written: list[str] = []
    runs: list[tuple[int, int, int]] = []  # parts of the original that stay together: start, end, start in the view
    size = 0
    for piece in pieces:
        if isinstance(piece, str):
            part = piece
        else:
            part = document.text[piece[0] : piece[1]]
            if runs and runs[-1][1] == piece[0] and runs[-1][2] + piece[0] - runs[-1][0] == size:
                runs[-1] = (runs[-1][0], piece[1], runs[-1][2])
            else:
                runs.append((*piece, size))
        written.append(part)
        size += len(part)
    moved = (_moved(fact, runs) for fact in document.facts)
    return "".join(written), [fact for fact in moved if fact is not None]


def replaced(start: int, end: int, changes: Sequence[tuple[Span, str]]) -> list[Piece]:
    """A part of the original with other words in some places, which are in order and apart from each other."""
    pieces: list[Piece] = []
    for (opening, ending), words in changes:
        pieces += [(start, opening), words]
        start = ending
    return [*pieces, (start, end)]


def _moved(fact: Fact, runs: Sequence[tuple[int, int, int]]) -> Fact | None:
    for start, end, target in reversed(runs):
        if start <= fact.start and fact.end <= end:
            return replace(fact, start=target + fact.start - start, end=target + fact.end - start)
    return None


def pick(items: Sequence[T], rng: random.Random) -> T:
    """One of the items."""
    return items[int(rng.random() * len(items))]  # random() alone is promised to stay the same in every Python


def shuffled(items: Sequence[T], rng: random.Random) -> list[T]:
    """The items in random order, by random() alone as in `pick`."""
    pool = list(items)
    return [pool.pop(int(rng.random() * len(pool))) for _ in items]
