"""The table of a sweep as its folder stands: finished, at work, or cut short."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from kinj.config import from_yaml
from kinj.config.errors import UsageError
from kinj.config.schema import Settings
from kinj.report.sweep import read_sweep
from kinj.sweep.ledger import FAILED, FileLedger
from kinj.sweep.multiplex import with_controls
from kinj.sweep.results import PlannedTrial, collect
from kinj.sweep.space import Trial


def table_of(folder: Path) -> dict[str, Any]:
    """The content of a sweep's results.json; where trials went on since it was written, or it never was, the same from its trials.

    Raises:
        UsageError: the folder holds no sweep, or one that has not planned its trials.
    """
    written, ledger = folder / "results.json", folder / "trials.jsonl"
    if written.exists() and not (ledger.exists() and ledger.stat().st_mtime > written.stat().st_mtime):
        return read_sweep(folder)
    if not ledger.exists() or not (folder / "sweep.yaml").exists():
        raise UsageError(f"{folder} holds no trials yet", "they are made by kinj sweep")
    settings = from_yaml(folder / "sweep.yaml")
    states = FileLedger(folder).states()
    planned = [one for name in states if (one := _planned(folder / "trials" / name, settings)) is not None]
    # What was interrupted has not failed: the next call goes on with it.
    errors = {name: status.error for name, status in states.items() if status.state == FAILED}
    table = collect(planned, settings, errors)
    for failure in table["failures"]:
        failure["state"] = FAILED
    return table


def _planned(folder: Path, settings: Settings) -> PlannedTrial | None:
    """A trial from what its folder says it lays over the sweep's settings; None where it says nothing."""
    path = folder / "overrides.txt"
    if not path.exists():
        return None
    lines = [line.partition("=") for line in path.read_text(encoding="utf-8").splitlines()]
    overrides = {key: json.loads(value) for key, _, value in lines}
    own = {"train.multiplex": overrides["train.multiplex"]} if "train.multiplex" in overrides else {}
    seed = overrides.get("seed", settings.seed)
    data = replace(settings.data, seed=overrides.get("data.seed", settings.data.seed))
    train = replace(settings.train, multiplex=own["train.multiplex"]) if own else settings.train
    # Of its settings only these are asked for, and reading a thousand whole ones would take longer than all else.
    trial = _beside(_trial({k: v for k, v in overrides.items() if k not in own}, settings), own, settings)
    return PlannedTrial(trial, replace(settings, seed=seed, data=data, train=train), folder.name, folder)


def _beside(trial: Trial, own: Mapping[str, Any], settings: Settings) -> Trial:
    """A trial as its sweep planned it: one beside the multiplexed ones is told by what it multiplexes itself."""
    if not (settings.train.multiplex and settings.sweep.alone):
        return replace(trial, point={**trial.point, **own})
    planned = with_controls([trial], settings, lambda _: settings)
    return next((one for one in planned if dict(one.values) == own), replace(trial, point={**trial.point, **own}))


def _trial(overrides: Mapping[str, Any], settings: Settings) -> Trial:
    """The trial that has these overrides: a sweep never varies a key that one of its arms sets."""
    arms = settings.sweep.arms
    keys = {key for arm in arms.values() for key in arm}
    values = {key: value for key, value in overrides.items() if key in keys}
    point = {key: value for key, value in overrides.items() if key not in keys}
    name = next((name for name, arm in arms.items() if dict(arm) == values), None)
    return Trial(name, values, point)
