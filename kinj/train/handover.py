"""Handing the end of a stage from one run to another, which goes on from there exactly as if it had come so far itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kinj.data.files import atomic_folder, atomic_write
from kinj.data.rundir import CHECKPOINTS, METRICS, RunDir
from kinj.data.shared import link_tree
from kinj.train.accounts import times_of

CHECKPOINT, ABOUT, SELECTIONS, EVENTS = "checkpoint", "about.json", "selections", "events.json"
TAKEN_OVER = "taken_over"
"""Kind of the event that says so."""


def hand_over(run: RunDir, checkpoint: Path, stages: Sequence[str], folder: Path) -> None:
    """Fills a folder with all that another run needs to go on from a run's checkpoint.

    Args:
        run: it stands where the checkpoint was written.
        checkpoint: at the end of the last of the stages.
        stages: names of all stages so far.
        folder: an empty one.

    Raises:
        OSError: it cannot be written.
    """
    link_tree(checkpoint, folder / CHECKPOINT)
    (folder / METRICS).write_bytes(_content(run.path / METRICS))
    for stage in stages:
        for path in sorted((run.path / SELECTIONS).glob(f"{stage}.*")):
            (folder / SELECTIONS).mkdir(exist_ok=True)
            shutil.copy2(path, folder / SELECTIONS)
    (folder / EVENTS).write_text(json.dumps(_told(run)), encoding="utf-8")
    about = {"from": run.path.name, "stages": list(stages), "steps": _steps(checkpoint)}
    about["seconds"] = round(times_of(run)["seconds"], 3)
    (folder / ABOUT).write_text(json.dumps(about), encoding="utf-8")


def take_over(folder: Path, run: RunDir, waited: float) -> None:
    """Makes a run that has done nothing yet one that stands where another was when it filled `folder`.

    Metrics, events and costs become the run's own; an event says from whom it has them.

    Args:
        waited: seconds that this run waited for the other.

    Raises:
        OSError: the folder is gone.
    """
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    for path in sorted((folder / SELECTIONS).glob("*")):
        atomic_write(run.path / SELECTIONS / path.name, path.read_bytes())
    atomic_write(run.path / METRICS, (folder / METRICS).read_bytes())
    for event in json.loads((folder / EVENTS).read_text(encoding="utf-8")):
        run.event(**event)
    run.event(TAKEN_OVER, **about, waited=round(waited, 3))
    # The checkpoint comes last: without it, the run begins anew and drops the metrics.
    with atomic_folder(run.path / CHECKPOINTS / f"step-{about['steps']:06d}") as target:
        link_tree(folder / CHECKPOINT, target)


def taken_over(run: RunDir) -> dict[str, Any] | None:
    """What a run has from another one: `from`, `stages`, `steps`, `seconds`, `waited`; None where it did all itself."""
    found = None
    for event in run.events():
        if event["kind"] == TAKEN_OVER:
            found = {key: value for key, value in event.items() if key not in ("kind", "time")}
        elif event["kind"] == "started" and not event["resumed"]:
            found = None
    return found


def _told(run: RunDir) -> list[dict[str, Any]]:
    """What happened in the run's stages. What it said before the first of them may be about later ones."""
    events = run.events()
    first = next(number for number, event in enumerate(events) if event["kind"] == "stage")
    return [event for event in events[first:] if event["kind"] not in ("started", "batching", TAKEN_OVER)]


def _steps(checkpoint: Path) -> int:
    return int(json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))["step"])


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
