"""The table of a sweep: mean and interval per setting, cost, and comparisons. Read from the trials' folders alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kinj.config.schema import Settings
from kinj.sweep.outcome import COSTS, Replicate, TrialResult, locate_measure
from kinj.sweep.pooling import pooled, pooled_difference
from kinj.sweep.space import REPLICATION, Group, Trial
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
    """One row of the table: a setting and its finished trials."""

    group: Group
    planned: list[PlannedTrial]
    results: list[TrialResult]


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
    shown = _measures(results)
    labels = settings.sweep.labels
    return {
        "schema": SCHEMA,
        "model": settings.model.name,
        "data": data,
        "recipe": settings.train.recipe,
        "measure": {"probe": main[0], "name": main[1]} if main else None,
        "space": _space(planned),
        "groups": [_group(row, shown, main, settings) for row in rows],
        "comparisons": _comparisons(rows, settings, main) if main else [],
        "failures": _failures(planned, errors, labels),
        "not_measured": _not_measured(results),
        "prompt_overlap": _overlap(results),
        "reference": _reference(settings),
        "notices": _notices(results, main, settings),
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
    groups: dict[Group, list[PlannedTrial]] = {}
    for one in planned:
        groups.setdefault(one.trial.group, []).append(one)
    return [
        Row(group, many, [TrialResult(p.identity, p.replicate, p.folder) for p in many if finished(p.folder)])
        for group, many in groups.items()
    ]


def _measures(results: Sequence[TrialResult]) -> list[tuple[str, str]]:
    """Every headline measure (no `/` in its name) of any trial, as (probe, name)."""
    names = {
        (probe, name): None for r in results for probe, found in r.probes.items() for name in found.get("measures", {})
    }
    return [(probe, name) for probe, name in names if "/" not in name]


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
        "settings": {key: value for key, value in first.overrides.items() if key not in REPLICATION},
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


def _comparison(a: Row, b: Row, probe: str, name: str, settings: Settings) -> dict[str, Any]:
    left, right = _cost(a.results), _cost(b.results)
    known = [cost for cost in ("passes", "steps", "label_tokens") if left.get(cost) and right.get(cost)]
    return {
        "a": label_of(a.group, settings).removeprefix("+ "),
        "b": label_of(b.group, settings).removeprefix("+ "),
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


def _not_measured(results: Sequence[TrialResult]) -> dict[str, str]:
    return {
        probe: found["not_measured"]
        for result in results
        for probe, found in result.probes.items()
        if "not_measured" in found
    }


def _overlap(results: Sequence[TrialResult]) -> dict[str, float | None]:
    """Largest share, over the trials, of a probe's prompts that stand in the training texts; null where it is not known."""
    shares: dict[str, list[float | None]] = {}
    for result in results:
        for probe, found in result.probes.items():
            overlap = found.get("prompt_overlap")
            if isinstance(overlap, dict) and overlap.get("prompts"):
                shares.setdefault(probe, []).append(overlap["share"])
    return {
        probe: None if None in many else max(share for share in many if share is not None)
        for probe, many in shares.items()
    }


def _reference(settings: Settings) -> dict[str, Any] | None:
    """The committed table beside which this one is shown, as `{source, comparisons, groups}`."""
    if settings.sweep.reference is None:
        return None
    path = Path(settings.sweep.reference)
    file = path / "results.json" if path.is_dir() else path
    if not file.exists():
        return None
    content = json.loads(file.read_text(encoding="utf-8"))
    return {"source": settings.sweep.reference, "comparisons": content["comparisons"], "groups": content["groups"]}


def _notices(results: Sequence[TrialResult], main: tuple[str, str] | None, settings: Settings) -> list[str]:
    notices = []
    if main is None and results:
        measured = ", ".join(f"{probe}.{name}" for probe, name in _measures(results))
        notices.append(
            f"no trial measured sweep.measure={settings.sweep.measure}; measured were: {measured or 'nothing'}"
        )
    if settings.sweep.reference is not None and _reference(settings) is None:
        notices.append(
            f"sweep.reference={settings.sweep.reference} is not here, so no larger table is shown beside this one"
        )
    for result in results:
        for probe, found in result.probes.items():
            notices += [f"{probe}: {notice}" for notice in found.get("notices", [])]
    return list(dict.fromkeys(notices))
