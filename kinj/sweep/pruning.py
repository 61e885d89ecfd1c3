"""Ending trials early whose learning curve falls behind. Each trial judges itself, from files alone.

`pruning.json` of a sweep says by which rule, and which trials are judged beside each other. A trial reads the others' curves from
their `metrics.jsonl` and keeps its latest judgement in its `judged.json`; so it is the same under every executor.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kinj.config.errors import KinjError
from kinj.config.schema import SweepSettings, TrainSettings
from kinj.data.files import atomic_write
from kinj.data.rundir import RunDir
from kinj.report.read import read_json
from kinj.sweep.ledger import DONE, read_states
from kinj.sweep.pruners import Curve, Seen, learning_curve, should_prune
from kinj.train.stopping import probes_at

RULES, JUDGED = "pruning.json", "judged.json"


class PrunedError(Exception):
    """A trial was ended early; the text says at which step and why."""


def plan_pruning(folder: Path, sweep: SweepSettings, peers: Mapping[str, str]) -> None:
    """Writes down how trials are judged. Without `sweep.prune` none is, and those that were pruned may go on.

    Args:
        folder: of the sweep.
        peers: by identity, what the trials that are judged beside each other have in common.
    """
    if sweep.prune is not None:
        rules = {"rule": sweep.prune, "after": sweep.prune_after, "measure": watched(sweep), "peers": peers}
        atomic_write(folder / RULES, json.dumps(rules, indent=2) + "\n")
        return
    (folder / RULES).unlink(missing_ok=True)
    for trial in (folder / "trials" / name for name in peers):
        if verdict(trial):
            (trial / JUDGED).unlink()


def watched(sweep: SweepSettings) -> str:
    """The measure whose curve is judged: the one that is searched for, or compared."""
    return sweep.objectives[0] if sweep.sampler == "tpe" and sweep.objectives else sweep.measure


def verdict(trial: Path) -> dict[str, Any] | None:
    """The judgement that ended the trial in a folder; None where none did."""
    found = _latest(trial)
    return found if found.get("pruned") else None


def judging(run: RunDir, train: TrainSettings) -> Callable[..., None] | None:
    """What a trial calls after every step (as `kinj.train.run.Progress`) where its sweep prunes; it raises `PrunedError`.

    What the probes showed after one step is judged when the next one has been taken: by then, a stage that ended is in its
    checkpoint and was handed to the trials that share it, and a trial that has no step left is not ended for nothing.

    Raises:
        PrunedError: the trial was pruned before, and killed before it could say so.
    """
    rules = read_json(run.path.parents[1] / RULES)
    if rules is None:
        return None
    if ended := verdict(run.path):
        raise PrunedError(ended["why"])
    finished: dict[str, Curve] = {}

    def judge(_stage: str, _done: int, _steps: int, metrics: Mapping[str, Any]) -> None:
        step = metrics["step"] - 1
        if step and probes_at(step, train):
            found = _judged(run, rules, step, finished)
            atomic_write(run.path / JUDGED, json.dumps(found) + "\n")
            if found["pruned"]:
                raise PrunedError(found["why"])

    return judge


def _judged(run: RunDir, rules: Mapping[str, Any], step: int, finished: dict[str, Curve]) -> dict[str, Any]:
    """The content of judged.json. `finished` keeps the curves of finished trials, which change no more."""
    me, measure, metrics = run.path.name, rules["measure"], run.metrics()
    curve, sign = learning_curve(metrics, measure)
    if step not in curve:
        there = dict.fromkeys(f"{row['probe']}.{row['measure']}" for row in metrics if "measure" in row)
        hint = f"set sweep.measure to one of those measured: {', '.join(there) or 'none'}"
        raise KinjError(f"sweep.prune judges trials by {measure}, and no probe on the way measured it", hint)
    seen = _beside(run.path, rules, finished)
    pruned, notes = should_prune(rules["rule"], rules["after"], sign, seen, me)
    counts = {name for name, one in seen.items() if name != me and (one.state == DONE or rules["rule"] != "median")}
    others = {name: _number(seen[name].curve[step]) for name in sorted(counts) if step in seen[name].curve}
    known = [value for value in others.values() if value is not None]
    best = sign * max((sign * value for value in curve.values() if not math.isnan(value)), default=math.nan)
    beside = (
        f"the median of the others ({len(known)}) is {statistics.median(known):.4g}" if known else "no other has one"
    )
    value = f"{measure} was {curve[step]:.4g} after {step:,} steps (at best {best:.4g} until then)"
    why = f"{value}, where {beside} (sweep.prune={rules['rule']})"
    about = {"step": step, "measure": measure, "value": _number(curve[step]), "others": others}
    return {"pruned": pruned, **about, "why": why, "notes": notes}


def _beside(me: Path, rules: Mapping[str, Any], finished: dict[str, Curve]) -> dict[str, Seen]:
    """A trial and those it is judged beside, in the order of the ledger."""
    peers, seen = rules["peers"], {}
    for name, status in read_states(me.parents[1]).items():
        if name == me.name or (name in peers and peers[name] == peers.get(me.name)):
            trial = me.parent / name
            curve = finished.get(name) or learning_curve(RunDir(trial).metrics(), rules["measure"])[0]
            seen[name] = Seen(status.state, curve, _latest(trial).get("notes", {}))
            if status.state == DONE:
                finished[name] = curve
    return seen


def _latest(trial: Path) -> dict[str, Any]:
    return read_json(trial / JUDGED) or {}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
