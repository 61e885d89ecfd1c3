"""Who does what, and what became of it: an append-only file that any number of workers share.

A worker takes a trial by writing a lease under a lock. A lease ends when its holder says how the trial went, when the
holder's process is gone, or, where that cannot be seen from here, when it was not renewed in time. Nothing is ever rewritten:
`trials.jsonl` can be read with `cat`, and the last line about a trial is its state.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Protocol

from kinj.data.writers import raise_explained
from kinj.sweep.holder import Holder

PLANNED, RUNNING, DONE, FAILED, INTERRUPTED = "planned", "running", "done", "failed", "interrupted"
PRUNED = "pruned"
ENDED = (DONE, PRUNED)
"""States in which nothing is left to do about a trial."""
LEASE_SECONDS = 600.0
"""After so long without renewal, a lease whose holder cannot be checked from here has expired."""


@dataclass(frozen=True)
class Status:
    """Where a trial stands.

    Attributes:
        state: `planned`, `running`, `done`, `pruned`, `failed` or `interrupted`.
        attempts: how often it was taken.
        lease: token of the latest attempt; the holder needs it to report back.
        holder: the process of that attempt.
        renewed: when the lease was last written, in seconds since 1970.
        error: why it failed, or was pruned.
    """

    trial: str
    state: str = PLANNED
    attempts: int = 0
    lease: str = ""
    holder: Holder | None = None
    renewed: float = 0.0
    error: str = ""


class Ledger(Protocol):
    """What a sweep needs of a ledger; `tests/sweep/ledger_contract.py` holds every implementation to it."""

    def plan(self, trials: Mapping[str, bool], reopen: bool = False) -> None:
        """Enters trials. With each stands whether its results are there, whatever the ledger said before.

        Args:
            reopen: whether those that were pruned go on.
        """
        ...

    def take(self, trial: str, lease: str = "") -> str | None:
        """A lease on a trial; None where it is done or pruned, or another worker has it. Raises KeyError for an unknown trial.

        Args:
            lease: its token, by which others can tell this attempt too; by default a new one.
        """
        ...

    def renew(self, trial: str, lease: str) -> bool:
        """Keeps a lease; False where another worker has taken the trial over."""
        ...

    def finish(self, trial: str, lease: str, state: str, error: str = "") -> bool:
        """Ends a lease as done, pruned, failed or interrupted; False, and nothing is written, where it is no longer held."""
        ...

    def held(self, trial: str) -> bool:
        """Whether somebody is working at a trial now."""
        ...

    def states(self) -> dict[str, Status]:
        """All trials in the order they were entered."""
        ...


class FileLedger:
    """A ledger in `trials.jsonl` of a folder that all workers can reach.

    Args:
        folder: of the sweep.
        clock: the time in seconds; tests pass their own.
        holder: who takes trials through this object; by default this process.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time, holder: Holder | None = None) -> None:
        self.path = folder / "trials.jsonl"
        self._clock = clock
        self._holder = holder or Holder.here()
        self._states: dict[str, Status] = {}
        self._read = self._inode = 0

    def plan(self, trials: Mapping[str, bool], reopen: bool = False) -> None:
        with self._locked() as file:
            states = self._replayed(file)
            for trial, finished in trials.items():
                known = states.get(trial)
                if known is None:
                    self._append(file, trial, state=PLANNED)
                if finished and (known is None or (known.state != DONE and not self._is_held(known))):
                    self._append(file, trial, state=DONE)
                if not finished and known is not None and known.state == DONE:
                    self._append(file, trial, state=PLANNED, error="its results are gone")
                if not finished and known is not None and known.state == PRUNED and reopen:
                    self._append(file, trial, state=INTERRUPTED, error="it was pruned, and nothing is any more")

    def take(self, trial: str, lease: str = "") -> str | None:
        with self._locked() as file:
            status = self._replayed(file)[trial]
            if status.state in ENDED or self._is_held(status):
                return None
            lease = lease or new_lease()
            self._append(file, trial, state=RUNNING, lease=lease, holder=vars(self._holder))
            return lease

    def renew(self, trial: str, lease: str) -> bool:
        with self._locked() as file:
            if not _holds(self._replayed(file)[trial], lease):
                return False
            self._append(file, trial, state=RUNNING, lease=lease)
            return True

    def finish(self, trial: str, lease: str, state: str, error: str = "") -> bool:
        with self._locked() as file:
            if not _holds(self._replayed(file)[trial], lease):
                return False
            self._append(file, trial, state=state, lease=lease, **({"error": error} if error else {}))
            return True

    def held(self, trial: str) -> bool:
        return self._is_held(self.states()[trial])

    def states(self) -> dict[str, Status]:
        with self._locked() as file:
            return dict(self._replayed(file))

    def _is_held(self, status: Status) -> bool:
        return is_held(status, self._clock())

    @contextmanager
    def _locked(self) -> Iterator[IO[bytes]]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # released when the file is closed, also by a crash
                yield file
        except OSError as error:
            raise_explained(self.path, error)

    def _replayed(self, file: IO[bytes]) -> dict[str, Status]:
        """The state of every trial after all lines; only those that are new since the last call are read."""
        inode, size = os.fstat(file.fileno()).st_ino, file.seek(0, 2)
        if inode != self._inode or size < self._read:  # another file by now
            self._states, self._read, self._inode = {}, 0, inode
        file.seek(self._read)
        whole = file.read().rpartition(b"\n")[0]
        self._read += len(whole) + 1 if whole else 0
        _add_lines(self._states, whole)
        return self._states

    def _append(self, file: IO[bytes], trial: str, **about: Any) -> None:
        torn = (
            bool(size := file.seek(0, 2)) and file.seek(size - 1) >= 0 and file.read(1) != b"\n"
        )  # a writer was killed
        line = json.dumps({"time": round(self._clock(), 3), "trial": trial, **about}).encode() + b"\n"
        file.write(b"\n" + line if torn else line)
        file.flush()


def new_lease() -> str:
    """A token that no other lease has."""
    return uuid.uuid4().hex[:12]


def holds_sweep(folder: Path) -> bool:
    """Whether a sweep, or the plan of one, is in a folder."""
    return any((folder / name).exists() for name in ("trials.jsonl", "sweep.yaml"))


def read_states(folder: Path) -> dict[str, Status]:
    """The states in a sweep's ledger, without a lock and without writing; empty where there is none yet."""
    path = folder / "trials.jsonl"
    if not path.exists():
        return {}
    states: dict[str, Status] = {}
    _add_lines(states, path.read_bytes())
    return states


def is_held(status: Status, now: float) -> bool:
    """Whether somebody is working at a trial; `now` is in seconds since 1970."""
    return status.state == RUNNING and status.holder is not None and works(status.holder, status.renewed, now)


def works(holder: Holder, seen: float, now: float) -> bool:
    """Whether a process is at work: it lives; or, where that cannot be checked from here, it was `seen` not long ago."""
    alive = holder.alive()
    return now - seen < LEASE_SECONDS if alive is None else alive


def _add_lines(states: dict[str, Status], lines: bytes) -> None:
    """Brings states up to what some lines say; what a killed writer left of a line is no line."""
    for line in lines.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        states[row["trial"]] = _after(states.get(row["trial"], Status(row["trial"])), row)


def _holds(status: Status, lease: str) -> bool:
    return status.state == RUNNING and status.lease == lease


def _after(status: Status, row: dict[str, Any]) -> Status:
    lease, state = row.get("lease", status.lease), row["state"]
    holder = Holder(**row["holder"]) if "holder" in row else status.holder
    attempts = status.attempts + ("holder" in row)
    error = row.get("error", "") if state in (FAILED, INTERRUPTED, PRUNED) else ""
    return replace(status, state=state, lease=lease, holder=holder, attempts=attempts, renewed=row["time"], error=error)
