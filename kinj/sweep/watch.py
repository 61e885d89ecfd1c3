"""How far a sweep and its trials are, read from their files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kinj.config.wording import counted

TAIL = 4096
"""Bytes at the end of metrics.jsonl that surely hold its last line."""


@dataclass(frozen=True)
class Running:
    """A trial in progress: its name and the share of its training that is done (None: not known yet)."""

    name: str
    share: float | None


@dataclass(frozen=True)
class SweepProgress:
    """Where a sweep stands. `resumed` trials were done before it was started; `seconds` is what is left, if that can be told."""

    total: int
    resumed: int
    done: int
    failed: int
    running: tuple[Running, ...]
    seconds: float | None
    pruned: int = 0

    def __str__(self) -> str:
        parts = [counted(self.total, "trial"), *([f"{self.resumed} done before (resumed)"] if self.resumed else [])]
        parts += [f"{self.done} done", f"{len(self.running)} running", f"{self.failed} failed"]
        parts += [f"{self.pruned} pruned"] if self.pruned else []
        return ", ".join(parts) + (f", about {clock(self.seconds)} left" if self.seconds is not None else "")


def clock(seconds: float) -> str:
    """Seconds as `4:10` or `1:04:10`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def share_done(folder: Path, stages: int) -> float | None:
    """Share of a run's training that is done; stages count alike, since later ones are not yet cut into steps.

    Args:
        folder: the run directory.
        stages: number of stages in its settings.
    """
    begun = [row for row in _rows(_read(folder / "events.jsonl")) if row.get("kind") == "stage"]
    names = list(dict.fromkeys(row["name"] for row in begun))
    if not names or not stages:
        return None
    before = sum({row["name"]: row["steps"] for row in begun if row["name"] != names[-1]}.values())
    steps = next(row["steps"] for row in reversed(begun) if row["name"] == names[-1])
    last = max((row.get("step", 0) for row in _rows(_read(folder / "metrics.jsonl", TAIL))), default=0)
    return float(min(1.0, (len(names) - 1 + max(0, last - before) / max(steps, 1)) / stages))


def _read(path: Path, tail: int | None = None) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - tail) if tail else 0)
        return file.read().decode("utf-8", "replace")


def _rows(text: str) -> list[dict[str, Any]]:
    """The whole lines of a JSONL text; the first and last may be cut."""
    rows = []
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows
