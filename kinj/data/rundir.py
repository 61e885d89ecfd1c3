"""A run's directory: everything to read, repeat or resume it. Files appear whole or not at all; logs lose at most a torn line."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson

from kinj.config.errors import UsageError
from kinj.data.writers import atomic_write, is_leftover, to_json

_STEP = re.compile(r"step-(\d{6,})")
_MARKS = ("config.yaml", "events.jsonl")
_PACKAGES = ("kinj", "torch", "transformers", "tokenizers", "accelerate", "datasets", "numpy", "safetensors", "omegaconf")


class RunDir:
    """An existing run directory. `RunDir.create` makes one."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @classmethod
    def create(cls, path: str | Path, *, overwrite: bool = False, resume: bool = False) -> RunDir:
        """Makes the directory, or takes over what is there.

        Args:
            overwrite: remove a run that is there.
            resume: keep it, and clear away what an interrupted write left behind.

        Raises:
            UsageError: something is there and neither was given; or `overwrite` would remove what is no run.
        """
        run = cls(path)
        if run.path.exists() and (not run.path.is_dir() or any(run.path.iterdir())) and not resume:
            if not overwrite:
                raise UsageError(f"{path} exists and is not empty", "pass --overwrite to replace it, or --resume to continue it")
            if not any((run.path / mark).exists() for mark in _MARKS):
                raise UsageError(f"{path} does not look like a run, so it is not removed", "choose another place with -o")
            shutil.rmtree(run.path)
        try:
            (run.path / "checkpoints").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{path} cannot be made: {error.strerror}", "choose another place with -o") from error
        run._clear_leftovers()
        return run

    def _clear_leftovers(self) -> None:
        for folder in (self.path, self.path / "checkpoints"):
            for path in folder.iterdir():
                if is_leftover(path):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name in ("events.jsonl", "metrics.jsonl"):
            self._rewrite(name, lambda _: True)  # a torn last line goes

    def event(self, kind: str, **fields: Any) -> None:
        """Appends a line to events.jsonl, with the time."""
        self._append("events.jsonl", {"kind": kind, "time": round(time.time(), 3), **fields})

    def events(self) -> list[dict[str, Any]]:
        """All events; a torn last line is left out."""
        return list(self._lines("events.jsonl"))

    def metric(self, **fields: Any) -> None:
        """Appends a line to metrics.jsonl. It holds no times, so that a resumed run writes the same bytes."""
        self._append("metrics.jsonl", fields)

    def metrics(self) -> list[dict[str, Any]]:
        """All metrics; a torn last line is left out."""
        return list(self._lines("metrics.jsonl"))

    def truncate_metrics(self, step: int) -> None:
        """Drops the lines of steps after `step`: a resumed run takes those steps again."""
        self._rewrite("metrics.jsonl", lambda line: bool(line.get("step", 0) <= step))

    def write_json(self, name: str, content: Any) -> None:
        """Writes a JSON file, indented; numbers that are not finite become null."""
        atomic_write(self.path / name, to_json(content, indent=True) + b"\n")

    def checkpoints(self) -> list[tuple[int, Path]]:
        """(step, folder) of every complete checkpoint, oldest first."""
        folder = self.path / "checkpoints"
        found = ((_STEP.fullmatch(path.name), path) for path in (folder.iterdir() if folder.is_dir() else ()))
        return sorted((int(match[1]), path) for match, path in found if match)

    def latest_checkpoint(self) -> Path | None:
        """The newest complete checkpoint."""
        found = self.checkpoints()
        return found[-1][1] if found else None

    def write_env(self) -> None:
        """env.json: versions, processor, threads, commit. No secrets, no paths."""
        self.write_json("env.json", environment())

    def _append(self, name: str, line: dict[str, Any]) -> None:
        with (self.path / name).open("ab") as file:
            file.write(to_json(line) + b"\n")

    def _lines(self, name: str) -> Iterator[dict[str, Any]]:
        path = self.path / name
        for raw in path.read_bytes().split(b"\n")[:-1] if path.exists() else ():
            yield orjson.loads(raw)

    def _rewrite(self, name: str, keep: Callable[[dict[str, Any]], bool]) -> None:
        path = self.path / name
        if path.exists():
            kept = b"".join(to_json(line) + b"\n" for line in self._lines(name) if keep(line))
            if kept != path.read_bytes():
                atomic_write(path, kept)


def next_run_dir(root: Path, name: str) -> Path:
    """A new directory `root/NAME-001`, `-002`, …; two processes never get the same one."""
    root.mkdir(parents=True, exist_ok=True)
    taken = [int(path.name.rpartition("-")[2]) for path in root.glob(f"{name}-*") if path.name.rpartition("-")[2].isdigit()]
    number = max(taken, default=0) + 1
    while True:
        path = root / f"{name}-{number:03d}"
        try:
            path.mkdir()
            return path
        except FileExistsError:
            number += 1


def latest_run(root: str | Path = "runs") -> Path | None:
    """The training run in `root` that finished last."""
    times: list[tuple[float, Path]] = []
    for path in Path(root).iterdir() if Path(root).is_dir() else ():
        finished = [event["time"] for event in RunDir(path).events() if event["kind"] == "finished"] if path.is_dir() else []
        if finished and RunDir(path).latest_checkpoint():
            times.append((finished[-1], path))
    return max(times)[1] if times else None


def environment() -> dict[str, Any]:
    """What a result may depend on beside the settings."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "packages": {name: _version(name) for name in _PACKAGES},
        "commit": _commit(),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit of kinj's own code, where it runs from a clone."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
