"""Length of the plateau, on which a model knows which values there are but not whose they are, against the number of people
(arXiv 2503.21676)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import ClassVar

import numpy as np

from kinj.data.biographies import entropies
from kinj.eval.contexts import no_knowledge
from kinj.stats import least_squares
from kinj.sweep.laws.base import Estimate, Found, Law, Meaning, NoFitError, Point, Row
from kinj.sweep.laws.points import by_series, cells, in_words, mean, named, need

ENTROPY = mean(no_knowledge(relation) for relation in entropies())
"""Nats of an attribute's value, mean over attributes, for one who knows how often each is drawn, and nothing about the person."""
MARGIN = 0.05 * ENTROPY
"""How far below that the loss must be, for the plateau to be over."""
ON_THE_WAY = 2.0
"""A loss above this multiple of the entropy is still that of learning sentences."""
FLAT = 0.1
"""Share of itself by which a loss on a plateau falls at most while the steps double."""
PUBLISHED = 0.81
NO_PLATEAU = f"no plateau: the loss falls by more than {100 * FLAT:.0f} % in every doubling of steps before what counts as its end"
Course = tuple[tuple[int, float], ...]
"""A loss on the way, as (step, value)."""


class Plateau(Law):
    """steps = scale · people^exponent, where steps go from the start of training to the end of the plateau.

    The plateau ends at the first probe on the way at which `attribute_loss/familiar` (probe `generalization`), smoothed over three
    probes, is more than `MARGIN` below the exact entropy of the values; between two probes it is interpolated. `level` is the loss
    over that entropy where it is flattest on the way there, if it is flat at all. Of several curves, `ratio` is the length over
    that of the first at the same numbers of people.
    """

    name = "plateau"
    x_label = "people"
    y_label = "steps until the plateau ends"
    log_y = True
    least = 4
    vary = (
        "vary data.biographies.people, with train.probes=[generalization] and train.probe_log=12 or train.probe_every"
    )
    course = "generalization.attribute_loss/familiar"
    meanings: ClassVar[Mapping[str, Meaning]] = {
        "exponent": Meaning("steps grow with this power of the number of people", published=PUBLISHED),
        "scale": Meaning("steps for one person, by the formula; depends on batch and model", log=True),
        "level": Meaning("loss on the plateau over the exact entropy of the values", published=1.0),
        "ratio": Meaning("length of the plateau over that of the first curve, for the same people", log=True),
    }

    def check(self, rows: Sequence[Row]) -> None:
        sizes = {row.people for row in rows if row.course}
        what = "numbers of people in runs that took `attribute_loss/familiar` on the way"
        need(self.name, what, self.least, len(sizes), self.vary)

    def points(self, rows: Sequence[Row]) -> list[Point]:
        unended = {row.cell for row in rows if end_of(tuple(row.course)) is None}
        ended = [row for row in rows if row.cell not in unended]
        levels = {point.cell: point.y for point in cells(ended, _people, lambda row: level_of(tuple(row.course)))}
        points = cells(ended, _people, lambda row: end_of(tuple(row.course)))
        return [replace(p, at={**p.at, **({"level": levels[p.cell]} if p.cell in levels else {})}) for p in points]

    def estimate(self, points: Sequence[Point]) -> Estimate:
        estimate: Estimate = {}
        first: dict[float, float] | None = None
        for series, many in by_series(points).items():
            try:
                level, exponent = least_squares([[math.log(p.x) for p in many]], [math.log(p.y) for p in many])
            except ValueError:
                raise NoFitError("a plateau ended for fewer than two numbers of people") from None
            estimate |= {named("exponent", series): exponent, named("scale", series): math.exp(level)}
            levels = [point.at["level"] for point in many if "level" in point.at]
            if levels:
                estimate[named("level", series)] = mean(levels) / ENTROPY
            if first is not None and (shared := [math.log(p.y / first[p.x]) for p in many if p.x in first]):
                estimate[named("ratio", series)] = math.exp(mean(shared))
            first = {p.x: p.y for p in many} if first is None else first
        if not estimate:
            raise NoFitError("no plateau ended; train for more steps")
        return estimate

    def predict(self, estimate: Estimate, point: Point) -> float:
        exponent = estimate[named("exponent", point.series)]
        return estimate[named("scale", point.series)] * math.exp(exponent * math.log(point.x))

    def naive(self, known: Sequence[Point], point: Point) -> dict[str, float]:
        last = by_series(known)[point.series][-1]
        return {"the same steps": last.y, "in proportion to people": last.y * point.x / last.x}

    def answer(self, found: Mapping[str, Found], points: Sequence[Point]) -> tuple[bool, str]:
        """Found where more people make a longer plateau."""
        parts, grows = [], []
        for series, many in by_series(points).items():
            stays = any("level" in point.at for point in many)
            what = "the plateau grows" if stays else "no plateau, and the steps until people are known grow"
            exponent, ratio = found[named("exponent", series)], found.get(named("ratio", series))
            grows.append(exponent.above_0)
            beside = f", {ratio} times as long as the first" if ratio else ""
            parts.append(f"{in_words(series)}{what} with people^{exponent}{beside}")
        return any(grows), "; ".join(parts)

    def notices(self, rows: Sequence[Row]) -> list[str]:
        with_course = [row for row in rows if row.course]
        unended = sorted({row.cell for row in with_course if end_of(tuple(row.course)) is None})
        through = sorted({row.cell for row in with_course if level_of(tuple(row.course)) is None} - set(unended))
        without = len(rows) - len(with_course)
        return [
            *([f"left out, because a plateau was not over when training was: {'; '.join(unended)}"] if unended else []),
            *([f"{NO_PLATEAU}: {'; '.join(through)}"] if through else []),
            *(
                [f"left out: {without} trials that did not take `attribute_loss/familiar` on the way"]
                if without
                else []
            ),
        ]


def _people(row: Row) -> float:
    return float(row.people)


def _smooth(course: Course) -> list[tuple[int, float]]:
    """The mean of each probe and its neighbours."""
    return [
        (step, mean(value for _, value in course[max(0, place - 1) : place + 2]))
        for place, (step, _) in enumerate(course)
    ]


@lru_cache(maxsize=4096)  # every course is looked at again for every resample
def end_of(course: Course) -> float | None:
    """The step at which a plateau is over; None where it is not."""
    before: tuple[int, float] | None = None
    for step, loss in _smooth(course):
        if loss < ENTROPY - MARGIN:
            if before is None:
                return float(step)
            part = (before[1] - (ENTROPY - MARGIN)) / (before[1] - loss)
            return before[0] + part * (step - before[0])
        before = step, loss
    return None


@lru_cache(maxsize=4096)
def level_of(course: Course) -> float | None:
    """The loss on the plateau: the mean of the probes in that doubling of steps before its end in which the loss falls least.

    Not looked for near the entropy, where a loss that only passes by would be found as well. None where the loss falls by more
    than `FLAT` of itself in every doubling: it knows no plateau.
    """
    end = end_of(course) or math.inf
    smooth = [(step, loss) for step, loss in _smooth(course) if step < end]
    steps = [math.log(step) for step, _ in smooth]
    least: tuple[float, float] | None = None
    for start, loss in smooth:
        if loss > ON_THE_WAY * ENTROPY or 2 * start > smooth[-1][0]:
            continue
        later = float(np.interp(math.log(2 * start), steps, [value for _, value in smooth]))
        level = mean(value for step, value in course if start <= step <= 2 * start)
        least = min(least or (math.inf, 0.0), (1 - later / loss, level))
    return None if least is None or least[0] > FLAT else least[1]
