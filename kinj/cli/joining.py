"""`kinj sweep FOLDER --worker`: a process that joins a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kinj.cli.common import emit, note
from kinj.cli.sweeping import TRIAL, sweep_progress
from kinj.config.errors import UsageError
from kinj.config.schema import SweepSettings
from kinj.config.wording import counted
from kinj.data import open_data
from kinj.sweep.engines import at_a_time, executor_of
from kinj.sweep.joining import join, planned_trials


def join_sweep(name: str, sweep: SweepSettings, *, dry_run: bool, as_json: bool) -> int:
    """Runs trials of the sweep in a folder as long as there are some that nobody has in hand; prints what it did."""
    if sweep.workers == 0:
        raise UsageError("--worker with --workers 0 would do nothing", "leave --workers out")
    folder = Path(name)
    planned = planned_trials(folder)
    for one in planned:
        open_data(one.settings.data)  # in the wrong directory, nothing should fail but this command
    if dry_run:
        return _describe(name, [str(one.trial) for one in planned], as_json)
    most = at_a_time(sweep) or "as many as the cluster has room for"
    note(f"sweep {folder}: {counted(len(planned), 'trial')} not done, {most} at a time")
    executor = executor_of(sweep, sweep.workers, TRIAL)
    with sweep_progress() as progress:
        result = join(folder, planned, TRIAL, executor, sweep.retry_failed, progress)
    if as_json:
        emit("sweep", folder=name, worker=True, **vars(result))
    else:
        pruned = f"{result.pruned} pruned, " if result.pruned else ""
        print(
            f"worker    {counted(result.done, 'trial')} done, {pruned}{result.failed} failed, {result.left} left to others"
        )
    if result.failed:
        note(
            f"{counted(result.failed, 'trial')} failed; each says why in its log.txt. --retry-failed tries them again."
        )
    return result.exit_code


def _describe(name: str, trials: Sequence[str], as_json: bool) -> int:
    if as_json:
        emit("sweep", dry_run=True, folder=name, trials=list(trials))
    else:
        print(f"sweep     {name}, {counted(len(trials), 'trial')} not done", *trials, sep="\n          ")
        print("ready     nothing was taken. Run it without --dry-run.")
    return 0
