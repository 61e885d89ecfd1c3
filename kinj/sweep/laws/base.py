"""What a law is made of: rows (trials) become points, points an estimate, an estimate a curve and an answer.

A law is one file and one card (docs/laws/NAME.md). It says only what is its own; resampling, intervals, the held-out check, curves
and files are shared (`kinj.sweep.laws.study`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

REACH = 10.0
"""A law says nothing about sizes and doses further than this factor outside of what was measured."""
NEARLY = 0.02
"""Sizes and doses within this share of each other count as equal: a last epoch may end a little early."""


@dataclass(frozen=True)
class Row:
    """One finished trial as numbers.

    Attributes:
        series: the curve it belongs to: its arm, and every setting that is neither a size, a dose nor a seed; empty where there is
            only one.
        cell: what it shares with its repetitions over seeds.
        unit: the data seed where there are several, else the training seed.
        parameters: of the model.
        people: facts' subjects (documents) that were injected.
        dose: exposures of a fact, mean over the documents.
        views: texts about a document that were shown, mean over the documents.
        tokens: read in training, of all sources.
        fact_tokens: those of the injected documents; None in a run of an earlier version, which did not count them.
        measures: values by `probe.name`.
        measure: the measure that the sweep compares (`sweep.measure`); None where this trial did not measure it.
        course: values of one measure on the way, as (step, value).
        outcomes: of each question asked, how often its document was shown and the score.
    """

    series: str
    cell: str
    unit: int
    parameters: float = 0.0
    people: int = 0
    dose: float = 0.0
    views: float = 1.0
    tokens: float = 0.0
    fact_tokens: float | None = 0.0
    measures: Mapping[str, float] = field(default_factory=dict)
    measure: float | None = None
    course: Sequence[tuple[int, float]] = ()
    outcomes: Sequence[tuple[int, float]] = ()


@dataclass(frozen=True)
class Point:
    """One place on a curve; `weight` is the number of items behind `y`, `at` whatever else the place is known by."""

    cell: str
    series: str
    x: float
    y: float
    weight: float = 1.0
    at: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Meaning:
    """What a parameter says.

    Attributes:
        text: in words.
        log: its error is a factor, so its interval is made on the log scale; it is above 0.
        published: the value of the source, where it gives one.
    """

    text: str
    log: bool = False
    published: float | None = None


@dataclass(frozen=True)
class Found:
    """A parameter with the ends of its 95 % interval over seeds, where there is one."""

    value: float
    ends: tuple[float, float] | None

    def __str__(self) -> str:
        return self._written(1, ".3g")

    @property
    def percent(self) -> str:
        """The same in percent (or points), with its interval."""
        return self._written(100, ".1f")

    def _written(self, scale: float, form: str) -> str:
        value, *ends = (format(scale * one, form) for one in (self.value, *(self.ends or ())))
        return f"{value} [{', '.join(ends)}]" if ends else f"{value} (no interval)"

    @property
    def above_0(self) -> bool:
        return self.ends is not None and self.ends[0] > 0

    def above(self, other: Found) -> bool:
        """Whether both have intervals, and this one's lies above the other's."""
        return self.ends is not None and other.ends is not None and self.ends[0] > other.ends[1]


class NoFitError(Exception):
    """These points do not determine the law."""


Estimate = dict[str, float]
"""Parameters by name; what belongs to one of several curves is called `NAME/SERIES`."""


class Law(ABC):
    """One law. All methods are pure: the same numbers in any order give the same result."""

    name: ClassVar[str]
    x_label: ClassVar[str]
    y_label: ClassVar[str]
    share: ClassVar[bool] = False
    """y is a share, from 0 to 1."""
    log_y: ClassVar[bool] = False
    """Errors of y are factors."""
    course: ClassVar[str | None] = None
    """The measure on the way that it reads, as `probe.name`."""
    outcomes: ClassVar[bool] = False
    """It reads each question's outcome."""
    least: ClassVar[int] = 1
    """Settings, apart from seeds, that its points take; 1 where the doses within one run make a curve."""
    vary: ClassVar[str]
    """What to do where there are too few points."""
    meanings: ClassVar[Mapping[str, Meaning]]

    @abstractmethod
    def check(self, rows: Sequence[Row]) -> None:
        """Raises UsageError, which says what is missing and how much, where the rows are too few for the law, and NoFitError where
        nothing in them could show it."""

    @abstractmethod
    def points(self, rows: Sequence[Row]) -> list[Point]:
        """What the law is fitted to; a row may occur several times (in a resample), and weighs as often."""

    @abstractmethod
    def estimate(self, points: Sequence[Point]) -> Estimate:
        """The parameters. Raises NoFitError."""

    @abstractmethod
    def predict(self, estimate: Estimate, point: Point) -> float:
        """The law's y at the place of a point (its `y` is not read)."""

    @abstractmethod
    def naive(self, known: Sequence[Point], point: Point) -> dict[str, float]:
        """What one would predict for a place without the law, by name."""

    @abstractmethod
    def answer(self, found: Mapping[str, Found], points: Sequence[Point]) -> tuple[bool, str]:
        """Whether the law was found in this range, and one sentence, from every parameter of the estimate."""

    def held_out(self, points: Sequence[Point]) -> list[Point]:
        """The points to be predicted from the others: those with the largest x."""
        largest = max(point.x for point in points)
        return [point for point in points if point.x >= largest * (1 - NEARLY)]

    def line(self, point: Point) -> str:
        """The name of the curve that a point is drawn with."""
        return point.series

    def resolution(self, parameter: str, points: Sequence[Point]) -> tuple[float, float] | None:  # noqa: ARG002 - part of the contract
        """Between which two values a parameter lies by where the sweep measured, which seeds cannot tell; mostly None."""
        return None

    def notices(self, rows: Sequence[Row]) -> list[str]:  # noqa: ARG002 - part of the contract
        """What was left out, and why."""
        return []

    def meaning(self, parameter: str) -> Meaning:
        """What a parameter says."""
        return self.meanings[parameter.partition("/")[0]]
