"""The law of the smaller sizes and doses against the largest, beside what one would guess without a law."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from kinj.sweep.laws.base import Estimate, Law, NoFitError, Point, Row
from kinj.sweep.laws.refits import Figure, Refits


def held_out(law: Law, rows: Sequence[Row], points: Sequence[Point]) -> dict[str, Any]:
    """What the law, fitted without the largest, predicts for them.

    Returns:
        `points` (by curve: `measured`, `predicted` with the ends of its interval, and the guesses `naive`), `error` of the law and
        `naive_errors` of the guesses (means over the curves; factors where `log_y`, else differences), whether the law `beats`
        them all, and `why` nothing was predicted.
    """
    held = law.held_out(points)
    cells = {point.cell for point in held}
    known = [point for point in points if point.cell not in cells]
    try:
        estimate = law.estimate(known)
        shown = [_shown(law, known, many, estimate) for many in by_line(law, held).values()]
    except NoFitError as reason:
        return {"points": [], "error": None, "naive_errors": {}, "beats": None, "why": str(reason)}
    refits = Refits(law, rows, without=cells)
    for one in shown:
        one.update(interval(refits.ends(one["predicted"], _predicted(law, cells, one["name"]), law.log_y)))
    error = _mean([_error(law, one["predicted"], one["measured"]) for one in shown])
    guesses = {
        key: _mean([_error(law, one["naive"][key], one["measured"]) for one in shown]) for key in shown[0]["naive"]
    }
    beats = all(error < guess for guess in guesses.values())
    return {"points": shown, "error": error, "naive_errors": guesses, "beats": beats, "why": None}


def by_line(law: Law, points: Sequence[Point]) -> dict[str, list[Point]]:
    """The points of each curve that is drawn, by x."""
    found: dict[str, list[Point]] = {}
    for point in sorted(points, key=lambda point: (law.line(point), point.x, point.cell)):
        found.setdefault(law.line(point), []).append(point)
    return found


def interval(ends: tuple[float, float] | None) -> dict[str, float | None]:
    """Ends as results hold them."""
    return {"low": ends[0] if ends else None, "high": ends[1] if ends else None}


def _shown(law: Law, known: Sequence[Point], many: Sequence[Point], estimate: Estimate) -> dict[str, Any]:
    guesses = [law.naive(known, point) for point in many]
    return {
        "name": law.line(many[0]),
        "x": many[0].x,
        "measured": pooled(many, [point.y for point in many]),
        "predicted": pooled(many, [law.predict(estimate, point) for point in many]),
        "naive": {key: pooled(many, [guess[key] for guess in guesses]) for key in guesses[0]},
    }


def _predicted(law: Law, cells: set[str], line: str) -> Figure:
    def figure(points: Sequence[Point], estimate: Estimate) -> float | None:
        many = [point for point in points if point.cell in cells and law.line(point) == line]
        return pooled(many, [law.predict(estimate, point) for point in many]) if many else None

    return figure


def pooled(points: Sequence[Point], values: Sequence[float]) -> float:
    """The mean of values, weighted as the points they belong to."""
    return sum(p.weight * value for p, value in zip(points, values, strict=True)) / sum(p.weight for p in points)


def _error(law: Law, predicted: float, measured: float) -> float:
    """How far off a prediction is: as a share of what was measured where errors are factors, else the difference."""
    if not law.log_y:
        return abs(predicted - measured)
    return abs(predicted / measured - 1) if measured else math.inf


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
