"""A run directory: everything to read, repeat or resume one run. docs/data.md lists its files."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from kinj.config.errors import KinjError, UsageError
from kinj.data.environment import differences, environment
from kinj.data.writers import atomic_write, is_leftover, raise_explained, to_json

EVENTS, METRICS, CONFIG, ENVIRONMENT = "events.jsonl", "metrics.jsonl", "config.yaml", "env.json"
CHECKPOINTS = "checkpoints"
_CHECKPOINT = re.compile(r"step-(\d+)")


class RunDir:
    """Opens a run directory as it is. `RunDir.create` makes one, or makes one ready to go on."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._mended: set[str] = set()

    @classmethod
    def create(cls, path: str | Path, *, overwrite: bool = False, resume: bool = False) -> RunDir:
        """A directory to run in; a missing or empty one is made.

        Args:
            overwrite: empty it first, if it is a run's.
            resume: go on in it: remove what an interrupted write left behind.

        Raises:
            UsageError: it is in the way: a file, or it holds something and neither was asked for, or it is not a run's.
        """
        run = cls(path)
        if run.path.exists() and not run.path.is_dir():
            raise UsageError(f"{path} is a file; a run needs a folder", "choose another one: -o FOLDER")
        if run._content():
            run._check_content(overwrite, resume)
            if overwrite:
                run._empty()
        try:
            (run.path / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
            run._clean()
        except OSError as error:
            raise_explained(run.path, error)
        return run

    def _content(self) -> list[Path]:
        return [entry for entry in self.path.iterdir() if not is_leftover(entry)] if self.path.is_dir() else []

    def _check_content(self, overwrite: bool, resume: bool) -> None:
        if not overwrite and not resume:
            hint = "pass --resume to go on, --overwrite to replace it, or another folder: -o FOLDER"
            raise UsageError(f"{self.path} is not empty", hint)
        if not self.is_run():
            verb = "replaced" if overwrite else "resumed"
            reason = f"it is not a run (no {CONFIG}, no {EVENTS})"
            raise UsageError(f"{self.path} is not {verb}: {reason}", "choose another folder: -o FOLDER")
        if overwrite and Path.cwd().is_relative_to(self.path.resolve()):
            raise UsageError(
                f"{self.path} is not replaced: it holds the folder you are in", "change to another folder first"
            )

    def is_run(self) -> bool:
        """Whether it looks like a run's directory."""
        return (self.path / CONFIG).exists() or (self.path / EVENTS).exists()

    def _empty(self) -> None:
        # The two files that make it a run go last: interrupted in the middle, it can still be replaced.
        for entry in sorted(self.path.iterdir(), key=lambda entry: entry.name in (CONFIG, EVENTS)):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def _clean(self) -> None:
        for entry in [entry for entry in self.path.rglob(".*.tmp-*") if is_leftover(entry)]:
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)
        for name in (EVENTS, METRICS):
            _mend(self.path / name)

    def event(self, kind: str, **fields: Any) -> None:
        """Appends to events.jsonl: kind, time (seconds since 1970) and fields."""
        self._append(EVENTS, {"kind": kind, "time": round(time.time(), 3), **fields})

    def events(self) -> list[dict[str, Any]]:
        """All events so far; a last line that was cut off does not count."""
        return self._lines(EVENTS)

    def metric(self, **fields: Any) -> None:
        """Appends to metrics.jsonl, without the time, so that a resumed run writes the same bytes; NaN is written as null."""
        self._append(METRICS, fields)

    def metrics(self) -> list[dict[str, Any]]:
        """All metrics so far; a last line that was cut off does not count."""
        return self._lines(METRICS)

    def truncate_metrics(self, step: int) -> None:
        """Drops the metrics of later steps, which a resumed run takes again."""
        kept = [line for line in self.metrics() if line.get("step") is None or line["step"] <= step]
        if len(kept) < len(self.metrics()):
            atomic_write(self.path / METRICS, b"".join(to_json(line) + b"\n" for line in kept))

    def write_json(self, name: str, value: Any) -> None:
        """Writes one JSON file, whole or not at all. Numbers that are not finite are written as null."""
        atomic_write(self.path / name, to_json(value, indent=True) + b"\n")

    def write_env(self) -> None:
        """Writes env.json. A resumed run keeps the first one; an event says what is different now."""
        now = environment()
        file = self.path / ENVIRONMENT
        if not file.exists():
            self.write_json(ENVIRONMENT, now)
        elif changed := differences(orjson.loads(file.read_bytes()), now):
            text = f"resumed in another environment; the result may differ in its last bits ({'; '.join(changed)})"
            self.event("notice", text=text)

    def checkpoints(self) -> list[tuple[int, Path]]:
        """Complete checkpoints by step. They are renamed into place, so what has the right name is complete."""
        folder = self.path / CHECKPOINTS
        found = [(_CHECKPOINT.fullmatch(entry.name), entry) for entry in folder.iterdir()] if folder.is_dir() else []
        return sorted((int(match[1]), entry) for match, entry in found if match and entry.is_dir())

    def latest_checkpoint(self) -> Path | None:
        """The checkpoint of the highest step."""
        return self.checkpoints()[-1][1] if self.checkpoints() else None

    def finished(self) -> float | None:
        """When training ended (seconds since 1970), or None: it did not, or nothing was trained here."""
        times = [float(event["time"]) for event in self.events() if event.get("kind") == "finished" and "time" in event]
        return max(times) if times and self.checkpoints() else None

    def _append(self, name: str, value: Any) -> None:
        path = self.path / name
        try:
            if name not in self._mended:
                _mend(path)
                self._mended.add(name)
            with path.open("ab") as file:
                file.write(to_json(value) + b"\n")
        except OSError as error:
            self._mended.discard(name)
            raise_explained(path, error)

    def _lines(self, name: str) -> list[dict[str, Any]]:
        path = self.path / name
        return list(_whole_lines(path)) if path.exists() else []


def _mend(path: Path) -> None:
    """Cuts off a last line without an end, which a kill in the middle of a write leaves behind."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        data = file.read()
        if not data.endswith(b"\n"):
            file.truncate(data.rfind(b"\n") + 1)


def _whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    *lines, _torn = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            yield orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise KinjError(f"{path} line {number:,} is damaged ({error})", "remove that line") from error


def next_run_dir(root: str | Path, name: str) -> Path:
    """Makes and returns the next folder `NAME-001`, `NAME-002`, … below `root`; two processes never get the same one.

    Raises:
        UsageError: the folder cannot be made.
    """
    root, name = Path(root), re.sub(r"[^\w.-]+", "-", name) or "run"
    try:
        root.mkdir(parents=True, exist_ok=True)
        while True:
            taken = [re.fullmatch(rf"{re.escape(name)}-(\d+)", entry.name) for entry in root.iterdir()]
            path = root / f"{name}-{max((int(match[1]) for match in taken if match), default=0) + 1:03d}"
            try:
                path.mkdir()
                return path
            except FileExistsError:
                continue
    except OSError as error:
        raise_explained(root, error)
        raise


def latest_run(root: str | Path = "runs") -> RunDir | None:
    """The run directly below `root` whose training finished last, or None. Trials of a sweep lie deeper and do not count."""
    folders = [entry for entry in Path(root).iterdir() if entry.is_dir()] if Path(root).is_dir() else []
    finished = [(ended, folder) for folder in folders if (ended := RunDir(folder).finished()) is not None]
    return RunDir(max(finished)[1]) if finished else None
