"""Accuracy against views and repetitions, log-linear (arXiv 2409.07431)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

from kinj.stats import least_squares
from kinj.sweep.laws.base import Estimate, Found, Law, Meaning, NoFitError, Point, Row
from kinj.sweep.laws.points import by_series, cells, in_words, named, need


class Exposure(Law):
    """accuracy = level + gain · log2(exposures) + by_views · log2(views); exposures are views × repetitions.

    So `gain` is what twice as many exposures add at the same number of views, and `by_views` what it adds if they are further views
    rather than repetitions; it is left out where views follow from exposures. Accuracy is the measure of the sweep.
    """

    name = "exposure"
    x_label = "exposures (views × repetitions)"
    y_label = "accuracy"
    share = True
    least = 4
    vary = "vary train.stages.NAME.epochs, data.biographies.views or both"
    meanings: ClassVar[Mapping[str, Meaning]] = {
        "gain": Meaning("accuracy gained by twice as many exposures"),
        "by_views": Meaning("what is gained more if the exposures are new views, not repetitions"),
        "level": Meaning("where the line stands at one exposure"),
    }

    def check(self, rows: Sequence[Row]) -> None:
        doses = {round(math.log2(row.dose), 1) for row in rows if row.dose > 0 and row.measure is not None}
        what = "different numbers of exposures at which the sweep's measure was taken"
        need(self.name, what, self.least, len(doses), self.vary)

    def points(self, rows: Sequence[Row]) -> list[Point]:
        return cells([row for row in rows if row.dose > 0], lambda row: row.dose, lambda row: row.measure)

    def estimate(self, points: Sequence[Point]) -> Estimate:
        estimate: Estimate = {}
        for series, many in by_series(points).items():
            columns = [[math.log2(point.x) for point in many], [math.log2(point.at["views"]) for point in many]]
            accuracy = [point.y for point in many]
            try:
                level, gain, by_views = least_squares(columns, accuracy)
                estimate[named("by_views", series)] = by_views
            except ValueError:
                level, gain = _without_views(columns[0], accuracy)
            estimate |= {named("gain", series): gain, named("level", series): level}
        return estimate

    def predict(self, estimate: Estimate, point: Point) -> float:
        """Between 0 and 1, as accuracy is."""
        level, gain = (estimate[named(name, point.series)] for name in ("level", "gain"))
        by_views = estimate.get(named("by_views", point.series), 0.0)
        return min(1.0, max(0.0, level + gain * math.log2(point.x) + by_views * math.log2(point.at["views"])))

    def naive(self, known: Sequence[Point], point: Point) -> dict[str, float]:
        last = by_series(known)[point.series][-1]
        return {"no further gain": last.y, "in proportion to exposures": min(1.0, last.y * point.x / last.x)}

    def line(self, point: Point) -> str:
        views = f"{point.at['views']:.0f} view{'s' if point.at['views'] > 1 else ''}"
        return f"{point.series}, {views}" if point.series else views

    def answer(self, found: Mapping[str, Found], points: Sequence[Point]) -> tuple[bool, str]:
        """Found where more exposures are answered better."""
        parts, gains = [], []
        for series in by_series(points):
            gain, views = found[named("gain", series)], found.get(named("by_views", series))
            gains.append(gain.above_0)
            more = f", and {views.percent} points more if they are new views" if views else ""
            parts.append(f"{in_words(series)}twice as many exposures add {gain.percent} points of accuracy{more}")
        return any(gains), "; ".join(parts)


def _without_views(doses: Sequence[float], accuracy: Sequence[float]) -> tuple[float, float]:
    try:
        level, gain = least_squares([doses], accuracy)
    except ValueError:
        raise NoFitError("a curve has fewer than two different numbers of exposures") from None
    return level, gain
