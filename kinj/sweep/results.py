"""The table of a sweep: mean and interval per setting, cost, and comparisons. Read from the trials' folders alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kinj.config.multiplex import described, treatments
from kinj.config.schema import Settings
from kinj.sweep.flips import flips
from kinj.sweep.multiplex import Interference, rows_of
from kinj.sweep.notices import not_measured, notices, of_pruned, prompt_overlap, reference
from kinj.sweep.outcome import COSTS, Replicate, TrialResult, locate_measure
from kinj.sweep.pooling import pooled, pooled_difference
from kinj.sweep.pruning import verdict
from kinj.sweep.space import REPLICATION, Control, Group, Trial
from kinj.sweep.statistics import difference, group_measure
from kinj.sweep.worker import finished

SCHEMA = 1
"""Version of a sweep's results.json (docs/sweep.md)."""

KEPT = ("known_unreplayed", "known_replayed", "perplexity")
"""Measures of the probe `retention` that are compared beside the measure asked for."""

NEARLY = 0.02
"""Costs within this share of each other count as equal."""


@dataclass(frozen=True)
class PlannedTrial:
    """A trial, the settings it runs with, its identity and its folder."""

    trial: Trial
    settings: Settings
    identity: str
    folder: Path

    @property
    def replicate(self) -> Replicate:
        return Replicate(self.settings.data.seed, self.settings.seed)


@dataclass(frozen=True)
class Row:
    """One row of the table: a setting and its finished trials; of multiplexed ones, the treatment it shows."""

    group: Group
    planned: list[PlannedTrial]
    results: list[TrialResult]
    treatment: int | None = None


def collect(planned: Sequence[PlannedTrial], settings: Settings, errors: Mapping[str, str]) -> dict[str, Any]:
    """The content of a sweep's results.json.

    Args:
        planned: all trials, in order.
        settings: of the sweep: `sweep.measure`, `compare`, `labels` and `reference` are used.
        errors: why trials failed, by identity.
    """
    rows = _rows(planned)
    results = [result for row in rows for result in row.results]
    data = settings.data.name
    main = locate_measure(results, settings.sweep.measure)
    shown = _measures(results, main)
    labels = settings.sweep.labels
    pruned = _pruned(planned, labels)
    return {
        "schema": SCHEMA,
        "model": settings.model.name,
        "data": data,
        "recipe": settings.train.recipe,
        "measure": {"probe": main[0], "name": main[1]} if main else None,
        "space": _space(planned),
        "groups": [_group(row, shown, main, settings) for row in rows],
        "comparisons": _comparisons(rows, settings, main) if main else [],
        "multiplex": _multiplex(planned, main, settings) if settings.train.multiplex else None,
        "flips": _flips(rows, settings, main) if main else None,
        "failures": _failures(planned, errors, labels),
        "pruned": pruned,
        "not_measured": not_measured(results),
        "prompt_overlap": prompt_overlap(results),
        "reference": reference(settings),
        "notices": [*notices(results, shown if main is None else None, settings), *_of_pruned(rows, pruned, settings)],
    }


def _space(planned: Sequence[PlannedTrial]) -> dict[str, list[Any]]:
    """Every key of the grid with its values in order."""
    space: dict[str, list[Any]] = {}
    for one in planned:
        for key, value in one.trial.point.items():
            values = space.setdefault(key, [])
            if value not in values:
                values.append(value)
    return space


def _rows(planned: Sequence[PlannedTrial]) -> list[Row]:
    groups: dict[tuple[Group, int | None], list[PlannedTrial]] = {}
    for one in planned:
        for row in rows_of(one.trial, one.settings):
            groups.setdefault(row, []).append(one)
    return [
        Row(group, many, [_result(one, treatment) for one in many if finished(one.folder)], treatment)
        for (group, treatment), many in groups.items()
    ]


def _result(one: PlannedTrial, treatment: int | None = None) -> TrialResult:
    return TrialResult(one.identity, one.replicate, one.folder, treatment)


def _measures(results: Sequence[TrialResult], main: tuple[str, str] | None) -> list[tuple[str, str]]:
    """Every headline measure (no `/` in its name) of any trial, and the measure asked for, as (probe, name)."""
    names = {
        (probe, name): None for r in results for probe, found in r.probes.items() for name in found.get("measures", {})
    }
    return [(probe, name) for probe, name in names if "/" not in name or (probe, name) == main]


def label_of(group: Group, settings: Settings) -> str:
    """What a row of the table is called."""
    arm, point = group
    parts = [*([settings.sweep.labels.get(arm, arm.replace("_", " "))] if arm else [])]
    parts += [f"{key}={value}" for key, value in point]
    return ", ".join(parts) or settings.train.recipe


def _group(
    row: Row, shown: Sequence[tuple[str, str]], main: tuple[str, str] | None, settings: Settings
) -> dict[str, Any]:
    first = row.planned[0].trial
    measures: dict[str, dict[str, Any]] = {}
    for probe, name in shown:
        found = group_measure(row.results, probe, name, settings.data.name)
        if found is not None:
            measures.setdefault(probe, {})[name] = found
    return {
        "name": label_of(row.group, settings),
        "arm": first.arm,
        "settings": {
            key: value
            for key, value in [*first.overrides.items(), *_treatment(row)]
            if key not in (*REPLICATION, "train.multiplex")
        },
        "treatment": row.treatment,
        "trials": [
            {
                "trial": p.identity,
                "data_seed": p.replicate.data_seed,
                "seed": p.replicate.seed,
                "done": finished(p.folder),
            }
            for p in row.planned
        ],
        "measures": measures,
        "pooled": pooled(row.results, *main) if main else None,
        "cost": _cost(row.results),
    }


def _treatment(row: Row) -> list[tuple[str, Any]]:
    """The multiplexed settings of a row."""
    treated = treatments(row.planned[0].settings)
    control = row.planned[0].trial.control
    number = control.number if control else row.treatment
    return [] if number is None else list(treated[number].items())


def _cost(results: Sequence[TrialResult]) -> dict[str, float]:
    """Means over the trials that say what they cost."""
    found = {name: [result.cost[name] for result in results if name in result.cost] for name in COSTS}
    return {name: sum(values) / len(values) for name, values in found.items() if values}


def _comparisons(rows: Sequence[Row], settings: Settings, main: tuple[str, str]) -> list[dict[str, Any]]:
    """Every pair of `sweep.compare`, at each point of the grid, for the measure asked for and for what was kept."""
    by_group = {row.group: row for row in rows}
    points = list(dict.fromkeys(row.group[1] for row in rows))
    compared = []
    for first, second in settings.sweep.compare:
        for point in points:
            a, b = by_group.get((first, point)), by_group.get((second, point))
            for probe, name in [main, *(("retention", kept) for kept in KEPT)]:
                found = difference(a.results, b.results, probe, name, settings.data.name) if a and b else None
                if found is not None and a is not None and b is not None:
                    over_both = {"pooled": pooled_difference(a.results, b.results, probe, name)}
                    compared.append(_comparison(a, b, probe, name, settings) | found | over_both)
    return compared


def _multiplex(planned: Sequence[PlannedTrial], main: tuple[str, str] | None, settings: Settings) -> dict[str, Any]:
    """The treatments; with `sweep.alone` also what they do to each other, at each point of the grid."""
    treated = described(settings.train.multiplex)
    points: dict[Group, dict[Control | None, list[TrialResult]]] = {}
    for one in planned if main and settings.sweep.alone else ():
        group = (None, one.trial.group[1])
        kinds = points.setdefault(group, {})
        if finished(one.folder):
            kinds.setdefault(one.trial.control, []).append(_result(one))
    checked = []
    for (_, point), kinds in points.items():
        found = Interference(kinds, len(treated), settings.data.name)
        assert main
        checked.append({"settings": dict(point), "curve": found.curve(*main), "matrix": found.matrix(*main)})
    return {"treatments": treated, "checked": checked}


def _flips(rows: Sequence[Row], settings: Settings, main: tuple[str, str]) -> dict[str, Any] | None:
    """Of the first pair of `sweep.compare`, at the first point of the grid: what one answers and the other does not."""
    for first, second in settings.sweep.compare[:1]:
        a, b = (next((row for row in rows if row.group[0] == arm), None) for arm in (first, second))
        found = flips(a.results, b.results, *main) if a and b else None
        if a and b and found:
            return {"a": _bare(a, settings), "b": _bare(b, settings), "probe": main[0], "measure": main[1], **found}
    return None


def _bare(row: Row, settings: Settings) -> str:
    """What a row is called beside another one."""
    return label_of(row.group, settings).removeprefix("+ ")


def _comparison(a: Row, b: Row, probe: str, name: str, settings: Settings) -> dict[str, Any]:
    left, right = _cost(a.results), _cost(b.results)
    known = [cost for cost in ("passes", "steps", "label_tokens") if left.get(cost) and right.get(cost)]
    return {
        "a": _bare(a, settings),
        "b": _bare(b, settings),
        "arms": [a.group[0], b.group[0]],
        "probe": probe,
        "measure": name,
        "equal": [cost for cost in known if abs(left[cost] / right[cost] - 1) <= NEARLY],
        "ratio": {cost: left[cost] / right[cost] for cost in known},
    }


def _failures(
    planned: Sequence[PlannedTrial], errors: Mapping[str, str], labels: Mapping[str, str]
) -> list[dict[str, Any]]:
    unique = {one.identity: one for one in planned if one.identity in errors}
    return [
        {
            "trial": one.identity,
            "name": str(one.trial),
            "label": labels.get(one.trial.arm or "", ""),
            "error": errors[one.identity],
        }
        for one in unique.values()
    ]


def _pruned(planned: Sequence[PlannedTrial], labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """The trials that were ended early, and by what judgement."""
    unique = {one.identity: one for one in planned if not finished(one.folder)}
    found = {name: judged for name, one in unique.items() if (judged := verdict(one.folder))}
    return [
        {
            "trial": name,
            "name": str(unique[name].trial),
            "label": labels.get(unique[name].trial.arm or "", ""),
            **{key: judged[key] for key in ("step", "value", "why")},
        }
        for name, judged in found.items()
    ]


def _of_pruned(rows: Sequence[Row], pruned: Sequence[Mapping[str, Any]], settings: Settings) -> list[str]:
    """What to say of them: also which rows stand on the repetitions that were left."""
    names = {one["trial"] for one in pruned}
    partly = [row for row in rows if row.results and any(one.identity in names for one in row.planned)]
    return of_pruned(
        pruned, len({one.identity for row in rows for one in row.planned}), [_bare(r, settings) for r in partly]
    )
