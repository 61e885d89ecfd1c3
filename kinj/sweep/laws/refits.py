"""A law fitted again and again to resampled seeds: how far any figure that follows from the fit could be off."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from kinj.stats import bootstrap_ends, resamples
from kinj.stats.intervals import NO_SPREAD
from kinj.sweep.laws.base import Estimate, Law, NoFitError, Point, Row

LEAST_SHARE = 0.5
"""Share of the resamples that must determine a figure, for an interval to be given."""

Figure = Callable[[Sequence[Point], Estimate], float | None]
"""Something that follows from points and the law fitted to them; None where it does not."""
Ends = tuple[float, float]


@dataclass(frozen=True)
class _Refit:
    times: int
    points: Sequence[Point]
    estimate: Estimate


class Refits:
    """Fits of a law to resamples of the seeds.

    Args:
        law: the law.
        rows: the trials.
        without: cells whose points the law is not fitted to.
    """

    def __init__(self, law: Law, rows: Sequence[Row], without: Collection[str] = ()) -> None:
        by_unit: dict[int, list[Row]] = {}
        for row in rows:
            by_unit.setdefault(row.unit, []).append(row)
        self.units = len(by_unit)
        drawn = Counter(resamples(list(by_unit)))
        self.draws = drawn.total()
        self._fits: list[_Refit] = []
        for chosen, times in drawn.items():
            points = law.points([row for unit in chosen for row in by_unit[unit]])
            try:
                estimate = law.estimate([point for point in points if point.cell not in without])
            except NoFitError:
                continue
            self._fits.append(_Refit(times, points, estimate))

    @property
    def lost(self) -> int:
        """Resamples that do not determine the law."""
        return self.draws - sum(fit.times for fit in self._fits)

    def ends(self, value: float, figure: Figure, log: bool = False) -> Ends | None:
        """The 95 % interval of a figure; None where too few resamples determine it, or all give the same: of few seeds that
        are alike, chance makes that, and it says nothing of how sure the figure is.

        Args:
            value: the figure in the data.
            figure: how it follows from the points and the estimate of a resample.
            log: make the interval on the log scale; only for figures above 0.
        """
        drawn: list[float] = []
        for fit in self._fits:
            found = figure(fit.points, fit.estimate)
            if found is not None and math.isfinite(found) and (found > 0 or not log):
                drawn += [math.log(found) if log else found] * fit.times
        if len(drawn) < LEAST_SHARE * self.draws or (log and value <= 0):
            return None
        low, high = bootstrap_ends(math.log(value) if log else value, drawn, self.units)
        if high - low < NO_SPREAD:
            return None
        return (math.exp(low), math.exp(high)) if log else (low, high)
