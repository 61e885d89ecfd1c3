"""A process that joins a sweep which another one has planned, here or on another machine that shares its folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from kinj.config import from_yaml
from kinj.config.errors import DONE as CODE_DONE
from kinj.config.errors import FAILED as CODE_FAILED
from kinj.config.errors import PARTLY, UsageError
from kinj.sweep.executor import Executor
from kinj.sweep.ledger import DONE, ENDED, FAILED, PRUNED, FileLedger
from kinj.sweep.results import PlannedTrial
from kinj.sweep.run import terminable
from kinj.sweep.space import Trial
from kinj.sweep.work import Progress, Work


@dataclass(frozen=True)
class Joined:
    """What a worker did, and what it left.

    Attributes:
        done: trials that it finished.
        failed: trials that it tried and that failed.
        left: trials that others have in hand, or that were interrupted.
        pruned: trials that it ended early (`sweep.prune`).
    """

    done: int
    failed: int
    left: int
    pruned: int = 0

    @property
    def exit_code(self) -> int:
        """0; 3 where some of its trials failed; 1 where all did."""
        if not self.failed:
            return CODE_DONE
        return PARTLY if self.done else CODE_FAILED


def planned_trials(folder: Path) -> list[PlannedTrial]:
    """The trials of a sweep that are neither done nor pruned, as its folder tells.

    Raises:
        UsageError: there is no sweep in it.
    """
    if not (folder / "trials.jsonl").exists():
        raise UsageError(f"{folder} holds no sweep", "plan one: kinj sweep KEY=V1,V2 -o FOLDER --workers 0")
    states = FileLedger(folder).states()
    return [_planned(folder / "trials" / name) for name, status in states.items() if status.state not in ENDED]


def _planned(folder: Path) -> PlannedTrial:
    lines = (folder / "overrides.txt").read_text(encoding="utf-8").splitlines()
    overrides = {key: json.loads(value) for key, _, value in (line.partition("=") for line in lines)}
    return PlannedTrial(Trial(None, {}, overrides), from_yaml(folder / "config.yaml"), folder.name, folder)


def join(
    folder: Path,
    planned: list[PlannedTrial],
    entry: str,
    executor: Executor,
    retry_failed: bool = False,
    progress: Progress | None = None,
) -> Joined:
    """Runs trials as long as there are some that nobody has in hand. Waits for no one.

    Args:
        folder: of the sweep.
        planned: its trials, as `planned_trials` finds them.
        entry: what a trial calls, see `kinj.sweep.run.sweep`.
        executor: where trials run.
        retry_failed: whether trials that failed before are tried again.
        progress: called now and then.

    Raises:
        KeyboardInterrupt: Ctrl-C; running trials were told to stop first.
    """
    ledger = FileLedger(folder)
    work = Work(ledger, {one.identity: one for one in planned}, progress, retry_failed)
    with terminable():
        work.run(folder, entry, executor, wait=False)
    states = ledger.states()
    done, pruned = (sum(states[name].state == state for name in work.tried) for state in (DONE, PRUNED))
    left = sum(states[one.identity].state not in (*ENDED, FAILED) for one in planned)
    return Joined(done, len(work.tried) - done - pruned, left, pruned)
