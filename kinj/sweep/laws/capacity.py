"""Bits of knowledge per parameter against exposures (arXiv 2404.05405)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

from kinj.eval.probes.capacity import CEILING
from kinj.stats import least_squares
from kinj.sweep.laws.base import REACH, Estimate, Found, Law, Meaning, NoFitError, Point, Row
from kinj.sweep.laws.points import by_series, cells, in_words, named, need

BITS = "capacity.bits_per_person/sentences"
"""Read off held-out sentences, as the source reads them off its texts; so no question has to be trained on."""
FULL = 0.9
"""Share of all there is to know from which a model does not count as filled: what is seen there is the ceiling of the facts."""
REFERENCES = {100: 1.0, 1000: 2.0}
"""Exposures at which the source gives the capacity, and its bits per parameter."""


class Capacity(Law):
    """bits per parameter = level + slope · log10(exposures), over models that the facts fill.

    Bits are those of all injected people (`bits_per_person/sentences` of the probe `capacity` times their number), parameters are
    all of the model's, its embeddings included. A model that holds nearly all facts could hold more of them, and one that holds
    none shows nothing: both are left out, and said to be.
    """

    name = "capacity"
    x_label = "exposures"
    y_label = "bits per parameter"
    meanings: ClassVar[Mapping[str, Meaning]] = {
        "bits_per_tenfold": Meaning("bits per parameter gained by ten times the exposures", published=1.0),
        "level": Meaning("where the line stands at one exposure"),
        "bits_at_100": Meaning("bits per parameter after 100 exposures", published=REFERENCES[100]),
        "bits_at_1000": Meaning("bits per parameter after 1,000 exposures", published=REFERENCES[1000]),
    }

    def check(self, rows: Sequence[Row]) -> None:
        doses = {round(math.log10(row.dose), 2) for row in rows if row.dose > 0 and BITS in row.measures}
        hint = "ask eval.probes=[capacity] of models that read the same people for 20, 60 and 200 epochs, say"
        need(self.name, "different numbers of exposures at which the probe `capacity` was asked", 3, len(doses), hint)

    def points(self, rows: Sequence[Row]) -> list[Point]:
        return [point for point in _all(rows) if _filled(point)]

    def estimate(self, points: Sequence[Point]) -> Estimate:
        if not points:
            raise NoFitError("no model was filled; each holds nearly all of the facts, or nothing of them")
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
        level, slope = (estimate[named(name, point.series)] for name in ("level", "bits_per_tenfold"))
        return level + slope * math.log10(point.x)

    def naive(self, known: Sequence[Point], point: Point) -> dict[str, float]:
        last = by_series(known)[point.series][-1]
        return {"as much as before": last.y, "in proportion to exposures": last.y * point.x / last.x}

    def answer(self, found: Mapping[str, Found], points: Sequence[Point]) -> tuple[bool, str]:
        """Found where more exposures store more bits."""
        parts, grows = [], []
        for series, many in by_series(points).items():
            slope = found.get(named("bits_per_tenfold", series))
            grows.append(slope is not None and slope.above_0)
            best = max(many, key=lambda point: point.y)
            about = f"up to {best.y:.3g} bits per parameter (at {best.x:,.0f} exposures)"
            parts.append(f"{in_words(series)}{about}, {slope or 'an unknown number'} more for ten times the exposures")
        return any(grows), "; ".join(parts)

    def notices(self, rows: Sequence[Row]) -> list[str]:
        everything = _all(rows)
        left_out = {
            f"hold {FULL:.0%} of all there is to know or more, so the facts limit them": [
                p for p in everything if p.y >= FULL * _most(p)
            ],
            "hold nothing that the probe could see": [p for p in everything if p.y <= 0],
        }
        return [
            f"{len(many)} of {len(everything)} settings left out: their models {why}"
            for why, many in left_out.items()
            if many
        ]


def _all(rows: Sequence[Row]) -> list[Point]:
    """Every setting, filled or not."""
    return cells(rows, lambda row: row.dose, _bits)


def _bits(row: Row) -> float | None:
    bits = row.measures.get(BITS)
    return None if bits is None or row.dose <= 0 else bits * row.people / row.parameters


def _most(point: Point) -> float:
    """Bits per parameter of a model that knows everything."""
    return CEILING * point.at["people"] / point.at["parameters"]


def _filled(point: Point) -> bool:
    return 0 < point.y < FULL * _most(point)
