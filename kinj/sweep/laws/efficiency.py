"""How fast a model learns rare facts: one exponent per model or recipe (arXiv 2506.16912)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import ClassVar

from scipy.optimize import brentq

from kinj.stats import least_squares
from kinj.sweep.laws.base import Estimate, Found, Law, Meaning, NoFitError, Point, Row
from kinj.sweep.laws.held import pooled
from kinj.sweep.laws.points import by_series, in_words, named, need

BINS = 4
"""Bins of exposures for every doubling; the doses up to 4 have one each."""
HELD = 0.2
"""Share of the questions, those about the most frequent facts, that are predicted from the others."""
RANGE = (1e-6, 1e3)
"""Between these lies alpha."""


_Bin = tuple[int, int, float]
"""Number of questions, and the sums of their doses and scores."""


class Efficiency(Law):
    """P(right | x exposures) = 1 - (1 + x)^-alpha, by maximum likelihood over all questions about facts that were shown.

    A larger alpha learns from fewer exposures. Questions should have no chance level: the curve begins at 0. Of several curves,
    `difference` is alpha minus that of the first one by name.
    """

    name = "efficiency"
    x_label = "exposures"
    y_label = "accuracy"
    share = True
    vary = "draw by a power law, such as train.stages.NAME.data.documents.power=0.8"
    outcomes = True
    meanings: ClassVar[Mapping[str, Meaning]] = {
        "alpha": Meaning("how fast facts are learned: larger is from fewer exposures", log=True),
        "slope": Meaning("accuracy gained by twice as many exposures, plus one"),
        "difference": Meaning("alpha minus that of the first curve by name"),
    }

    def check(self, rows: Sequence[Row]) -> None:
        doses: dict[str, set[int]] = {row.series: set() for row in rows}
        for row in rows:
            doses[row.series].update(dose for dose, _ in row.outcomes if dose)
        need(
            self.name,
            "different numbers of exposures of the facts asked about, on each curve",
            4,
            min(map(len, doses.values())),
            self.vary,
        )

    def points(self, rows: Sequence[Row]) -> list[Point]:
        bins: dict[tuple[str, int], list[_Bin]] = {}
        for row in rows:
            for place, found in _binned(tuple(row.outcomes)).items():
                bins.setdefault((row.series, place), []).append(found)
        return [_point(series, place, many) for (series, place), many in sorted(bins.items())]

    def estimate(self, points: Sequence[Point]) -> Estimate:
        estimate: Estimate = {}
        first: float | None = None
        for series, many in by_series(points).items():
            alpha = _alpha(many)
            try:
                _, slope = least_squares(
                    [[math.log2(1 + p.x) for p in many]], [p.y for p in many], [p.weight for p in many]
                )
            except ValueError:
                raise NoFitError("all facts of a curve were shown equally often") from None
            estimate |= {named("alpha", series): alpha, named("slope", series): slope}
            if first is not None:
                estimate[named("difference", series)] = alpha - first
            first = alpha if first is None else first
        if not estimate:
            raise NoFitError("no question is about a fact that was shown")
        return estimate

    def predict(self, estimate: Estimate, point: Point) -> float:
        return 1 - math.exp(-estimate[named("alpha", point.series)] * math.log1p(point.x))

    def naive(self, known: Sequence[Point], point: Point) -> dict[str, float]:
        many = by_series(known)[point.series]
        return {"as at the largest dose before": many[-1].y, "the mean of all": pooled(many, [p.y for p in many])}

    def held_out(self, points: Sequence[Point]) -> list[Point]:
        """Of each curve the facts shown most often."""
        held: list[Point] = []
        for many in by_series(points).values():
            left = HELD * sum(point.weight for point in many)
            for point in reversed(many[2:]):
                if left > 0:
                    held.append(point)
                    left -= point.weight
        return held

    def answer(self, found: Mapping[str, Found], points: Sequence[Point]) -> tuple[bool, str]:
        """Found where facts shown more often are answered better, on at least one curve."""
        series = list(by_series(points))
        rising = [one for one in series if found[named("slope", one)].above_0]
        ranked = sorted(rising, key=lambda one: -found[named("alpha", one)].value)
        alphas = [found[named("alpha", one)] for one in ranked]
        parts = (
            [_ranking(ranked, alphas)] if len(ranked) > 1 else [f"{in_words(one)}alpha {alphas[0]}" for one in ranked]
        )
        flat = [f"{in_words(one)}accuracy does not rise with exposures" for one in series if one not in rising]
        return bool(ranked), "; ".join([*parts, *flat])


def _ranking(ranked: Sequence[str], alphas: Sequence[Found]) -> str:
    """One sentence about several curves, the largest alpha first."""
    first, *others = (f"{one} ({alpha})" for one, alpha in zip(ranked, alphas, strict=True))
    close = "" if alphas[0].above(alphas[1]) else "; the intervals of the first two do not tell them apart"
    return f"alpha ranks {first} first, then {', then '.join(others)}{close}"


@lru_cache(maxsize=4096)  # every trial is looked at again for every resample
def _binned(outcomes: tuple[tuple[int, float], ...]) -> dict[int, _Bin]:
    """The questions of one trial by the bin of their dose; doses of 0 say nothing about alpha."""
    bins: dict[int, _Bin] = {}
    for dose, score in outcomes:
        if dose:
            place = round(BINS * math.log2(dose))
            count, doses, scores = bins.get(place, (0, 0, 0.0))
            bins[place] = count + 1, doses + dose, scores + score
    return bins


def _point(series: str, place: int, bins: Sequence[_Bin]) -> Point:
    count, doses, scores = (sum(column) for column in zip(*bins, strict=True))
    return Point(f"{series}@{place}", series, doses / count, scores / count, weight=count)


def _alpha(points: Sequence[Point]) -> float:
    """Where the derivative of the log-likelihood, which falls in alpha, is 0; 0 where no answer is right.

    Raises:
        NoFitError: all answers are right, so that alpha could be anything above some value.
    """
    doses = [(math.log1p(point.x), point.y, point.weight) for point in points]
    if all(y == 0 for _, y, _ in doses):
        return 0.0
    if all(y == 1 for _, y, _ in doses):
        raise NoFitError("all questions of a curve were answered, those about the rarest facts too")

    def falling(alpha: float) -> float:
        return sum(weight * log * (y / math.expm1(min(alpha * log, 700.0)) - (1 - y)) for log, y, weight in doses)

    return float(brentq(falling, *RANGE))
