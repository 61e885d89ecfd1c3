"""How far two verdicts on the same items agree, and how far beyond chance (Cohen 1960, "A Coefficient of Agreement")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Confusion:
    """How often both say yes, only the one or the other does, and neither."""

    both: int
    first_only: int
    second_only: int
    neither: int

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa: the agreement beyond that of two who say yes as often as these, without looking; 1 is perfect, 0 chance.

        None where chance alone would make them agree always: both say the same of everything.
        """
        n = self.both + self.first_only + self.second_only + self.neither
        first, second = self.both + self.first_only, self.both + self.second_only
        chance = first * second + (n - first) * (n - second)
        return None if chance == n * n else (n * (self.both + self.neither) - chance) / (n * n - chance)


def confusion(first: Sequence[bool], second: Sequence[bool]) -> Confusion:
    """The counts over pairs of verdicts.

    Raises:
        ValueError: they are not as many.
    """
    pairs = list(zip(first, second, strict=True))
    return Confusion(*(pairs.count(pair) for pair in ((True, True), (True, False), (False, True), (False, False))))
