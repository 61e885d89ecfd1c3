"""Every run and sweep below some folders: found, filtered and sorted. Nothing is loaded but their files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kinj.config.errors import UsageError
from kinj.data.rundir import RunDir
from kinj.report.read import read_json
from kinj.sweep import ledger
from kinj.sweep.conditions import Condition
from kinj.sweep.outcome import COSTS
from kinj.sweep.record import (
    DAMAGED,
    FAILED,
    FINISHED,
    INTERRUPTED,
    NEVER_STARTED,
    RUNNING,
    STATES,
    DamagedError,
    Record,
    by_ledger,
    last_change,
    listed,
    read_config,
    read_record,
    reading,
    settings_of,
)

ABOUT = ("time", "path", "state", "model", "data", "recipe")
"""What runs are sorted by, besides costs and measures."""


def list_runs(
    folders: Sequence[Path],
    *,
    trials: bool = False,
    state: str | None = None,
    where: str | None = None,
    sort: str = "time",
    limit: int | None = None,
) -> list[Record]:
    """The runs in some folders, newest first.

    Args:
        folders: each a run, a sweep, or a folder that holds them, at any depth.
        trials: whether the trials of a sweep are listed one by one. They are where they are filtered.
        state: only runs in this state.
        where: only runs whose settings meet this condition; damaged ones, whose settings are not known, are left out.
        sort: one of `ABOUT`, a cost, or a measure (`recall` or `biographies.recall`), best first.
        limit: no more than these.

    Raises:
        UsageError: a folder does not exist, or there is no such state, setting or measure.
    """
    if state is not None and state not in STATES:
        raise UsageError(f"--state: there is no state `{state}`", f"states are: {', '.join(STATES)}")
    condition = Condition(where, "--where") if where else None
    one_by_one = trials or state is not None or condition is not None
    found = [record for folder in folders for record in _below(_there(folder), one_by_one)]
    found = list({record.path: record for record in found}.values())
    found = [one for one in found if state in (None, one.state) and (condition is None or _meets(one, condition))]
    return sorted_by(found, sort)[:limit]


def _there(folder: Path) -> Path:
    if not folder.is_dir():
        raise UsageError(f"{folder} is not there, or no folder", "kinj runs FOLDER lists the runs below a folder")
    return folder


def _below(folder: Path, trials: bool) -> Iterator[Record]:
    """The run or sweep in a folder, else those in the folders within it."""
    if ledger.holds_sweep(folder):
        yield from _trials(folder) if trials else [read_sweep_record(folder)]
    elif RunDir(folder).is_run():
        yield read_record(folder)
    else:
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if entry.is_dir() and not entry.name.startswith("."):
                yield from _below(Path(entry.path), trials)


def _trials(folder: Path) -> Iterator[Record]:
    states, arms = ledger.read_states(folder), _arms(folder)
    for name in dict.fromkeys([*states, *_folders(folder / "trials")]):
        if (folder / "trials" / name).is_dir():
            yield replace(read_record(folder / "trials" / name, states), arm=arms.get(name))


def _arms(folder: Path) -> dict[str, str | None]:
    """The arms of trials, as far as a table says them."""
    try:
        with reading("results.json"):
            table = read_json(folder / "results.json") or {"groups": []}
            return {trial["trial"]: group["arm"] for group in table["groups"] for trial in group["trials"]}
    except DamagedError:
        return {}  # the row of the sweep says so


def _folders(folder: Path) -> list[str]:
    return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir()) if folder.is_dir() else []


def read_sweep_record(folder: Path) -> Record:
    """A sweep: how many trials are in which state, the best row of its table, and the cost of all of them."""
    try:
        return _read_sweep(folder)
    except DamagedError as damage:
        return Record(str(folder), "sweep", DAMAGED, str(damage), time=last_change(folder))


def _read_sweep(folder: Path) -> Record:
    with reading("trials.jsonl"):
        states = ledger.read_states(folder)
        counts = Counter(by_ledger(status)[0] for status in states.values())
        when = max((status.renewed for status in states.values()), default=None)
    with reading("sweep.yaml"):
        config = read_config(folder / "sweep.yaml")
        model, data, recipe = config["model"]["name"], config["data"]["name"], config["train"]["recipe"]
    with reading("results.json"):
        table = read_json(folder / "results.json") or {}
        best, results = best_row(table) if table else (None, [])
        cost = _total(table.get("groups", []))
    return Record(
        str(folder),
        "sweep",
        _state_of_all(counts),
        next((s.error.partition("\n")[0] for s in states.values() if s.error and s.state != ledger.PRUNED), None),
        time=when or last_change(folder),
        model=model,
        data=data,
        recipe=recipe,
        results=results,
        cost=cost,
        trials={"total": len(states), **{state: counts[state] for state in STATES if counts[state]}},
        best=best,
    )


def _state_of_all(counts: Mapping[str, int]) -> str:
    """Running while a trial is; interrupted where some are left to do; failed where one failed and none is left."""
    if not counts or set(counts) == {NEVER_STARTED}:
        return NEVER_STARTED
    if RUNNING in counts:
        return RUNNING
    if INTERRUPTED in counts or NEVER_STARTED in counts:
        return INTERRUPTED
    return FAILED if FAILED in counts else FINISHED


def best_row(table: Mapping[str, Any]) -> tuple[str | None, list[dict[str, Any]]]:
    """The row with the best value of the measure asked for, by name, and its measures, that one first."""
    main = table["measure"]
    rows = [(row["name"], listed({p: {"measures": m} for p, m in row["measures"].items()})) for row in table["groups"]]
    found = [
        (one["value"] * (one["direction"] or 1), name, [one, *(other for other in measures if other is not one)])
        for name, measures in rows
        for one in measures
        if main and (one["probe"], one["measure"]) == (main["probe"], main["name"])
    ]
    if not found:
        return None, []
    _, name, measures = max(found, key=lambda row: row[0])
    return (name if len(rows) > 1 else None), measures


def _total(groups: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Sums over the finished trials; one that stands in two rows counts once."""
    counted: set[str] = set()
    total: Counter[str] = Counter()
    for group in groups:
        new = {trial["trial"] for trial in group["trials"] if trial["done"]} - counted
        counted |= new
        total.update({name: value * len(new) for name, value in group["cost"].items()})
    return {name: total[name] for name in COSTS if name in total}


def _meets(record: Record, condition: Condition) -> bool:
    try:
        return record.state != DAMAGED and condition.holds({"arm": record.arm, **settings_of(Path(record.path))})
    except DamagedError:
        return False


def sorted_by(records: Sequence[Record], key: str) -> list[Record]:
    """Records in the order of what `list_runs` takes for `sort`; those without a value come last.

    Raises:
        UsageError: no run has such a measure.
    """
    if key in ("time", *COSTS):
        values = [record.time if key == "time" else record.cost.get(key) for record in records]
        signs = [-1.0] * len(records)
    elif key in ABOUT:
        return sorted(records, key=lambda record: (getattr(record, key) is None, getattr(record, key), record.path))
    else:
        measures = [_named(record, key) for record in records]
        if records and not any(measures):
            there = sorted({f"{one['probe']}.{one['measure']}" for record in records for one in record.results})
            hint = f"sort by {', '.join([*ABOUT, *COSTS])}" + (f", or a measure: {', '.join(there)}" if there else "")
            raise UsageError(f"--sort: no run here has `{key}`", hint)
        values = [one["value"] if one else None for one in measures]
        signs = [-float(one["direction"] or 1) if one else 1.0 for one in measures]
    ranked = [(value is None, sign * (value or 0.0)) for value, sign in zip(values, signs, strict=True)]
    return [records[number] for number in sorted(range(len(records)), key=lambda number: ranked[number])]


def _named(record: Record, name: str) -> dict[str, Any] | None:
    wanted = (one for one in record.results if name in (one["measure"], f"{one['probe']}.{one['measure']}"))
    return next(wanted, None)
