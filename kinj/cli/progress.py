"""Progress on stderr: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from kinj.cli.common import note
from kinj.data.rundir import RunDir

PLAIN_SECONDS = 10.0
"""Time between two plain lines."""


class TrainProgress(Protocol):
    """Called after every step: (stage, steps done in it, its steps, the step's metrics)."""

    def __call__(self, stage: str, done: int, total: int, metrics: Mapping[str, Any], /) -> None: ...


def on_terminal() -> bool:
    """Whether stderr is a terminal that can redraw a line."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


@contextmanager
def training_progress() -> Iterator[TrainProgress]:
    """A callback for `kinj.train.run.train`."""
    if not on_terminal():
        yield _PlainLines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [TextColumn("  ▸ {task.description:<12}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %")]
    detail = [TextColumn("{task.fields[detail]}"), TimeRemainingColumn(compact=True)]
    with Progress(*columns, *detail, console=Console(stderr=True)) as bar:
        tasks: dict[str, Any] = {}

        def update(stage: str, done: int, total: int, metrics: Mapping[str, Any]) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total, detail="")
            bar.update(tasks[stage], completed=done, detail=f"loss {metrics['loss']:.3f}")

        yield update


class RunNotes:
    """Says on stderr what a run notes in its events, each thing once: as soon as a stage runs, and at the end of the run.

    Args:
        told: events of a resumed run that were there before, and are not said again.
    """

    def __init__(self, run: RunDir, told: int = 0) -> None:
        self._run = run
        self._told = told

    def tell(self) -> None:
        """Says what came since the last time."""
        events = self._run.events()
        for event in events[self._told :]:
            if event["kind"] == "notice":
                note(f"note: {event['text']}")
            if event["kind"] == "batching":
                note(f"batching: {event['layout']}, {event['why']}")
        self._told = len(events)

    def with_each_stage(self, progress: TrainProgress) -> TrainProgress:
        """The same progress; after the first step of each stage comes what was noted until then."""
        stages: set[str] = set()

        def update(stage: str, done: int, total: int, metrics: Mapping[str, Any], /) -> None:
            progress(stage, done, total, metrics)
            if stage not in stages:
                stages.add(stage)
                self.tell()

        return update


class _PlainLines:
    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, stage: str, done: int, total: int, metrics: Mapping[str, Any], /) -> None:
        now = time.monotonic()
        if done == total or now - self._last >= PLAIN_SECONDS:
            self._last = now
            print(f"{stage}: step {done:,} of {total:,}, loss {metrics['loss']:.4f}", file=sys.stderr, flush=True)
