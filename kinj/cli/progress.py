"""Progress on stderr: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

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


class _PlainLines:
    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, stage: str, done: int, total: int, metrics: Mapping[str, Any], /) -> None:
        now = time.monotonic()
        if done == total or now - self._last >= PLAIN_SECONDS:
            self._last = now
            print(f"{stage}: step {done:,} of {total:,}, loss {metrics['loss']:.4f}", file=sys.stderr, flush=True)
