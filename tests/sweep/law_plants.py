"""Simulated sweeps in which a law holds by construction: rows with planted parameters and noise over seeds."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from kinj.eval.probes.capacity import CEILING
from kinj.sweep.laws.base import Law, Row
from kinj.sweep.laws.plateau import ENTROPY, MARGIN
from kinj.sweep.laws.refits import Refits
from kinj.sweep.laws.study import parameter_ends, study

Noise = Callable[[], float]


def noise(rng: random.Random, shared: float, own: float) -> Noise:
    """The errors of one seed: a part that all of its trials share, and one of each trial."""
    common = rng.gauss(0, shared)
    return lambda: common + rng.gauss(0, own)


def exposures(
    rng: random.Random,
    gain: float = 0.08,
    by_views: float = 0.0,
    doses: Sequence[int] = (2, 4, 8, 16, 32),
    views: Sequence[int] = (1,),
    seeds: int = 4,
    spread: float = 0.02,
    series: str = "",
    level: float = 0.1,
) -> list[Row]:
    """accuracy = level + gain · log2(dose) + by_views · log2(views) + noise."""
    rows = []
    for seed in range(seeds):
        error = noise(rng, spread, spread)
        for dose in doses:
            for count in views:
                accuracy = level + gain * math.log2(dose) + by_views * math.log2(count) + error()
                rows.append(Row(series, f"{series} {dose} {count}", seed, dose=dose, views=count, measure=accuracy))
    return rows


def capacities(
    rng: random.Random,
    per_tenfold: float = 1.0,
    at_100: float = 1.0,
    doses: Sequence[int] = (30, 100, 300, 1000),
    people: Sequence[int] = (2_000, 20_000, 100_000),
    seeds: int = 4,
    spread: float = 0.05,
    parameters: float = 1e6,
    context: str = "sentences",
) -> list[Row]:
    """A model holds so many bits per parameter, or all that there is to know of its people."""
    rows = []
    for seed in range(seeds):
        error = noise(rng, spread, spread)
        for dose in doses:
            for count in people:
                room = at_100 + per_tenfold * math.log10(dose / 100) + error()
                bits = max(0.0, min(CEILING, room * parameters / count))
                measures = {f"capacity.bits_per_person/{context}": bits}
                rows.append(Row("", f"{dose} {count}", seed, parameters, count, dose, measures=measures))
    return rows


def parameters_of(law: Law, rows: Iterable[Row]) -> dict[str, dict[str, Any]]:
    """What was found, by name."""
    return {one["name"]: one for one in study(law, list(rows))["parameters"]}


def coverage(law: Law, name: str, truth: float, make: Callable[[random.Random], list[Row]], times: int = 200) -> float:
    """How often the interval of a parameter holds what was planted, in simulations with different noise."""
    hits = 0
    for number in range(times):
        rows = make(random.Random(number))
        points = law.points(rows)
        ends = parameter_ends(law, Refits(law, rows), points, name, law.estimate(points)[name])
        hits += ends is not None and ends[0] <= truth <= ends[1]
    return hits / times


def outcomes(
    rng: random.Random,
    alpha: float = 0.3,
    series: str = "",
    seeds: int = 4,
    people: int = 60,
    questions: int = 6,
    spread: float = 0.0,
    chance: Callable[[int], float] | None = None,
) -> list[Row]:
    """Right and wrong answers about people read 1 to 100 times; `chance` replaces the law."""
    rows = []
    for seed in range(seeds):
        own = alpha * math.exp(rng.gauss(0, spread))
        right = chance or (lambda dose, own=own: 1 - (1 + dose) ** -own)
        doses = [round(100 ** ((number + 1) / people)) for number in range(people)]
        answers = [(dose, float(rng.random() < right(dose))) for dose in doses for _ in range(questions)]
        rows.append(Row(series, series or "all", seed, outcomes=answers))
    return rows


def courses(
    rng: random.Random,
    exponent: float = 0.81,
    scale: float = 2.0,
    people: Sequence[int] = (100, 200, 400, 800),
    seeds: int = 4,
    spread: float = 0.05,
    series: str = "",
    stretch: float = 1.0,
) -> list[Row]:
    """Losses that fall to the entropy, stay there until scale · people^exponent · noise, and fall on; time is times `stretch`."""
    rows = []
    for seed in range(seeds):
        error = noise(rng, spread, spread)
        for count in people:
            end = scale * count**exponent * math.exp(error())
            steps = [round(stretch * 10 ** (number / 24)) for number in range(24 * 5)]
            course = [(step, _loss(step / stretch, end)) for step in dict.fromkeys(steps)]
            rows.append(Row(series, f"{series} {count}", seed, people=count, course=course))
    return rows


def _loss(step: float, end: float) -> float:
    """20 nats at first, the entropy from a tenth of the plateau on; 5 % below it at the end of the plateau."""
    if step <= end / 10:
        return ENTROPY + 14 * (1 - step / (end / 10))
    return ENTROPY if step <= 0.9 * end else max(0.1, ENTROPY - MARGIN * (step - 0.9 * end) / (0.1 * end))


def infusions(
    rng: random.Random,
    by_size: float = 0.6,
    by_tokens: float = 0.3,
    sizes: Sequence[float] = (5e5, 1e6, 2e6, 4e6),
    budgets: Sequence[float] = (1e6, 4e6),
    seeds: int = 4,
    spread: float = 0.01,
    fall: float = 0.25,
    displacing: bool = True,
    series: str = "",
    retained: bool = False,
    doses: Sequence[int] = (2, 4, 6, 8, 11, 14, 18, 23, 30, 39, 51, 66, 86, 112, 256),
) -> list[Row]:
    """Accuracy rises to 80 %, then falls by `fall` for each doubling of the dose; at dose* it is 5 points below its peak."""
    rows = []
    for seed in range(seeds):
        error = noise(rng, spread, spread)
        for size in sizes:
            for budget in budgets:
                star = 20 * (size / 1e6) ** by_size * (budget / 1e6) ** by_tokens
                for dose in doses:
                    beyond = math.log2(dose / star) + 0.05 / fall
                    accuracy = 0.8 - (fall * beyond if beyond > 0 else -0.05 * beyond) + error()
                    facts = 1000.0 * dose
                    tokens = budget if displacing else budget + facts
                    cell = f"{series} {size} {budget} {dose}"
                    row = Row(series, cell, seed, size, 100, dose, tokens=tokens, fact_tokens=facts)
                    known = (
                        {"measures": {"retention.known_unreplayed": accuracy}} if retained else {"measure": accuracy}
                    )
                    rows.append(replace(row, **known))
    return rows
