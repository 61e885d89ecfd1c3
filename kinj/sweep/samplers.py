"""Samplers that draw points of a search space: at random, or by the results so far (Optuna's TPE)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kinj.config.errors import UsageError
from kinj.config.space import Interval
from kinj.data.rng import stable_rng, stable_seed
from kinj.sweep.space import Space, is_replication

PATIENCE = 1000
"""Draws in a row of points that were there before, or that are not wanted, after which there are taken to be no others."""


@dataclass(frozen=True)
class Tried:
    """A point, and what came of it: a value for each objective, or None where that is not known (yet).

    Attributes:
        pruned: step and value at which it was ended early; None where it was not.
    """

    point: Mapping[str, Any]
    values: Sequence[float] | None
    pruned: tuple[int, float] | None = None


def random_points(
    space: Space, seed: int, wanted: Callable[[Mapping[str, Any]], bool] | None = None
) -> Iterator[dict[str, Any]]:
    """Different points, one after the other; the first ones do not depend on how many are taken.

    Lists are drawn from evenly, intervals evenly or log-evenly.

    Args:
        wanted: leaves out other points; by default, all are wanted.
    """
    axes = [axis for axis in space if not is_replication(axis)]
    seen: set[str] = set()
    number = in_vain = 0
    while in_vain < PATIENCE:
        rng = stable_rng("random sweep", seed, number)
        point = {axis: _drawn(space[axis], rng.random()) for axis in axes}
        number, in_vain = number + 1, in_vain + 1
        if repr(point) in seen:
            continue
        seen.add(repr(point))
        if wanted is None or wanted(point):
            in_vain = 0
            yield point


def _drawn(values: Sequence[Any], share: float) -> Any:
    if isinstance(values[0], Interval):
        return values[0].at(share)
    return values[int(share * len(values))]


def tpe_points(
    space: Space, tried: Sequence[Tried], directions: Sequence[int], seed: int, count: int
) -> list[dict[str, Any]]:
    """The next points to try, by the tree-structured Parzen estimator of Optuna. The first ten of a search are random.

    Follows from its arguments alone, so that a search which was interrupted goes on as it would have.

    Args:
        space: values by axis; repetitions are left out.
        tried: every point so far; those without values teach nothing, unless they were pruned.
        directions: 1 for an objective that is better when larger, -1 for one that is better when smaller.
        count: points that will be tried at the same time.

    Raises:
        UsageError: Optuna is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise UsageError("sweep.sampler=tpe needs Optuna", "pip install kinj[optuna]") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    axes = [axis for axis in space if not is_replication(axis)]
    ranges = {axis: _distribution(space[axis]) for axis in axes}
    sampler = optuna.samplers.TPESampler(seed=stable_seed(seed, len(tried)) % 2**32, constant_liar=True)
    study = optuna.create_study(
        directions=["maximize" if direction > 0 else "minimize" for direction in directions], sampler=sampler
    )
    for one in tried:
        params = {axis: _coded(space[axis], one.point[axis]) for axis in axes}
        study.add_trial(
            optuna.trial.create_trial(
                state=_state(one),
                values=None if one.values is None else list(one.values),
                params=params,
                distributions=ranges,
                intermediate_values=dict([one.pruned] if one.pruned else []),
            )
        )
    asked = [study.ask(ranges) for _ in range(count)]
    return [{axis: _decoded(space[axis], trial.params[axis]) for axis in axes} for trial in asked]


def _state(one: Tried) -> Any:
    from optuna.trial import TrialState

    if one.pruned:
        return TrialState.PRUNED
    return TrialState.FAIL if one.values is None else TrialState.COMPLETE


def _distribution(values: Sequence[Any]) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    first = values[0]
    if not isinstance(first, Interval):
        return CategoricalDistribution(list(range(len(values))))
    if first.whole:
        return IntDistribution(round(first.low), round(first.high), log=first.log)
    return FloatDistribution(first.low, first.high, log=first.log)


def _coded(values: Sequence[Any], value: Any) -> Any:
    """A value as Optuna holds it: one of a list by its place, since a list may hold anything."""
    return value if isinstance(values[0], Interval) else list(values).index(value)


def _decoded(values: Sequence[Any], param: Any) -> Any:
    if not isinstance(values[0], Interval):
        return values[param]
    return param if isinstance(param, int) else min(max(float(f"{param:.6g}"), values[0].low), values[0].high)


def front(tried: Sequence[Tried], directions: Sequence[int]) -> list[int]:
    """Numbers of the points that no other one beats: at least as good in every objective, and better in one."""
    known = {number: one.values for number, one in enumerate(tried) if one.values is not None}
    return [
        number for number, values in known.items() if not any(_beats(o, values, directions) for o in known.values())
    ]


def _beats(a: Sequence[float], b: Sequence[float], directions: Sequence[int]) -> bool:
    gains = [direction * (x - y) for x, y, direction in zip(a, b, directions, strict=True)]
    return all(gain >= 0 for gain in gains) and any(gain > 0 for gain in gains)
