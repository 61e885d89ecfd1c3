"""Sweeps end to end, with trials that learn nothing: what runs, what is left out, what a failure does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kinj.config.errors import UsageError
from kinj.sweep.executor import Job, LocalExecutor, cores
from kinj.sweep.ledger import FileLedger
from kinj.sweep.run import SweepResult
from kinj.sweep.watch import SweepProgress
from kinj.sweep.worker import attempt, find

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
    errors = {failure["name"]: failure["error"] for failure in first.table["failed"]}
    assert "RuntimeError: this trial is broken" in errors["seed=1"]
    assert "SIGKILL" in errors["seed=2"]
    broken = next(failure["trial"] for failure in first.table["failed"] if failure["name"] == "seed=1")
    log = (first.folder / "trials" / broken / "log.txt").read_text()
    assert "trial with seed 1" in log
    assert "Traceback" in log

    monkeypatch.setenv("SWEEP_REPAIRED", "1")
    again = start({"seed": [0, 1, 2, 3]}, "uneven")
    assert (again.done, again.failed, again.resumed, again.exit_code) == (4, 0, 2, 0)
    assert calls(again) == {0: 1, 1: 1, 2: 1, 3: 1}
    assert again.table["failed"] == []


def test_nothing_done_is_a_failure(start: Start) -> None:
    result = start({}, "forgetful")
    assert (result.done, result.failed, result.exit_code) == (0, 1, 1)
    assert "left no results.json" in result.table["failed"][0]["error"]
    assert result.table["groups"][0]["measures"] == {}


def test_an_entry_that_does_not_exist(start: Start) -> None:
    result = start({}, "absent")
    assert "names no function" in result.table["failed"][0]["error"]


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
    assert any(progress.running and progress.running[0].name == "seed=0" for progress in seen)
    assert str(last).startswith("2 trials, 1 done, 0 running, 1 failed")


def test_cores_are_shared_out(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    result = start({}, "threads", workers=1)
    trial = result.folder / "trials" / result.table["groups"][0]["trials"][0]["trial"]
    assert (trial / "threads").read_text() == str(cores())
    assert LocalExecutor(1000).threads == 1


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
def test_stopping_a_sweep_stops_its_workers_and_leaves_it_resumable(tmp_path: Path, entries: None, signal_number: int) -> None:
    folder = tmp_path / "sweep"
    process = subprocess.Popen([sys.executable, "-c", SWEEP, str(folder)], env=os.environ)
    deadline = time.monotonic() + 30
    while len(list(folder.glob("trials/*/started"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal_number)
    assert process.wait(20) == 130
    states = [status.state for status in FileLedger(folder).states().values()]
    assert sorted(states) == ["interrupted", "interrupted", "planned"]
    assert len(list(folder.glob("trials/*/stopped"))) == 2


def test_a_trial_in_other_hands_is_left_alone(tmp_path: Path) -> None:
    ledger = FileLedger(tmp_path)
    ledger.plan("a")
    assert ledger.take("a")
    assert attempt(str(tmp_path), "a", str(tmp_path / "trials" / "a"), "nowhere:nothing") == 75


def test_find_says_what_it_wants() -> None:
    assert find("json:dumps") is json.dumps
    with pytest.raises(UsageError) as caught:
        find("json")
    assert "package.module:function" in caught.value.hint


def test_executor_yields_codes_and_signals(tmp_path: Path, entries: None) -> None:
    jobs = [
        Job("fine", "json:loads", {"s": "0"}, tmp_path / "fine.txt"),
        Job("code", "json:loads", {"s": "7"}, tmp_path / "code.txt"),
        Job("died", "os:kill", {}, tmp_path / "died.txt"),
    ]
    outcomes = {outcome.name: outcome.code for outcome in LocalExecutor(2).map(jobs)}
    assert outcomes == {"fine": 0, "code": 7, "died": 1}
    assert "TypeError" in (tmp_path / "died.txt").read_text()
