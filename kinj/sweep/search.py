"""A sweep whose settings are chosen on the way: each batch by what the ones before it showed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kinj.config.errors import UsageError
from kinj.config.schema import Settings
from kinj.config.space import Interval, each
from kinj.data.files import atomic_write
from kinj.sweep.engines import at_a_time
from kinj.sweep.folder import refuse_other_sweep
from kinj.sweep.outcome import COSTS
from kinj.sweep.run import SweepResult, prepare
from kinj.sweep.samplers import Tried, front, random_points, tpe_points
from kinj.sweep.space import Space

Run = Callable[[Sequence[Mapping[str, Any]]], SweepResult]
"""Runs what is not done of the trials at some points."""
Wanted = Callable[[Mapping[str, Any]], bool]
"""Whether there is a trial at a point."""


def search(space: Space, settings: Settings, folder: Path, run: Run, wanted: Wanted | None = None) -> SweepResult:
    """Tries `sweep.points` points, as many at a time as there are workers.

    The points are kept in `points.jsonl` of the folder before their trials start, so that a search that was interrupted goes on
    with the same ones. The table gains `search`: the objectives and the points that no other one beats.

    Args:
        space: values by axis.
        settings: of the sweep.
        folder: of the sweep.
        wanted: points that it refuses are not tried; by default, all are wanted.

    Raises:
        UsageError: there are arms, an objective that nothing measured, or points that are not of this space.
    """
    if settings.sweep.arms:
        raise UsageError(
            "sweep.sampler=tpe searches settings, not arms", "leave sweep.arms out, or name the arm's settings"
        )
    if not settings.run.overwrite:
        refuse_other_sweep(folder, settings)
    prepare(folder, settings)
    path = folder / "points.jsonl"
    points = _read(path, space)
    resumed = None
    while True:
        result = run(points) if points else None
        resumed = result.resumed if result and resumed is None else resumed
        names = settings.sweep.objectives or [settings.sweep.measure]
        tried, directions = _judged(points, result.table if result else {}, names)
        count = min(at_a_time(settings.sweep) or 1, settings.sweep.points - len(points))
        chosen = _next(space, tried, directions, settings.seed, count, wanted)
        if result and not chosen:
            best = [points[number] for number in front(tried, directions)]
            told = {"objectives": names, "directions": directions, "best": best, "tried": len(points)}
            table = result.table | {"search": told}
            atomic_write(folder / "results.json", _json(table))
            return replace(result, table=table, resumed=resumed or 0)
        points += chosen
        atomic_write(path, "".join(json.dumps(point) + "\n" for point in points))


def _next(
    space: Space, tried: Sequence[Tried], directions: Sequence[int], seed: int, count: int, wanted: Wanted | None
) -> list[dict[str, Any]]:
    """Up to `count` points that were not tried; where the estimator names one again, or one that is not wanted, a random one.
    None where all were."""
    known = [one.point for one in tried]
    others = (point for point in random_points(space, seed, wanted) if point not in known)
    found: list[dict[str, Any]] = []
    for point in tpe_points(space, tried, directions, seed, count) if count > 0 else []:
        fresh = point if point not in known and (wanted is None or wanted(point)) else next(others, None)
        if fresh is not None:
            known.append(fresh)
            found.append(fresh)
    return found


def _json(table: dict[str, Any]) -> str:
    return json.dumps(table, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _read(path: Path, space: Space) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    points: list[dict[str, Any]] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for point in points:
        for axis, value in point.items():
            if axis not in space or not _belongs(value, space[axis]):
                hint = "search in the space it was begun in, or choose another folder with -o"
                raise UsageError(f"{path} holds {axis}={value}, which is not in this search space", hint)
            if isinstance(value, list) and tuple(value) in space[axis]:
                point[axis] = tuple(value)
    return points


def _belongs(value: Any, values: Sequence[Any]) -> bool:
    if isinstance(values[0], Interval):
        return isinstance(value, (int, float)) and values[0].low <= value <= values[0].high
    return value in values or (isinstance(value, list) and tuple(value) in values)


def _judged(
    points: Sequence[Mapping[str, Any]], table: Mapping[str, Any], names: Sequence[str]
) -> tuple[list[Tried], list[int]]:
    """What came of each point, by the table's means, and for each objective whether more is better (1) or less (-1)."""
    rows = {_key(group["settings"]): group for group in table.get("groups", [])}
    pruned = {one["trial"]: one for one in table.get("pruned", [])}
    tried, directions = [], [1] * len(names)
    for point in points:
        row = rows.get(_key({key: value for axis, one in point.items() for key, value in each(axis, one)}))
        ended = [pruned[one["trial"]] for one in row["trials"] if one["trial"] in pruned] if row else []
        if ended:  # with some of its repetitions missing, its mean would look better than it is
            tried.append(Tried(point, None, _first(ended)))
            continue
        found = [_objective(row, name) for name in names] if row else []
        known = [pair for pair in found if pair is not None]
        if known and len(known) == len(names):
            directions = [direction for _, direction in known]
        tried.append(Tried(point, [value for value, _ in known] if known and len(known) == len(names) else None))
    if table and tried and all(one.values is None for one in tried) and not (table["failures"] or pruned):
        raise UsageError(
            f"no trial measured {', '.join(names)}", f"sweep.objectives takes measures and {', '.join(COSTS)}"
        )
    return tried, directions


def _first(ended: Sequence[Mapping[str, Any]]) -> tuple[int, float]:
    """Step and value at which the first of a point's trials was ended."""
    one = min(ended, key=lambda one: one["step"])
    return one["step"], float("nan") if one["value"] is None else one["value"]


def _key(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True)


def _objective(row: Mapping[str, Any], name: str) -> tuple[float, int] | None:
    """The mean of a measure (`recall` or `biographies.recall`) or a cost, and its direction."""
    if name in COSTS:
        return (row["cost"][name], -1) if name in row["cost"] else None
    for probe, measures in row["measures"].items():
        for measure, found in measures.items():
            if name in (measure, f"{probe}.{measure}"):
                return found["value"], found["direction"] or 1
    return None
