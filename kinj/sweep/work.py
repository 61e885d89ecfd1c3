"""A process at work on a sweep: it takes what is free, notes what became of it, and leaves the rest to others."""

from __future__ import annotations

import logging
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from kinj.sweep.executor import POLL_SECONDS, Executor, Job, Outcome
from kinj.sweep.ledger import DONE, ENDED, FAILED, INTERRUPTED, PRUNED, RUNNING, Ledger, Status, new_lease
from kinj.sweep.results import PlannedTrial
from kinj.sweep.shared import would_wait
from kinj.sweep.watch import Running, SweepProgress, share_done
from kinj.sweep.worker import GRACE_SECONDS, TAKEN

MOST_LOSSES = 3
"""A trial whose machine was lost so often is taken for the reason."""

Progress = Callable[[SweepProgress], None]

_log = logging.getLogger(__name__)


@dataclass
class Work:
    """One process at work on the trials of a sweep.

    Attributes:
        planned: trials by identity.
        retry_failed: whether trials that had failed before are tried again, once.
        on_done: called with the identity of a trial that was done or pruned here.
        resumed: trials that were done before.
        tried: trials that ended here, however they did.
    """

    ledger: Ledger
    planned: Mapping[str, PlannedTrial]
    progress: Progress | None = None
    retry_failed: bool = False
    on_done: Callable[[str], None] | None = None
    resumed: int = 0
    tried: set[str] = field(default_factory=set)
    _leases: dict[str, str] = field(default_factory=dict)
    _lost: dict[str, float] = field(default_factory=dict)
    _losses: Counter[str] = field(default_factory=Counter)

    def run(self, folder: Path, entry: str, executor: Executor, wait: bool = True) -> None:
        """Runs what is not done.

        Args:
            folder: of the sweep.
            entry: what a trial calls, see `kinj.sweep.run.sweep`.
            wait: whether to wait for trials that others have in hand, and to take over what they let go of.
        """
        self._began = time.monotonic()
        self._before = self.ledger.states()
        self.resumed = sum(self._before[name].state == DONE for name in self.planned)
        while True:
            jobs = self._jobs(folder, entry)
            if first := next(jobs, None):
                with closing(executor.map(chain([first], jobs), self._tick)) as outcomes:  # type: ignore[type-var]  # a generator, typed as Iterator
                    for outcome in outcomes:
                        self._settle(outcome)
            self._tick()
            states = self.ledger.states()
            left = [name for name in self.planned if self._open(states[name])]
            if not left or not (wait or self._lost or any(self._free(states[name]) for name in left)):
                return
            time.sleep(POLL_SECONDS * 10)

    def _jobs(self, folder: Path, entry: str) -> Iterator[Job]:
        """A job for every trial that is free when its turn comes. Those that would only wait for another one let others by."""
        given: set[str] = set()
        while True:
            states = self.ledger.states()
            free = [name for name in self.planned if name not in given and self._free(states[name])]
            if not free:
                return
            busy = {name for name in self.planned if states[name].state == RUNNING or name in given - self.tried}
            at_work = [self.planned[name].folder for name in busy]
            name = next((name for name in free if not would_wait(self.planned[name].folder, at_work)), free[0])
            given.add(name)
            self._leases[name] = new_lease()
            spec = {"sweep": str(folder), "trial": name, "folder": str(self.planned[name].folder), "entry": entry}
            lease = {"lease": self._leases[name]}
            yield Job(name, "kinj.sweep.worker:attempt", spec | lease, self.planned[name].folder / "log.txt")

    def _open(self, status: Status) -> bool:
        """Whether there is something left to do about a trial."""
        if status.state in ENDED or status.trial in self.tried:
            return False
        if status.state != FAILED:
            return True
        return (
            self.retry_failed and status.attempts == self._before[status.trial].attempts
        )  # failed before, not just now

    def _free(self, status: Status) -> bool:
        if not self._open(status) or status.trial in self._lost:
            return False
        return status.state != RUNNING or not self.ledger.held(status.trial)

    def _settle(self, outcome: Outcome) -> None:
        """Notes a worker's end; one that was killed could not say so itself."""
        if outcome.code is None:
            self._losses[outcome.name] += 1
            self._lost[outcome.name] = time.monotonic()
        elif outcome.code != TAKEN:
            self.tried.add(outcome.name)
            status = self.ledger.states()[outcome.name]
            mine = status.lease == self._leases[outcome.name]
            if status.state == RUNNING and mine:
                self.ledger.finish(outcome.name, status.lease, FAILED, _why(outcome.code))
            elif status.state not in (RUNNING, *ENDED) and not mine:
                self._fail(outcome.name, f"the worker could not start ({_why(outcome.code)})")
            if status.state in ENDED and self.on_done:
                self.on_done(outcome.name)
        self._tick()

    def _fail(self, name: str, error: str) -> None:
        """Notes a failure of a trial that nobody holds."""
        self.tried.add(name)
        if lease := self.ledger.take(name):
            self.ledger.finish(name, lease, FAILED, error)

    def _let_go(self) -> None:
        """Frees trials whose machine is lost, once nothing can be at work there any more: a trial whose executor is gone
        stops by itself, within the grace."""
        states = self.ledger.states()
        for name, since in list(self._lost.items()):
            status = states[name]
            if status.state == RUNNING and status.lease == self._leases[name]:
                alive = status.holder.alive() if status.holder else False
                if alive or (alive is None and time.monotonic() - since < GRACE_SECONDS):
                    continue
                self.ledger.finish(name, status.lease, INTERRUPTED, "its machine was lost")
            del self._lost[name]
            _log.warning("trial %s: its machine was lost", self.planned[name].trial)
            if self._losses[name] >= MOST_LOSSES:
                self._fail(name, f"the machine it ran on was lost {MOST_LOSSES} times; out of memory?")

    def _tick(self) -> None:
        if self._lost:
            self._let_go()
        if self.progress is None:
            return
        states = {name: status for name, status in self.ledger.states().items() if name in self.planned}
        running = tuple(
            Running(str(one.trial), share_done(one.folder, len(one.settings.train.order)))
            for name, one in self.planned.items()
            if states[name].state == RUNNING
        )
        done = sum(status.state == DONE for status in states.values()) - self.resumed
        failed = sum(states[name].state in (FAILED, INTERRUPTED) for name in self.tried)
        pruned = sum(status.state == PRUNED for status in states.values())
        left = self._seconds_left(len(states) - self.resumed, done + failed + pruned, running)
        self.progress(SweepProgress(len(states), self.resumed, done, failed, running, left, pruned))

    def _seconds_left(self, total: int, ended: int, running: tuple[Running, ...]) -> float | None:
        """From the speed so far; None before anything can be said."""
        shares = ended + sum(one.share or 0.0 for one in running)
        return (time.monotonic() - self._began) * (total - shares) / shares if shares > 0 else None


def _why(code: int) -> str:
    if code >= 0:
        return f"the worker ended with exit code {code}; see log.txt"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"the worker was killed ({name})" + ("; out of memory?" if name == "SIGKILL" else "")
