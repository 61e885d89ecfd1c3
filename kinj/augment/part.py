"""An output that is not finished: `OUTPUT.part`, and beside it `OUTPUT.part.json`, which says how far it is valid.

The second file is written after the first is safe on disk, so whatever happens in between, the bytes it vouches for are
there and complete. Only a finished output bears its name.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kinj.augment.report import AugmentReport
from kinj.config.errors import UsageError
from kinj.data.files import atomic_write, record_from_json, write_records
from kinj.data.records import Record
from kinj.data.writers import raise_explained

SAVE_SECONDS = 1.0
"""Work that a kill may cost."""


@dataclass
class State:
    """How far an output has come: documents done, bytes that hold them, what was read, what was counted."""

    documents: int = 0
    size: int = 0
    input: str = ""
    report: AugmentReport = field(default_factory=AugmentReport)

    def read(self, digest: bytes) -> None:
        """Notes that a document was read, in a running hash over all of them."""
        self.documents += 1
        self.input = hashlib.sha256(bytes.fromhex(self.input) + digest).hexdigest()


def part_files(output: Path) -> tuple[Path, Path]:
    """Where an unfinished output and the notes about it stand."""
    return output.with_name(f"{output.name}.part"), output.with_name(f"{output.name}.part.json")


def documents_kept(output: Path) -> int:
    """Documents that an earlier run finished and left for a resume."""
    part, notes = part_files(output)
    return int(json.loads(notes.read_bytes())["documents"]) if part.exists() and notes.exists() else 0


class Part:
    """The unfinished output, open for writing.

    Args:
        output: the file that it will become.
        identity: everything the bytes depend on besides the documents; compared on resume.

    Raises:
        UsageError: it cannot be written, or another process is writing it.
    """

    def __init__(self, output: Path, identity: dict[str, Any]) -> None:
        self.output, self.identity = output, identity
        self.path, self.notes = part_files(output)
        self.state = State()
        self.saved = 0
        self._begun_here = False
        self._saved_at = time.monotonic()
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab", buffering=0)
        except OSError as error:
            raise_explained(self.path, error)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise UsageError(f"another run is writing {self.path}", "wait for it, or choose -o") from error

    def start(self) -> None:
        """Begins anew, whatever was there."""
        self.notes.unlink(missing_ok=True)
        self._file.truncate(0)
        self._begun_here = True

    def resume(self) -> State:
        """Goes back to the last state that is known to be complete, and returns what the input must begin with.

        Raises:
            UsageError: it was written with other settings, or the file is shorter than it was.
        """
        if not self.notes.exists():
            self.start()
            return self.state
        notes = json.loads(self.notes.read_bytes())
        if notes["identity"] != self.identity:
            raise UsageError(
                f"{self.path} was begun with other settings: {_difference(notes['identity'], self.identity)}",
                "run with the settings it was begun with, or start over with --overwrite",
            )
        before = State(notes["documents"], notes["size"], notes["input"], AugmentReport.from_json(notes["report"]))
        if self.path.stat().st_size < before.size:
            raise UsageError(f"{self.path} is shorter than it was when it was left", "start over with --overwrite")
        self._file.truncate(before.size)
        self.state.size, self.state.report = before.size, before.report
        self.saved = before.documents
        return before

    def append(self, lines: list[bytes], digests: list[bytes], report: AugmentReport) -> None:
        """Adds finished documents.

        Raises:
            KinjError: the disk is full.
            UsageError: the file cannot be written.
        """
        data = b"".join(lines)
        self._write(data)
        for digest in digests:
            self.state.read(digest)
        self.state.size += len(data)
        self.state.report.add(report)
        if time.monotonic() - self._saved_at >= SAVE_SECONDS:
            self.save()

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise_explained(self.path, error)

    def save(self) -> None:
        """Makes everything so far survive whatever comes."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise_explained(self.path, error)
        notes = {
            "identity": self.identity,
            "documents": self.state.documents,
            "size": self.state.size,
            "input": self.state.input,
            "report": self.state.report.to_json(),
        }
        atomic_write(self.notes, json.dumps(notes))
        self.saved = self.state.documents
        self._saved_at = time.monotonic()

    def close(self) -> None:
        """Leaves the files for a resume, or removes them where this run began them and nothing is worth keeping."""
        if self._begun_here and not self.saved:
            self.path.unlink(missing_ok=True)
            self.notes.unlink(missing_ok=True)
        self._file.close()

    def finish(self) -> None:
        """Gives the output its name. `.gz`, `.zst` and `.parquet` are written from the lines once all are there.

        Raises:
            KinjError: the disk is full.
            UsageError: the output cannot be written.
        """
        self.save()  # whatever goes wrong from here on, the lines are kept
        if self.output.suffix in (".gz", ".zst", ".parquet"):
            write_records(self.output, _records(self.path))
            self.path.unlink()
        else:
            try:
                self.path.replace(self.output)
            except OSError as error:
                raise_explained(self.output, error)
        self.notes.unlink(missing_ok=True)
        self._file.close()


def _records(path: Path) -> Iterator[Record]:
    with path.open("rb") as lines:
        yield from (record_from_json(json.loads(line)) for line in lines)


def _difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Settings that differ, by name."""
    keys = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    return "; ".join(f"{key} was {json.dumps(before.get(key))}, now it is {json.dumps(now.get(key))}" for key in keys)
