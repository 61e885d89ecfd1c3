"""Runs a sweep: what is done stays done, what failed is tried again if wanted, and one failure does not stop the rest."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kinj.config import to_yaml
from kinj.config.errors import DONE as CODE_DONE
from kinj.config.errors import FAILED as CODE_FAILED
from kinj.config.errors import PARTLY, UsageError
from kinj.config.schema import Settings
from kinj.data.files import atomic_write
from kinj.sweep.executor import POLL_SECONDS, Executor, Job, LocalExecutor, Outcome
from kinj.sweep.identity import identity
from kinj.sweep.ledger import DONE, FAILED, INTERRUPTED, RUNNING, FileLedger, Ledger
from kinj.sweep.results import PlannedTrial, collect
from kinj.sweep.space import Trial
from kinj.sweep.watch import Running, SweepProgress, share_done
from kinj.sweep.worker import TAKEN, finished

Progress = Callable[[SweepProgress], None]


@dataclass(frozen=True)
class SweepResult:
    """What became of a sweep.

    Attributes:
        folder: where everything is.
        done: trials whose results are there, earlier ones included.
        failed: trials that failed.
        resumed: of those done, how many were done before this call.
        table: the content of `results.json`.
    """

    folder: Path
    done: int
    failed: int
    resumed: int
    table: dict[str, Any]

    @property
    def exit_code(self) -> int:
        """0; 3 where some trials failed; 1 where none succeeded."""
        if not self.failed:
            return CODE_DONE
        return PARTLY if self.done else CODE_FAILED


def plan(
    trials: Sequence[Trial], make_settings: Callable[[Trial], Settings], folder: Path | None = None
) -> tuple[Path, list[PlannedTrial]]:
    """The folder of a sweep and its trials with settings and identity; nothing is written.

    Args:
        folder: by default one under `runs/` that follows from the trials, so that the same command finds it again.
    """
    made = [(trial, make_settings(trial)) for trial in trials]
    identities = [identity(settings) for _, settings in made]
    key = hashlib.sha256("\n".join(sorted(set(identities))).encode()).hexdigest()[:8]
    where = folder or Path("runs") / f"sweep-{key}"
    return where, [
        PlannedTrial(trial, settings, name, where / "trials" / name)
        for (trial, settings), name in zip(made, identities, strict=True)
    ]


def sweep(
    trials: Sequence[Trial],
    make_settings: Callable[[Trial], Settings],
    folder: Path | None,
    entry: str,
    workers: int,
    settings: Settings,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> SweepResult:
    """Runs every trial that is not done yet, then writes and returns the table.

    Args:
        trials: as `kinj.sweep.space.grid` makes them.
        make_settings: the settings of a trial.
        folder: of the sweep; see `plan`.
        entry: `package.module:function` of (path of a trial's config.yaml, its folder), which trains, evaluates and leaves
            `results.json` and a `finished` event there; it must go on from what an earlier attempt left. Called in a
            process of its own.
        workers: trials at a time.
        settings: of the sweep.
        progress: called now and then.
        executor: where trials run; by default on this machine.

    Raises:
        UsageError: the folder holds something else, or `sweep.labels` names an unknown arm.
        KeyboardInterrupt: Ctrl-C; running trials were told to stop first, and the same call goes on from there.
    """
    _check_labels(settings)
    where, planned = plan(trials, make_settings, folder)
    prepare(where, settings)
    ledger = FileLedger(where)
    unique = {one.identity: one for one in planned}
    ledger.plan({name: finished(one.folder) for name, one in unique.items()})
    for one in unique.values():
        _write_trial(one)
    run = _Run(ledger, unique, progress, settings.sweep.retry_failed)
    with _terminable():
        run.work(where, entry, executor or LocalExecutor(workers, preload=[entry.partition(":")[0]]))
    errors = {
        name: s.error for name, s in ledger.states().items() if name in unique and s.state in (FAILED, INTERRUPTED)
    }
    table = collect(planned, settings, errors)
    atomic_write(where / "results.json", json.dumps(table, ensure_ascii=False, indent=2, allow_nan=False) + "\n")
    return SweepResult(where, len(unique) - len(errors), len(errors), run.resumed, table)


def _check_labels(settings: Settings) -> None:
    for name in settings.sweep.labels:
        if name not in settings.sweep.arms:
            known = ", ".join(settings.sweep.arms) or "none"
            raise UsageError(f"sweep.labels names the arm `{name}`, and there is none", f"arms are: {known}")


def prepare(folder: Path, settings: Settings) -> None:
    """Makes the sweep's folder, or goes on with it.

    Raises:
        UsageError: there is something in it that is not a sweep.
    """
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not holds_sweep(folder))):
        raise UsageError(f"{folder} is there and holds no sweep", "choose another place with -o")
    if settings.run.overwrite and folder.exists():
        shutil.rmtree(folder)
    anywhere = replace(settings.run, dir=None, overwrite=False, resume=False)
    atomic_write(folder / "sweep.yaml", to_yaml(replace(settings, run=anywhere)))


def holds_sweep(folder: Path) -> bool:
    """Whether a sweep, or the plan of one, is in a folder."""
    return any((folder / name).exists() for name in ("trials.jsonl", "sweep.yaml"))


def _write_trial(one: PlannedTrial) -> None:
    """What a trial needs to start, and a reader to know what it is. An attempt that began keeps its own settings."""
    if (one.folder / "config.yaml").exists():
        return
    overrides = "".join(f"{key}={json.dumps(value)}\n" for key, value in one.trial.overrides.items())
    atomic_write(one.folder / "overrides.txt", overrides)
    atomic_write(one.folder / "config.yaml", to_yaml(one.settings))


@dataclass
class _Run:
    """One call of `sweep` at work."""

    ledger: Ledger
    planned: dict[str, PlannedTrial]
    progress: Progress | None
    retry_failed: bool
    resumed: int = 0
    tried: set[str] = field(default_factory=set)

    def work(self, folder: Path, entry: str, executor: Executor) -> None:
        """Runs what is not done; waits for what another sweep in the same folder has in hand."""
        self.began = time.monotonic()
        before = self.ledger.states()
        self.resumed = sum(before[name].state == DONE for name in self.planned)
        settled = (DONE,) if self.retry_failed else (DONE, FAILED)
        todo = [name for name in self.planned if before[name].state not in settled]
        while todo:
            free = [name for name in todo if not self.ledger.held(name)]
            jobs = [self._job(self.planned[name], folder, entry) for name in free]
            with closing(executor.map(jobs, self._tick)) as outcomes:  # type: ignore[type-var]  # a generator, typed as Iterator
                for outcome in outcomes:
                    self._settle(outcome)
            todo = self._left(todo)
            if todo:
                self._tick()
                time.sleep(POLL_SECONDS * 10)
        self._tick()

    def _job(self, one: PlannedTrial, folder: Path, entry: str) -> Job:
        spec = {"sweep": str(folder), "trial": one.identity, "folder": str(one.folder), "entry": entry}
        return Job(one.identity, "kinj.sweep.worker:attempt", spec, one.folder / "log.txt")

    def _settle(self, outcome: Outcome) -> None:
        """Notes a worker's end; one that was killed could not say so itself."""
        if outcome.code == TAKEN:
            return
        self.tried.add(outcome.name)
        status = self.ledger.states()[outcome.name]
        mine = status.holder is not None and status.holder.pid == outcome.pid
        if status.state == RUNNING and mine:
            self.ledger.finish(outcome.name, status.lease, FAILED, _why(outcome.code))
        elif status.state not in (RUNNING, DONE) and not mine:
            self._never_began(outcome)
        self._tick()

    def _never_began(self, outcome: Outcome) -> None:
        """The worker ended before it took its trial: it could not even start."""
        lease = self.ledger.take(outcome.name)
        if lease:
            self.ledger.finish(
                outcome.name, lease, FAILED, f"the worker could not start ({_why(outcome.code)}); see log.txt"
            )

    def _left(self, todo: Sequence[str]) -> list[str]:
        """Trials in other hands, and those that other hands let go of; what failed here is not tried again in this call."""
        states = self.ledger.states()
        return [name for name in todo if states[name].state != DONE and name not in self.tried]

    def _tick(self) -> None:
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
        left = self._seconds_left(len(states) - self.resumed, done + failed, running)
        self.progress(SweepProgress(len(states), self.resumed, done, failed, running, left))

    def _seconds_left(self, total: int, ended: int, running: Sequence[Running]) -> float | None:
        """From the speed so far; None before anything can be said."""
        shares = ended + sum(one.share or 0.0 for one in running)
        return (time.monotonic() - self.began) * (total - shares) / shares if shares > 0 else None


def _why(code: int) -> str:
    if code >= 0:
        return f"the worker ended with exit code {code}; see log.txt"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"the worker was killed ({name})" + ("; out of memory?" if name == "SIGKILL" else "")


@contextmanager
def _terminable() -> Iterator[None]:
    """A polite kill (SIGTERM) stops a sweep as Ctrl-C does, so that no worker is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
