"""Sweeps end to end, with trials that learn nothing: what runs, what is left out, what a failure does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from kinj.config import Loaded
from kinj.config.errors import UsageError
from kinj.sweep.executor import Job, Outcome, cores
from kinj.sweep.holder import Holder
from kinj.sweep.ledger import FileLedger
from kinj.sweep.run import SweepResult, plan
from kinj.sweep.space import grid
from kinj.sweep.watch import SweepProgress
from kinj.sweep.worker import find
from tests.sweep import sweep_entries

Start = Callable[..., SweepResult]


def calls(result: SweepResult) -> dict[int, int]:
    """How often the entry was called, by seed."""
    rows = [trial for group in result.table["groups"] for trial in group["trials"]]
    paths = {row["seed"]: result.folder / "trials" / row["trial"] / "calls" for row in rows}
    return {seed: len(path.read_text().splitlines()) if path.exists() else 0 for seed, path in paths.items()}


def test_all_trials_run_once_and_never_again(start: Start) -> None:
    first = start({"seed": [0, 1]}, "good")
    assert (first.done, first.failed, first.resumed, first.exit_code) == (2, 0, 0, 0)
    again = start({"seed": [0, 1, 2]}, "good")
    assert (again.done, again.failed, again.resumed, again.exit_code) == (3, 0, 2, 0)
    assert calls(again) == {0: 1, 1: 1, 2: 1}
    assert json.loads((again.folder / "results.json").read_text()) == again.table


def test_one_fails_and_one_is_killed_and_the_rest_finish(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    first = start({"seed": [0, 1, 2, 3]}, "uneven")
    assert (first.done, first.failed, first.exit_code) == (2, 2, 3)
    errors = {failure["name"]: failure["error"] for failure in first.table["failures"]}
    assert "RuntimeError: this trial is broken" in errors["seed=1"]
    assert "SIGKILL" in errors["seed=2"]
    broken = next(failure["trial"] for failure in first.table["failures"] if failure["name"] == "seed=1")
    log = (first.folder / "trials" / broken / "log.txt").read_text()
    assert "trial with seed 1" in log
    assert "Traceback" in log

    monkeypatch.setenv("SWEEP_REPAIRED", "1")
    kept = start({"seed": [0, 1, 2, 3]}, "uneven")
    assert (kept.done, kept.failed, kept.table["failures"]) == (2, 2, first.table["failures"])
    again = start({"seed": [0, 1, 2, 3]}, "uneven", over={"sweep.retry_failed": True})
    assert (again.done, again.failed, again.resumed, again.exit_code) == (4, 0, 2, 0)
    assert calls(again) == {0: 1, 1: 1, 2: 1, 3: 1}
    assert again.table["failures"] == []


def test_nothing_done_is_a_failure(start: Start) -> None:
    result = start({}, "forgetful")
    assert (result.done, result.failed, result.exit_code) == (0, 1, 1)
    assert "left no results.json" in result.table["failures"][0]["error"]
    assert result.table["groups"][0]["measures"] == {}


def test_an_entry_that_does_not_exist(start: Start) -> None:
    result = start({}, "absent")
    assert "names no function" in result.table["failures"][0]["error"]


def test_results_that_were_removed_are_made_again(start: Start) -> None:
    first = start({"seed": [0, 1]}, "good")
    shutil.rmtree(first.folder / "trials" / first.table["groups"][0]["trials"][0]["trial"])
    assert start({"seed": [0, 1]}, "good").resumed == 1


def test_without_its_ledger_a_folder_still_tells_what_is_done(start: Start) -> None:
    first = start({"seed": [0, 1]}, "good")
    (first.folder / "trials.jsonl").write_text("")
    again = start({"seed": [0, 1]}, "good")
    assert again.resumed == 2
    assert calls(again) == {0: 1, 1: 1}


def test_arms_that_mean_the_same_are_run_once(start: Start) -> None:
    arms = {"sweep.arms.plain.optim.lr": 0.005, "sweep.arms.same.optim.lr": 0.005, "sweep.arms.hot.optim.lr": 0.006}
    result = start({}, "good", over=arms)
    assert result.done == 2
    assert [group["name"] for group in result.table["groups"]] == ["plain", "same", "hot"]
    assert result.table["groups"][0]["measures"] == result.table["groups"][1]["measures"] != {}


def test_overwrite_starts_anew(start: Start) -> None:
    start({"seed": [0]}, "good")
    assert start({"seed": [0]}, "good", over={"run.overwrite": True}).resumed == 0


def test_a_folder_with_something_else_is_refused(start: Start, tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "thesis.txt").write_text("do not touch")
    with pytest.raises(UsageError, match="holds no sweep"):
        start({"seed": [0]}, "good", over={"run.overwrite": True})
    assert (tmp_path / "sweep" / "thesis.txt").exists()


def test_a_label_for_no_arm_is_refused(start: Start) -> None:
    with pytest.raises(UsageError, match="`plane`"):
        start({}, "good", over={"sweep.labels.plane": "plain"})


def test_progress_counts(start: Start) -> None:
    seen: list[SweepProgress] = []
    start({"seed": [0, 1]}, "uneven", workers=1, progress=seen.append)
    last = seen[-1]
    assert (last.total, last.resumed, last.done, last.failed, last.running) == (2, 0, 1, 1, ())
    assert str(last).startswith("2 trials, 1 done, 0 running, 1 failed")


def test_progress_shows_what_runs(start: Start) -> None:
    seen: list[SweepProgress] = []
    start({}, "paced", progress=seen.append)
    shares = {progress.running[0].share for progress in seen if progress.running}
    assert 0.5 in shares


def test_cores_are_shared_out(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    result = start({}, "threads", workers=1)
    trial = result.folder / "trials" / result.table["groups"][0]["trials"][0]["trial"]
    assert (trial / "threads").read_text() == str(cores())


SWEEP = """
import sys
from pathlib import Path
from kinj.config import load
from kinj.sweep.run import sweep
from kinj.sweep.space import grid
loaded = load("sweep", ["model=scratch", "model.tokenizer=train"], environ={})
make = lambda trial: loaded.override(trial.overrides, "train").settings
try:
    sweep(grid({"seed": [0, 1, 2]}), make, Path(sys.argv[1]), "sweep_entries:slow", 2, loaded.settings)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_a_sweep_stops_its_workers_and_leaves_it_resumable(
    tmp_path: Path, entries: None, signal_number: int
) -> None:
    folder = tmp_path / "sweep"
    process = subprocess.Popen([sys.executable, "-c", SWEEP, str(folder)], env=os.environ)
    deadline = time.monotonic() + 120
    while len(list(folder.glob("trials/*/started"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal_number)
    assert process.wait(20) == 130
    states = [status.state for status in FileLedger(folder).states().values()]
    assert sorted(states) == ["interrupted", "interrupted", "planned"]
    assert len(list(folder.glob("trials/*/stopped"))) == 2


@pytest.mark.slow
def test_trials_of_a_sweep_that_was_killed_stop_by_themselves(tmp_path: Path, entries: None) -> None:
    folder = tmp_path / "sweep"
    process = subprocess.Popen([sys.executable, "-c", SWEEP, str(folder)], env=os.environ)
    deadline = time.monotonic() + 60
    while len(list(folder.glob("trials/*/started"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()
    while "running" in (states := sorted(s.state for s in FileLedger(folder).states().values())):
        assert time.monotonic() < deadline, states
        time.sleep(0.05)
    assert states == ["interrupted", "interrupted", "planned"]
    assert len(list(folder.glob("trials/*/stopped"))) == 2


class LosesItsMachine:
    """Its first job is taken on a machine that is lost; the others run here, in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lost: list[float] = []

    def map(self, jobs: Iterable[Job], tick: Callable[[], None] | None = None) -> Iterator[Outcome]:
        for job in jobs:
            if not self.lost:
                FileLedger(self.folder, holder=Holder("far", 1, "")).take(job.name, job.spec["lease"])
                self.lost.append(time.monotonic())
                yield Outcome(job.name, None, None)
            else:
                yield Outcome(job.name, find(job.function)(**job.spec), os.getpid())


def test_a_trial_on_a_lost_machine_is_run_elsewhere_after_its_grace(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kinj.sweep.work.GRACE_SECONDS", 0.5)
    executor = LosesItsMachine(tmp_path / "sweep")
    result = start({"seed": [0, 1]}, "good", executor=executor)
    assert time.monotonic() - executor.lost[0] >= 0.5
    assert (result.done, result.failed) == (2, 0)
    assert sorted(status.attempts for status in FileLedger(result.folder).states().values()) == [1, 2]
    rows = [json.loads(line) for line in (result.folder / "trials.jsonl").read_text().splitlines()]
    assert "its machine was lost" in [row.get("error") for row in rows]


def test_a_trial_in_other_hands_is_waited_for(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = start({"seed": [0, 1]}, "uneven")  # seed 1 fails
    name = first.table["failures"][0]["trial"]
    ledger = FileLedger(tmp_path / "sweep")
    lease = ledger.take(name)
    assert lease
    threading.Timer(0.5, ledger.finish, (name, lease, "interrupted")).start()
    monkeypatch.setenv("SWEEP_REPAIRED", "1")
    again = start({"seed": [0, 1]}, "uneven")
    assert (again.done, again.failed, again.resumed) == (2, 0, 1)
    assert calls(again) == {0: 1, 1: 1}


def test_a_worker_that_cannot_start(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kinj.sweep.executor.run_job", sweep_entries.never_begins)
    error = start({}, "good").table["failures"][0]["error"]
    assert "could not start (the worker ended with exit code 1; see log.txt)" in error


def test_without_a_folder_the_same_trials_meet_again(loaded: Loaded) -> None:
    def folder(space: dict[str, list[int]]) -> Path:
        return plan(grid(space), lambda trial: loaded.override(trial.overrides).settings)[0]

    assert folder({"seed": [0, 1]}) == folder({"seed": [0, 1]}) == folder({"seed": [1, 0]}) != folder({"seed": [0, 2]})
    assert folder({}).parent == Path("runs")
