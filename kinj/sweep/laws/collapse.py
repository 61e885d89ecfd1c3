"""The dose beyond which more of the same facts is worse, against model size and tokens (arXiv 2509.19371)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import stdev
from typing import ClassVar, NamedTuple

from kinj.config.errors import UsageError
from kinj.report.numbers import short
from kinj.stats import least_squares
from kinj.sweep.laws.base import Estimate, Found, Law, Meaning, NoFitError, Point, Row
from kinj.sweep.laws.budgets import Curve, curves
from kinj.sweep.laws.points import by_series, cells, in_words, mean, named, need

POINTS = 0.05
"""How far accuracy must fall below its peak."""
ERRORS = 2.0
"""And by how many standard errors of that fall, over seeds."""
CHANCE = {2: 0.17, 3: 0.09, 4: 0.06}
"""Share of curves that only level off, with noise of 8 points, in which so few seeds see a collapse (docs/laws/collapse.md)."""


MILLION = 1e6
"""The answer states the law for so many parameters and tokens."""
POWERS = {"by_size": "parameters", "by_tokens": "tokens"}
"""Parameters of the law that are powers, and of what."""
Value = Callable[[Row], float | None]


class Fallen(NamedTuple):
    """A collapse: where the fall reaches `POINTS`, the last dose before, and the dose that shows it."""

    dose: float
    after: float
    by: float


class Collapse(Law):
    """dose* = scale · parameters^by_size · tokens^by_tokens, where dose* are the exposures at which accuracy collapses.

    On the curve of one size and budget, accuracy has collapsed at the smallest dose above that of its peak where it is more than 5
    points, and more than twice the standard error over seeds, below the peak. The dose* is where the straight line from the dose
    before it, in the logarithm of the dose, crosses 5 points. The budget is what is the same at all doses: all tokens, where facts
    displace other texts, or the tokens of the other texts, where facts come on top.
    """

    name = "collapse"
    x_label = "parameters"
    y_label = "exposures at the collapse"
    log_y = True
    least = 4
    vary = "vary the weight or share of the documents over a wide range, such as 1,3,10,30,100"
    what = "accuracy"
    falls = "collapses"
    meanings: ClassVar[Mapping[str, Meaning]] = {
        "by_size": Meaning("dose* grows with this power of the number of parameters"),
        "by_tokens": Meaning("dose* grows with this power of the number of tokens"),
        "level": Meaning("natural logarithm of dose* for one parameter and one token, by the formula"),
        "dose": Meaning("dose* of this size and budget", log=True),
    }

    def value(self, row: Row) -> float | None:
        """What collapses."""
        return row.measure

    def check(self, rows: Sequence[Row]) -> None:
        known = self._measured(rows)
        if any(row.fact_tokens is None for row in known):
            what = "these runs did not count the tokens of facts (doses.parquet has no column `tokens`)"
            raise UsageError(what, "they are of an earlier version: run the sweep anew in another folder (-o)")
        least = min((len({row.cell for row in curve.rows}) for curve in curves(known)), default=0)
        need(
            self.name,
            f"doses for each model size and budget of tokens, each with a measured {self.what}",
            self.least,
            least,
            self.vary,
        )
        highest = max(self._peak(curve) for curve in curves(known))
        if highest <= POINTS:
            raise NoFitError(f"{self._too_little(highest)}; train for more steps")

    def points(self, rows: Sequence[Row]) -> list[Point]:
        found = []
        for curve in curves(self._measured(rows)):
            fallen = self._collapse(curve)
            if fallen is not None:
                people = mean(row.people for row in curve.rows)
                at = {
                    "parameters": curve.parameters,
                    "tokens": curve.budget,
                    "people": people,
                    "after": fallen.after,
                    "by": fallen.by,
                }
                found.append(Point(curve.name, curve.series, curve.parameters, fallen.dose, at=at))
        return found

    def _measured(self, rows: Sequence[Row]) -> list[Row]:
        return [row for row in rows if self.value(row) is not None and row.dose > 0]

    def _collapse(self, curve: Curve) -> Fallen | None:
        return collapse_of(self._means(curve), _errors(curve.rows, self.value))

    def _peak(self, curve: Curve) -> float:
        return max(point.y for point in self._means(curve))

    def _means(self, curve: Curve) -> list[Point]:
        return cells(curve.rows, lambda row: row.dose, self.value)

    def estimate(self, points: Sequence[Point]) -> Estimate:
        if not points:
            raise NoFitError(
                f"no collapse: {self.what} never falls by more than 5 points and twice its error below its peak"
            )
        estimate: Estimate = {named("dose", point.cell): point.y for point in points}
        for series, many in by_series(points).items():
            estimate |= {named(name, series): value for name, value in _powers(many).items()}
        return estimate

    def predict(self, estimate: Estimate, point: Point) -> float:
        level, size, tokens = (
            estimate.get(named(name, point.series), 0.0) for name in ("level", "by_size", "by_tokens")
        )
        return math.exp(level + size * math.log(point.x) + tokens * math.log(point.at["tokens"]))

    def naive(self, known: Sequence[Point], point: Point) -> dict[str, float]:
        many = by_series(known)[point.series]
        dose = mean(math.log(one.y) for one in many)
        share = mean(math.log(one.y * one.at["people"] / one.at["tokens"]) for one in many)
        return {
            "the same dose": math.exp(dose),
            "the same share of tokens": math.exp(share) * point.at["tokens"] / point.at["people"],
        }

    def line(self, point: Point) -> str:
        tokens = f"{short(point.at['tokens'])} tokens" if point.at["tokens"] > 1 else ""
        return ", ".join(filter(None, [point.series, tokens]))

    def answer(self, found: Mapping[str, Found], points: Sequence[Point]) -> tuple[bool, str]:
        """Found where a collapse was seen; whether it moves with size is said beside it."""
        parts = []
        for series, many in by_series(points).items():
            powers = {name: one for name in POWERS if (one := found.get(named(name, series))) and one.ends}
            level = found.get(named("level", series))
            moves = "how it moves with size is not known"
            if level and "by_size" in powers:
                scale = math.exp(level.value + math.log(MILLION) * sum(power.value for power in powers.values()))
                factors = [f"({POWERS[name]} / 1 M)^{power}" for name, power in powers.items()]
                moves = " · ".join([f"dose* = {short(scale)}", *factors])
            alone = found.get(named("dose", many[0].cell)) if len(many) == 1 else None
            doses = alone or _range([point.y for point in many])
            parts.append(f"{in_words(series)}{self.what} {self.falls} at {doses} exposures; {moves}")
        return True, "; ".join(parts)

    def resolution(self, parameter: str, points: Sequence[Point]) -> tuple[float, float] | None:
        """Of a dose*: between which two doses of the sweep it lies."""
        found = [(point.at["after"], point.at["by"]) for point in points if named("dose", point.cell) == parameter]
        return found[0] if found else None

    def notices(self, rows: Sequence[Row]) -> list[str]:
        all_curves = curves(self._measured(rows))
        without = [curve for curve in all_curves if self._collapse(curve) is None]
        by_chance = CHANCE.get(len({row.unit for row in rows})) if len(without) < len(all_curves) else None
        few = "with so few seeds noise alone looks like this in up to {:.0f} % of curves that only level off: add seeds"
        return [
            *(f"{curve.name}: {self._stands(curve)}" for curve in without),
            *([few.format(100 * by_chance)] if by_chance else []),
        ]

    def _stands(self, curve: Curve) -> str:
        """What is to be said of a curve without a collapse."""
        peak, most = self._peak(curve), short(max(row.dose for row in curve.rows))
        if peak <= POINTS:
            return self._too_little(peak)
        return f"no collapse up to {most} exposures"

    def _too_little(self, peak: float) -> str:
        return f"{self.what} is at most {100 * peak:.1f} %, too little to fall by {100 * POINTS:.0f} points"


def _powers(points: Sequence[Point]) -> Estimate:
    """`level` and the powers that the points determine: of both size and tokens, of one of them, or of neither."""
    doses = [math.log(point.y) for point in points]
    columns = {name: [math.log(point.at[key]) for point in points] for name, key in POWERS.items()}
    for names in (("by_size", "by_tokens"), ("by_size",), ("by_tokens",)):
        try:
            level, *slopes = least_squares([columns[name] for name in names], doses)
        except ValueError:
            continue
        return {"level": level, **dict(zip(names, slopes, strict=True))}
    return {"level": mean(doses)}


def collapse_of(curve: Sequence[Point], errors: Mapping[str, float]) -> Fallen | None:
    """Where a curve of accuracy against dose collapses; None where it does not.

    Args:
        curve: the means.
        errors: the standard error of each mean, by cell.
    """
    ordered = sorted(curve, key=lambda point: point.x)
    peak = max(ordered, key=lambda point: point.y)
    before = peak
    for point in ordered[ordered.index(peak) + 1 :]:
        fall = peak.y - point.y
        if fall > max(POINTS, ERRORS * math.hypot(errors[peak.cell], errors[point.cell])):
            return Fallen(_crossing(before, point, peak.y - POINTS), before.x, point.x)
        before = point
    return None


def _crossing(before: Point, after: Point, level: float) -> float:
    """Where the straight line between two points, in the logarithm of x, crosses a level; `before` where it was below already."""
    if before.y <= level:
        return before.x
    part = (before.y - level) / (before.y - after.y)
    return float(before.x * (after.x / before.x) ** part)


def _errors(rows: Sequence[Row], value: Value) -> dict[str, float]:
    """The standard error of each cell's mean over its trials; 0 of a single one."""
    found: dict[str, list[float]] = {}
    for row in rows:
        found.setdefault(row.cell, []).append(value(row) or 0.0)
    return {cell: stdev(many) / math.sqrt(len(many)) if len(many) > 1 else 0.0 for cell, many in found.items()}


def _range(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return short(low) if low == high else f"{short(low)} to {short(high)}"
