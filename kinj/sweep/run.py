"""Runs a sweep: what is done stays done, what failed is tried again if wanted, and one failure does not stop the rest."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kinj.config import to_yaml
from kinj.config.errors import DONE as CODE_DONE
from kinj.config.errors import FAILED as CODE_FAILED
from kinj.config.errors import PARTLY, UsageError
from kinj.config.schema import Settings
from kinj.data.files import atomic_write
from kinj.sweep.engines import executor_of
from kinj.sweep.executor import Executor
from kinj.sweep.folder import refuse_other_sweep, refuse_unreadable, strangers
from kinj.sweep.identity import identity
from kinj.sweep.ledger import FAILED, INTERRUPTED, PRUNED, FileLedger, holds_sweep
from kinj.sweep.pruning import plan_pruning
from kinj.sweep.results import PlannedTrial, collect
from kinj.sweep.shared import Common
from kinj.sweep.space import Trial
from kinj.sweep.work import Progress, Work
from kinj.sweep.worker import finished


@dataclass(frozen=True)
class SweepResult:
    """What became of a sweep.

    Attributes:
        folder: where everything is.
        done: trials whose results are there, earlier ones included.
        failed: trials that failed.
        resumed: of those done, how many were done before this call.
        pruned: trials that were ended early for a poor learning curve.
        table: the content of `results.json`.
    """

    folder: Path
    done: int
    failed: int
    resumed: int
    pruned: int
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
    workers: int | None,
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
        workers: trials at a time; None: as many as there is room for (see `kinj.sweep.engines`).
        settings: of the sweep.
        progress: called now and then.
        executor: where trials run; by default, what `sweep.engine` names.

    Raises:
        UsageError: the folder holds something else, or another sweep, or `sweep.labels` names an unknown arm.
        KinjError: results that are there cannot be read, or the disk is full.
        KeyboardInterrupt: Ctrl-C; running trials were told to stop first, and the same call goes on from there.
    """
    _check_labels(settings)
    where, planned = plan(trials, make_settings, folder)
    common = Common(where)
    ledger = enter(where, planned, settings, common)
    unique = {one.identity: one for one in planned}
    work = Work(ledger, unique, progress, settings.sweep.retry_failed, common.done)
    with terminable():
        work.run(where, entry, executor or executor_of(settings.sweep, workers, entry))
    states = ledger.states()
    errors = {name: s.error for name, s in states.items() if name in unique and s.state in (FAILED, INTERRUPTED)}
    if not errors:
        common.all_done()
    table = collect(planned, settings, errors)
    for failure in table["failures"]:
        failure["state"] = states[failure["trial"]].state
    table["notices"] += strangers(where, states, unique)
    atomic_write(where / "results.json", json.dumps(table, ensure_ascii=False, indent=2, allow_nan=False) + "\n")
    pruned = sum(states[name].state == PRUNED for name in unique)
    return SweepResult(where, len(unique) - len(errors) - pruned, len(errors), work.resumed, pruned, table)


def enter(
    folder: Path, planned: Sequence[PlannedTrial], settings: Settings, common: Common | None = None
) -> FileLedger:
    """Writes down what is to be done, so that any process may begin with it.

    Raises:
        UsageError: the folder holds something else, or another sweep.
        KinjError: results that are there cannot be read.
    """
    if not settings.run.overwrite:
        refuse_other_sweep(folder, settings, planned)
        refuse_unreadable(planned)
    prepare(folder, settings)
    ledger = FileLedger(folder)
    unique = {one.identity: one for one in planned}
    for one in unique.values():
        _write_trial(one)  # before the ledger names it: whoever reads of a trial finds its settings
    done = {name: finished(one.folder) for name, one in unique.items()}
    # Trackers show the steps that a trial takes itself, so then each takes all of them.
    reuse = settings.sweep.reuse and not settings.run.trackers
    common = common or Common(folder)
    common.plan({name: (one.settings, one.folder) for name, one in unique.items() if not done[name]}, reuse)
    plan_pruning(folder, settings.sweep, {name: _peers(one) for name, one in unique.items()})
    ledger.plan(done, reopen=settings.sweep.prune is None)
    return ledger


def _peers(one: PlannedTrial) -> str:
    """What a trial shares with those it is judged beside. Arms, and repetitions of one setting, are never judged by each other."""
    arm = f"arm {one.trial.arm}, " if one.trial.arm else ""
    return f"{arm}data seed {one.replicate.data_seed}, seed {one.replicate.seed}"


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


def _write_trial(one: PlannedTrial) -> None:
    """What a trial needs to start, and a reader to know what it is. An attempt that began keeps its own settings."""
    if (one.folder / "config.yaml").exists():
        return
    overrides = "".join(f"{key}={json.dumps(value)}\n" for key, value in one.trial.overrides.items())
    atomic_write(one.folder / "overrides.txt", overrides)
    atomic_write(one.folder / "config.yaml", to_yaml(one.settings))


@contextmanager
def terminable() -> Iterator[None]:
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
