"""Runs beside each other: settings that differ, results with paired differences, costs, environments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kinj.config import redact
from kinj.config.errors import KinjError, UsageError
from kinj.data.rundir import RunDir
from kinj.report.read import RunFiles, read_lines
from kinj.stats import Interval
from kinj.sweep.ledger import holds_sweep
from kinj.sweep.outcome import COSTS, Replicate, TrialResult
from kinj.sweep.record import DAMAGED, FINISHED, DamagedError, Record, flat, read_record, reading, settings_of
from kinj.sweep.statistics import as_json, difference

SAME = Replicate(0, 0)
"""Runs are compared as repetitions of one thing: what pairs them is their questions."""
PLACES = ("run.", "sweep.")
"""Settings that say where and how runs were made, not what they are."""


def compare_runs(folders: Sequence[Path]) -> dict[str, Any]:
    """What differs between runs. Differences and ratios are of the first run and each other one.

    Args:
        folders: two run directories or more.

    Returns:
        `runs` (as `kinj.sweep.record.Record`), `settings` and `environment` (`key` and `values`, in the order of the runs, where
        they differ), `results` (`probe`, `measure`, `unit`, `direction`, `values`, and `differences`: the first run minus each
        other), `cost` (`name`, `values`, and `ratios`: the first run by each other), `notices`.

    Raises:
        UsageError: fewer than two runs, or a folder is none.
        KinjError: a run is damaged.
    """
    if len(folders) < 2:
        raise UsageError("a comparison takes two runs or more", "kinj runs lists them; kinj runs compare RUN RUN")
    for folder in folders:
        _check(folder)
    records = [read_record(folder) for folder in folders]
    for record in records:
        if record.state == DAMAGED:
            raise KinjError(f"{record.path} is damaged: {record.why}", "mend that file, or leave the run out")
    try:
        settings = [redact(settings_of(folder)) for folder in folders]
        with reading("env.json"):
            environments = [dict(flat(RunFiles(folder).environment)) for folder in folders]
        with reading("its predictions"):
            results = _results(folders, records, str(settings[0]["data.name"]))
    except DamagedError as damage:
        raise KinjError(f"a run is damaged: {damage}", "mend that file, or leave the run out") from damage
    return {
        "runs": [vars(record) for record in records],
        "settings": _differing([{k: v for k, v in one.items() if not k.startswith(PLACES)} for one in settings]),
        "results": results,
        "cost": _costs(records),
        "environment": _differing(environments),
        "notices": _notices(records),
    }


def _check(folder: Path) -> None:
    """Raises UsageError where a folder is no run."""
    if holds_sweep(folder):
        hint = f"name two of its trials: kinj runs {folder} --trials lists them"
        raise UsageError(f"{folder} is a sweep; its own table compares its rows", hint)
    if not folder.is_dir() or not RunDir(folder).is_run():
        raise UsageError(f"{folder} is no run directory", "kinj runs lists the runs below runs/")


def _differing(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The keys whose values are not all the same, with the values of all; null where a row has none."""
    keys = dict.fromkeys(key for row in rows for key in row)
    found = [{"key": key, "values": [row.get(key) for row in rows]} for key in keys]
    return [one for one in found if any(value != one["values"][0] for value in one["values"])]


def _results(folders: Sequence[Path], records: Sequence[Record], data: str) -> list[dict[str, Any]]:
    trials = [TrialResult(record.path, SAME, folder) for folder, record in zip(folders, records, strict=True)]
    names = dict.fromkeys((one["probe"], one["measure"]) for record in records for one in record.results)
    found = []
    for probe, name in names:
        measures = [
            next((one for one in record.results if (one["probe"], one["measure"]) == (probe, name)), None)
            for record in records
        ]
        about = next(one for one in measures if one)
        first = trials[0]
        differences = [
            _difference(first, other, probe, name, data) if measures[0] and measure else None
            for other, measure in zip(trials[1:], measures[1:], strict=True)
        ]
        values = [one and {key: one[key] for key in ("value", "low", "high", "n")} for one in measures]
        units = {key: about[key] for key in ("unit", "direction")}
        found.append({"probe": probe, "measure": name, **units, "values": values, "differences": differences})
    return found


def _difference(a: TrialResult, b: TrialResult, probe: str, name: str, data: str) -> dict[str, Any]:
    """`a` minus `b`, with an interval where both answered the same questions."""
    if _asked(a.folder, probe) == _asked(b.folder, probe):
        found = difference([a], [b], probe, name, data)
        assert found is not None  # both have the measure
        return found
    left, right = a.measure(probe, name), b.measure(probe, name)
    assert left
    assert right
    value = Interval(left["value"] - right["value"], None, None, 1, 1, "nothing: they were asked different questions")
    about = {"unit": left["unit"], "direction": left["direction"], "smallest": None}
    return {**as_json(value), **about}


def _asked(folder: Path, probe: str) -> dict[str, Any]:
    """The questions of a probe and their accepted answers, by id."""
    rows = read_lines(folder / "predictions" / f"{probe}.jsonl")
    return {row["id"]: (row.get("prompt"), row.get("answers")) for row in rows}


def _costs(records: Sequence[Record]) -> list[dict[str, Any]]:
    names = [name for name in COSTS if any(name in record.cost for record in records)]
    return [
        {
            "name": name,
            "values": [record.cost.get(name) for record in records],
            "ratios": [_ratio(records[0].cost.get(name), other.cost.get(name)) for other in records[1:]],
        }
        for name in names
    ]


def _ratio(a: float | None, b: float | None) -> float | None:
    return a / b if a is not None and b else None


def _notices(records: Sequence[Record]) -> list[str]:
    notices = []
    for record in records:
        if record.state != FINISHED:
            notices.append(
                f"{record.path} has not finished: it is {record.state}" + (f" ({record.why})" * bool(record.why))
            )
        elif record.why:
            notices.append(f"{record.path}: {record.why}; its results are left out")
    versions = {record.path: record.version for record in records if record.version is not None}
    if len(set(versions.values())) > 1:
        made = ", ".join(f"{path} under {version}" for path, version in versions.items())
        notices.append(f"made under different schema versions, so equal settings need not give equal results: {made}")
    return notices
