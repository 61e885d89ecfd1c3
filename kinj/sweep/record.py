"""One run as it stands in its files: state, main results and cost. Of a damaged one it says what is damaged."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

from kinj.config.build import flatten
from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import Settings
from kinj.data.rundir import RunDir
from kinj.eval.base import SCHEMA
from kinj.report.read import RunFiles, read_lines
from kinj.sweep import identity, ledger
from kinj.sweep.holder import Holder
from kinj.sweep.outcome import COSTS
from kinj.sweep.watch import share_done

RUNNING, FINISHED, INTERRUPTED, FAILED = "running", "finished", "interrupted", "failed"
NEVER_STARTED, DAMAGED, PRUNED = "never-started", "damaged", "pruned"
STATES = (RUNNING, FINISHED, PRUNED, INTERRUPTED, FAILED, NEVER_STARTED, DAMAGED)
BY_LEDGER = {ledger.DONE: FINISHED, ledger.PLANNED: NEVER_STARTED, ledger.FAILED: FAILED, ledger.PRUNED: PRUNED}

SHOWN = ("value", "low", "high", "n", "unit", "direction", "covers")
"""What a list of runs says about a measure."""
GROWING = ("events.jsonl", "metrics.jsonl", "results.json", "config.yaml")
"""Files that show when a run was last at work."""
SECTION = re.compile(r"^(?=\w)", re.MULTILINE)
"""Where the sections of a config.yaml begin."""
WRONG = (OSError, ValueError, LookupError, TypeError, AttributeError, yaml.YAMLError)
"""What reading a file raises that does not hold what it should."""


class DamagedError(Exception):
    """A file of a run cannot be used; the text says which and why."""


@dataclass(frozen=True)
class Record:
    """What a list of runs says about a run, a trial of a sweep, or a sweep.

    Attributes:
        path: its folder.
        kind: `run`, `trial` or `sweep`.
        state: one of `STATES`.
        why: why it failed or was pruned, what is damaged, or that another version of kinj wrote it.
        version: `kinj.sweep.identity.SCHEMA` it was made under; None where it does not say.
        time: when it last said something, in seconds since 1970.
        share: share of its training that is done, where it has not finished.
        arm: of a trial, its way of teaching, once the sweep's table was made.
        overrides: what was typed; of a trial, what makes it differ from the sweep's settings.
        results: headline measures: probe, measure, value, low, high, n, unit, direction, covers.
        cost: steps, passes, tokens, label_tokens, seconds; of a sweep, the sums over its finished trials.
        trials: of a sweep, how many there are in all (`total`) and by state.
        best: of a sweep, the row of its table that the results are of.
    """

    path: str
    kind: str
    state: str
    why: str | None = None
    version: int | None = None
    time: float | None = None
    share: float | None = None
    model: str | None = None
    data: str | None = None
    recipe: str | None = None
    arm: str | None = None
    overrides: list[str] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)
    cost: dict[str, float] = field(default_factory=dict)
    trials: dict[str, int] | None = None
    best: str | None = None


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turns whatever is wrong with a file into words.

    Raises:
        DamagedError: something is.
    """
    try:
        yield
    except UsageError as error:
        raise DamagedError(f"it has no {name}") from error
    except KeyError as error:
        raise DamagedError(f"{name} has no entry {error}") from error
    except (KinjError, *WRONG) as error:
        why = error.what if isinstance(error, KinjError) else str(error).partition("\n")[0]
        raise DamagedError(f"{name} cannot be used ({why})") from error


def read_record(folder: Path, states: Mapping[str, ledger.Status] | None = None) -> Record:
    """A run or a trial, whatever state its files are in.

    Args:
        folder: its directory.
        states: the ledger of the sweep it is a trial of, where that was read already.
    """
    kind = "trial" if is_trial(folder) else "run"
    try:
        if kind == "trial" and states is None:
            with reading("trials.jsonl"):
                states = ledger.read_states(folder.parent.parent)
        return _read(folder, kind, (states or {}).get(folder.name))
    except DamagedError as damage:
        return Record(str(folder), kind, DAMAGED, str(damage), time=last_change(folder))


def note_process(run: RunDir) -> None:
    """Notes in a run's events which process works at it from now on, and under which version; `read_record` reads it."""
    run.event("process", schema=identity.SCHEMA, **vars(Holder.here()))


def is_trial(folder: Path) -> bool:
    """Whether a run directory belongs to a sweep."""
    return folder.parent.name == "trials" and (folder.parent.parent / "trials.jsonl").exists()


def _read(folder: Path, kind: str, status: ledger.Status | None) -> Record:
    with reading("config.yaml"):
        files, config = RunFiles(folder), read_config(folder / "config.yaml")
        model, data, recipe = config["model"]["name"], config["data"]["name"], config["train"]["recipe"]
        stages = len(config["train"]["order"])
    with reading("events.jsonl"):
        events = [row for row in read_lines(folder / "events.jsonl") if "kind" in row]
        said = max((float(row["time"]) for row in events if "time" in row), default=None)
        state, why = by_ledger(status) if status else _by_events(folder, events)
        versions = [row["schema"] for row in events if row["kind"] == "process" and "schema" in row]
    with reading("results.json"):
        version = files.results.get("schema", SCHEMA)
        results = headlines(files.results["probes"]) if version == SCHEMA else []
    with reading("summary.json"):
        cost = {name: float(files.summary[name]) for name in COSTS if files.summary.get(name) is not None}
    with reading("overrides.txt"):
        overrides = files.overrides
    with reading("metrics.jsonl"):
        share = None if state in (FINISHED, NEVER_STARTED) else share_done(folder, stages)
    about: dict[str, Any] = {
        "model": model,
        "data": data,
        "recipe": recipe,
        "results": results,
        "cost": cost,
        "share": share,
    }
    about |= {"version": versions[-1] if versions else None, "overrides": overrides}
    when = status.renewed if status else said or last_change(folder)
    return Record(str(folder), kind, state, why or version_note(version), time=when, **about)


def version_note(schema: Any) -> str | None:
    """What to say of a run whose results.json another version of kinj wrote."""
    if schema == SCHEMA:
        return None
    return f"another version of kinj wrote its results.json (schema {schema}; this one reads {SCHEMA})"


def by_ledger(status: ledger.Status) -> tuple[str, str | None]:
    """State of a trial, and why it failed or was pruned."""
    if status.state == ledger.RUNNING:
        return (RUNNING if ledger.is_held(status, time.time()) else INTERRUPTED), None
    state = BY_LEDGER.get(status.state, INTERRUPTED)
    return state, status.error if state in (FAILED, PRUNED) else None


def _by_events(folder: Path, events: Sequence[Mapping[str, Any]]) -> tuple[str, str | None]:
    """State of a run, and why it failed."""
    kinds = [row["kind"] for row in events]
    if "started" not in kinds and (folder / "results.json").exists():
        return FINISHED, None  # an evaluation, which trains nothing
    last = next((row for row in reversed(events) if row["kind"] in ("process", "stopped", "finished")), None)
    if last is None:
        recent = time.time() - (last_change(folder) or 0.0) < ledger.LEASE_SECONDS
        return (NEVER_STARTED if not kinds else RUNNING if recent else INTERRUPTED), None
    if last["kind"] == "finished":
        return FINISHED, None
    if last["kind"] == "stopped":
        return (FAILED if last["state"] == FAILED else INTERRUPTED), last.get("error")
    holder = Holder(str(last["host"]), int(last["pid"]), str(last["started"]))
    at_work = ledger.works(holder, last_change(folder) or 0.0, time.time())
    return (RUNNING if at_work else INTERRUPTED), None


def last_change(folder: Path) -> float | None:
    """When a run was last seen at work, by its files."""
    paths = [folder / name for name in GROWING]
    return max((path.stat().st_mtime for path in paths if path.exists()), default=None)


def headlines(probes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The measures without a `/` in their name, as a list."""
    return [one for one in listed(probes) if "/" not in one["measure"]]


def listed(probes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All measures of some probes that have a value, as a list."""
    return [
        {"probe": probe, "measure": name, "value": float(measure["value"])}
        | {key: measure.get(key) for key in SHOWN[1:]}
        for probe, found in probes.items()
        for name, measure in found.get("measures", {}).items()
        if measure["value"] is not None
    ]


def read_config(path: Path) -> dict[str, Any]:
    """Settings as they stand in a file, unchecked: checking all settings of a run takes a quarter of a second.

    The sections are parsed one by one, and those of the trials of a sweep are mostly the same text.
    """
    text = path.read_text(encoding="utf-8")
    try:
        parts = [_parsed(part) for part in SECTION.split(text) if part]
        return {key: value for part in parts for key, value in part.items()}
    except (yaml.YAMLError, AttributeError):
        return dict(_parsed(text).items())  # written by hand, in a form that cannot be taken apart


@lru_cache(maxsize=1000)
def _parsed(text: str) -> Any:
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # the one in C is not built everywhere


def settings_of(folder: Path) -> dict[str, Any]:
    """Settings of a run by full key; what an older version did not write has its default.

    Raises:
        DamagedError: its config.yaml cannot be used.
    """
    with reading("config.yaml"):
        return _defaults() | dict(flat(read_config(folder / "config.yaml")))


@cache
def _defaults() -> dict[str, Any]:
    return flatten(Settings())


def flat(value: Mapping[str, Any], path: Sequence[str] = ()) -> Iterator[tuple[str, Any]]:
    """Nested entries by full key; lists are values."""
    for name, child in value.items():
        if isinstance(child, dict) and child:
            yield from flat(child, (*path, str(name)))
        else:
            yield ".".join((*path, str(name))), child
