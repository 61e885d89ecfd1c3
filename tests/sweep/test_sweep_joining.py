"""Processes that join a planned sweep: nothing runs twice, everything is done, and nobody waits for nobody."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from kinj.config import Loaded
from kinj.config.errors import UsageError
from kinj.sweep.executor import LocalExecutor
from kinj.sweep.holder import Holder
from kinj.sweep.joining import Joined, join, planned_trials
from kinj.sweep.ledger import LEASE_SECONDS, FileLedger
from kinj.sweep.run import enter, plan
from kinj.sweep.space import grid

JOIN = """
import sys
from pathlib import Path
from kinj.sweep.executor import LocalExecutor
from kinj.sweep.joining import join, planned_trials
folder = Path(sys.argv[1])
result = join(folder, planned_trials(folder), "sweep_entries:good", LocalExecutor(1))
print(result.done)
"""

Work = Callable[..., Joined]


@pytest.fixture
def folder(tmp_path: Path, loaded: Loaded, entries: None) -> Path:
    """A planned sweep of nine trials."""
    trials = grid({"seed": [*range(9)]})
    where, planned = plan(trials, lambda trial: loaded.override(trial.overrides, "train").settings, tmp_path / "sweep")
    enter(where, planned, loaded.settings)
    return where


def work(folder: Path, entry: str = "good", **more: bool) -> Joined:
    return join(folder, planned_trials(folder), f"sweep_entries:{entry}", LocalExecutor(1), **more)


def calls(folder: Path) -> list[int]:
    """How often each trial was run."""
    return [len((trial / "calls").read_text().splitlines()) for trial in folder.glob("trials/*")]


@pytest.mark.slow
def test_several_at_once(folder: Path) -> None:
    results: list[Joined] = []
    workers = [Thread(target=lambda: results.append(work(folder))) for _ in range(3)]
    for worker in workers:
        worker.start()
        time.sleep(0.1)  # one joins after the other
    for worker in workers:
        worker.join()
    assert sum(result.done for result in results) == 9
    assert {(result.failed, result.exit_code) for result in results} == {(0, 0)}
    assert calls(folder) == [1] * 9
    assert {(status.state, status.attempts) for status in FileLedger(folder).states().values()} == {("done", 1)}
    assert work(folder) == Joined(done=0, failed=0, left=0)


@pytest.mark.slow
def test_several_processes_at_once(folder: Path) -> None:
    command = [sys.executable, "-c", JOIN, str(folder)]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) for _ in range(3)]
    done = [int(worker.communicate(timeout=120)[0]) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    assert sum(done) == 9
    assert calls(folder) == [1] * 9


def test_what_another_machine_has_in_hand_is_left_to_it(folder: Path) -> None:
    names = [*FileLedger(folder).states()]
    now = time.time()
    far = {age: FileLedger(folder, clock=lambda age=age: now - age, holder=Holder("far", 1, "")) for age in (1, 10**4)}
    assert far[1].take(names[0])
    assert far[10**4].take(names[1])
    assert 1 < LEASE_SECONDS < 10**4
    assert work(folder) == Joined(done=8, failed=0, left=1)
    assert FileLedger(folder).states()[names[1]].attempts == 2


def test_what_fails_fails_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = work(folder, "uneven")
    assert (result.done, result.failed, result.left, result.exit_code) == (7, 2, 0, 3)
    again = work(folder, "uneven")
    assert (again.done, again.failed, again.exit_code) == (0, 0, 0)
    retried = work(folder, "uneven", retry_failed=True)
    assert (retried.done, retried.failed, retried.exit_code) == (0, 2, 1)
    monkeypatch.setenv("SWEEP_REPAIRED", "1")
    assert work(folder, "uneven", retry_failed=True).done == 2
    assert calls(folder) == [1] * 9


def test_a_folder_without_a_sweep(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no sweep") as caught:
        planned_trials(tmp_path)
    assert "--workers 0" in caught.value.hint
    assert not list(tmp_path.iterdir())
