"""A law and the trials of a sweep: the fit, its intervals over seeds, points held out, curves, and what it predicts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from kinj.report.numbers import short
from kinj.sweep.laws.base import REACH, Estimate, Found, Law, NoFitError, Point, Row
from kinj.sweep.laws.held import by_line, held_out, interval, pooled
from kinj.sweep.laws.points import need_seeds
from kinj.sweep.laws.refits import Ends, Figure, Refits

SCHEMA = 1
"""Version of laws/NAME.json (docs/laws/README.md)."""
NOTHING: dict[str, Any] = {"parameters": [], "r2": None, "held_out": None, "predictions": []}
EXACT = 1e-9
"""A share of the variance left that is rounding: the law has as many parameters as there are points, and explains nothing."""
CURVE = 40
"""Places at which a curve is drawn."""


def study(law: Law, rows: Sequence[Row], at: Sequence[float] = ()) -> dict[str, Any]:
    """Fits a law; returns the content of laws/NAME.json.

    Args:
        law: the law.
        rows: the finished trials of a sweep, in any order.
        at: values of x to predict y for.

    Raises:
        UsageError: the rows are too few for this law; it says what is missing.
    """
    rows = sorted(rows, key=lambda row: (row.series, row.cell, row.unit))
    seeds = len({row.unit for row in rows})
    need_seeds(law.name, seeds)
    about = {
        "schema": SCHEMA,
        "law": law.name,
        "x": law.x_label,
        "y": law.y_label,
        "share": law.share,
        "log_y": law.log_y,
        "trials": len(rows),
        "seeds": seeds,
    }
    points: list[Point] = []
    try:
        law.check(rows)
        points = law.points(rows)
        return about | _fitted(law, rows, points, at)
    except NoFitError as reason:
        refits = Refits(law, rows)
        lines = [_line(law, refits, name, many, None) for name, many in by_line(law, points).items()]
        answer = {"found": False, "answer": f"not found in this range: {reason}", "notices": law.notices(rows)}
        return about | answer | NOTHING | {"lines": lines}


def _fitted(law: Law, rows: Sequence[Row], points: Sequence[Point], at: Sequence[float]) -> dict[str, Any]:
    """What a result holds where the points determine the law. Raises NoFitError."""
    estimate = law.estimate(points)
    refits = Refits(law, rows)
    ends = {name: parameter_ends(law, refits, points, name, value) for name, value in estimate.items()}
    found, answer = law.answer({name: Found(estimate[name], both) for name, both in ends.items()}, points)
    return {
        "found": found,
        "answer": answer if found else f"not found in this range: {answer}",
        "parameters": [_described(law, name, value, ends[name]) for name, value in estimate.items()],
        "r2": _r2(law, points, estimate),
        "held_out": held_out(law, rows, points),
        "predictions": [_prediction(law, refits, points, estimate, x) for x in at],
        "lines": [_line(law, refits, name, many, estimate) for name, many in by_line(law, points).items()],
        "notices": [*law.notices(rows), *_unsure(refits, [name for name, both in ends.items() if both is None])],
    }


def _unsure(refits: Refits, without: Sequence[str]) -> Iterator[str]:
    """What the seeds do not tell.

    Args:
        without: parameters without an interval.
    """
    if refits.lost:
        yield f"{refits.lost} of {refits.draws} resamples of the seeds do not determine the law"
    if without:
        why = "all seeds give the same, which is chance and no certainty, or most resamples of them do not determine it"
        yield f"no interval for {', '.join(without)}: {why}"


def parameter_ends(law: Law, refits: Refits, points: Sequence[Point], name: str, value: float) -> Ends | None:
    """The interval of a parameter over seeds, and no narrower than what the sweep can resolve."""
    ends, resolved = refits.ends(value, _of(name), law.meaning(name).log), law.resolution(name, points)
    return ends if ends is None or resolved is None else (min(ends[0], resolved[0]), max(ends[1], resolved[1]))


def _of(parameter: str) -> Figure:
    return lambda _, estimate: estimate.get(parameter)


def _at(law: Law, place: Point) -> Figure:
    return lambda _, estimate: law.predict(estimate, place)


def _described(law: Law, name: str, value: float, ends: Ends | None) -> dict[str, Any]:
    about = law.meaning(name)
    return {"name": name, "value": value, **interval(ends), "meaning": about.text, "published": about.published}


def _scale(law: Law, y: float) -> float:
    """On this scale errors are alike."""
    return math.log(max(y, 1e-12)) if law.log_y else y


def _r2(law: Law, points: Sequence[Point], estimate: Estimate) -> float | None:
    """Share of the weighted variance of the points that the law explains; None where these are equal, or the law meets all."""
    measured = [_scale(law, point.y) for point in points]
    fitted = [_scale(law, law.predict(estimate, point)) for point in points]
    mean = pooled(points, measured)
    around = pooled(points, [(y - mean) ** 2 for y in measured])
    left = pooled(points, [(y - f) ** 2 for y, f in zip(measured, fitted, strict=True)])
    return 1 - left / around if left > EXACT * around else None


def _prediction(law: Law, refits: Refits, points: Sequence[Point], estimate: Estimate, x: float) -> dict[str, Any]:
    """y at a value of x for each curve, or why there is none."""
    low, high = min(point.x for point in points), max(point.x for point in points)
    far = max(low / x, x / high)
    if far > REACH:
        way = f"{math.log10(far):.1f} decades outside what was measured ({short(low)} to {short(high)})"
        return {
            "x": x,
            "lines": [],
            "why": f"{short(x)} {law.x_label} lie {way}: no advice. Measure one point within a decade of it first.",
        }
    lines = []
    for name, many in by_line(law, points).items():
        place = replace(many[-1], x=x)
        value = law.predict(estimate, place)
        ends = refits.ends(value, _at(law, place), law.log_y)
        lines.append({"name": name, "value": value, **interval(_inside(law, ends))})
    return {"x": x, "lines": lines, "why": None}


def _line(law: Law, refits: Refits, name: str, many: Sequence[Point], estimate: Estimate | None) -> dict[str, Any]:
    """The points of a curve, and the curve with its band, drawn over what was measured."""
    shown = [{"x": p.x, "y": p.y, **interval(_inside(law, _point_ends(law, refits, p)))} for p in many]
    curve = []
    if estimate is not None and many[0].x > 0:
        low, high = many[0].x, many[-1].x
        for step in range(CURVE):
            place = replace(many[-1], x=low * (high / low) ** (step / (CURVE - 1)))
            y = law.predict(estimate, place)
            ends = refits.ends(y, _at(law, place), law.log_y)
            curve.append({"x": place.x, "y": y, **interval(_inside(law, ends))})
    return {"name": name, "points": shown, "curve": curve}


def _point_ends(law: Law, refits: Refits, point: Point) -> Ends | None:
    return refits.ends(point.y, lambda p, _: next((one.y for one in p if one.cell == point.cell), None), law.log_y)


def _inside(law: Law, ends: Ends | None) -> Ends | None:
    """A share has no values below 0 and above 1."""
    return ends if ends is None or not law.share else (max(0.0, ends[0]), min(1.0, ends[1]))
