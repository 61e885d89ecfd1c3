"""Bits of knowledge per parameter against exposures (arXiv 2404.05405)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from kinj.eval.probes.capacity import CEILING
from kinj.stats import least_squares
from kinj.sweep.laws.base import REACH, Estimate, Found, Law, Meaning, NoFitError, Point, Row
from kinj.sweep.laws.points import by_series, cells, in_words, named, need

CONTEXTS = ("sentences", "recited")
"""Where bits are read, a curve each: after held-out sentences, which is knowledge, and in people's own texts, as in the source."""
LEAST = 2
"""Numbers of exposures that a line takes."""
FULL = 0.75
"""Share of all there is to know from which a model does not count as filled: what is seen there is the ceiling of the facts."""
REFERENCES = {100: 1.0, 1000: 2.0}
"""Exposures at which the source gives the capacity, and its bits per parameter."""


class Capacity(Law):
    """bits per parameter = level + slope · log10(exposures), over models that the facts fill.

    Bits are those of all injected people (`bits_per_person/sentences` and `/recited` of the probe `capacity` times their number),
    parameters are all of the model's, its embeddings included. A model that holds nearly all facts could hold more of them, and one
    that holds none shows nothing: both are left out, and said to be, and so is a curve of which no two doses are left.
    """

    name = "capacity"
    x_label = "exposures"
    y_label = "bits per parameter"
    least = 3
    vary = "ask eval.probes=[capacity] of models that read the same people for 20, 60 and 200 epochs, say"
    meanings: ClassVar[Mapping[str, Meaning]] = {
        "bits_per_tenfold": Meaning("bits per parameter gained by ten times the exposures", published=1.0),
        "level": Meaning("where the line stands at one exposure"),
        "bits_at_100": Meaning("bits per parameter after 100 exposures", published=REFERENCES[100]),
        "bits_at_1000": Meaning("bits per parameter after 1,000 exposures", published=REFERENCES[1000]),
    }

    def check(self, rows: Sequence[Row]) -> None:
        doses = _doses(_all(rows))
        what = "different numbers of exposures at which the probe `capacity` was asked"
        need(self.name, what, self.least, len(doses), self.vary)

    def points(self, rows: Sequence[Row]) -> list[Point]:
        curves = by_series(point for point in _all(rows) if _filled(point)).values()
        return [point for many in curves if len(_doses(many)) >= LEAST for point in many]

    def estimate(self, points: Sequence[Point]) -> Estimate:
        if not points:
            raise NoFitError("models were filled at fewer than two numbers of exposures")
        estimate: Estimate = {}
        for series, many in by_series(points).items():
            try:
                level, slope = least_squares([[math.log10(p.x) for p in many]], [p.y for p in many])
            except ValueError:
                raise NoFitError("models were filled at fewer than two numbers of exposures") from None
            estimate |= {named("bits_per_tenfold", series): slope, named("level", series): level}
            for dose in REFERENCES:
                if many[0].x / REACH <= dose <= many[-1].x * REACH:
                    estimate[named(f"bits_at_{dose}", series)] = level + slope * math.log10(dose)
        return estimate

    def predict(self, estimate: Estimate, point: Point) -> float:
        # A curve that a resample of the seeds does not fill has no figure there.
        level, slope = (estimate.get(named(name, point.series), math.nan) for name in ("level", "bits_per_tenfold"))
        return level + slope * math.log10(point.x)

    def naive(self, known: Sequence[Point], point: Point) -> dict[str, float]:
        last = by_series(known)[point.series][-1]
        return {"as much as before": last.y, "in proportion to exposures": last.y * point.x / last.x}

    def answer(self, found: Mapping[str, Found], points: Sequence[Point]) -> tuple[bool, str]:
        """Found where more exposures store more bits."""
        parts, grows = [], []
        for series, many in by_series(points).items():
            slope = found[named("bits_per_tenfold", series)]
            grows.append(slope.above_0)
            best = max(many, key=lambda point: point.y)
            about = f"up to {best.y:.3g} bits per parameter (at {best.x:,.0f} exposures)"
            parts.append(f"{in_words(series)}{about}, {slope} more for ten times the exposures")
        return any(grows), "; ".join(parts)

    def notices(self, rows: Sequence[Row]) -> list[str]:
        return [notice for series, many in by_series(_all(rows)).items() for notice in _left_out(series, many)]


def _left_out(series: str, many: Sequence[Point]) -> list[str]:
    """What of a curve is not fitted, and why."""
    filled = [point for point in many if _filled(point)]
    blind = sum(point.y <= 0 for point in many)
    full = len(many) - blind - len(filled)
    why = {
        f"hold {100 * FULL:.0f} % of all there is to know or more, so the facts limit them": full,
        "hold nothing that the probe could see": blind,
    }
    notices = [
        f"{in_words(series)}{count} of {len(many)} settings left out: their models {what}"
        for what, count in why.items()
        if count
    ]
    alone = f"{in_words(series)}left out: a line takes models that are filled at {LEAST} numbers of exposures or more"
    return [*notices, alone] if len(_doses(filled)) < LEAST else notices


def _all(rows: Sequence[Row]) -> list[Point]:
    """Every setting in every context, filled or not."""
    return [point for context in CONTEXTS for point in cells(_read(rows, context), lambda row: row.dose, _bits)]


def _read(rows: Sequence[Row], context: str) -> list[Row]:
    """The rows where a context was asked, as rows of its own curve, which measure bits of a person."""
    bits = f"capacity.bits_per_person/{context}"
    return [
        replace(
            row,
            series=f"{row.series}, {context}" if row.series else context,
            cell=f"{row.cell}, {context}",
            measure=row.measures[bits],
        )
        for row in rows
        if bits in row.measures and row.dose > 0
    ]


def _bits(row: Row) -> float | None:
    """Bits per parameter."""
    return None if row.measure is None else row.measure * row.people / row.parameters


def _doses(points: Sequence[Point]) -> set[float]:
    """Numbers of exposures that differ by more than rounding."""
    return {round(math.log10(point.x), 2) for point in points}


def _most(point: Point) -> float:
    """Bits per parameter of a model that knows everything."""
    return CEILING * point.at["people"] / point.at["parameters"]


def _filled(point: Point) -> bool:
    return 0 < point.y < FULL * _most(point)
