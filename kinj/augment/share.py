"""How many views each document gets."""

from __future__ import annotations

from dataclasses import dataclass

from kinj.data.rng import stable_seed


@dataclass(frozen=True)
class Share:
    """`least` views of every document, and one more of a share `more` (0 to 1) of them, drawn by their ids."""

    least: int
    more: float = 0.0

    def views(self, identity: str, seed: int) -> int:
        """Views of the document with this id."""
        return self.least + (self.more > 0 and place(identity, seed) < self.more)


def place(identity: str, seed: int) -> float:
    """Where a document stands in the drawing, from 0 to 1."""
    return stable_seed(seed, identity, "share") / 2**64
