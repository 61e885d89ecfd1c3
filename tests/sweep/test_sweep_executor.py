"""The local executor: the contract, and how it stops processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from kinj.sweep.executor import Job, LocalExecutor, cores, stop
from tests.sweep.executor_contract import ExecutorContract


def deaf(file: Path) -> None:
    """Ignores Ctrl-C for a minute."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    file.touch()
    time.sleep(60)


class TestLocalExecutor(ExecutorContract):
    @pytest.fixture
    def executor(self) -> LocalExecutor:
        return LocalExecutor(2)


def test_a_process_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=deaf, args=[tmp_path / "deaf"])
    process.start()
    while not (tmp_path / "deaf").exists():
        time.sleep(0.01)
    stop([process], grace=0.2)
    assert process.exitcode == -signal.SIGKILL


def test_threads() -> None:
    assert LocalExecutor(1).threads == cores() <= (os.cpu_count() or 1)
    assert LocalExecutor(1000).threads == 1
    assert LocalExecutor(2, threads=3).threads == 3


def test_a_job_has_the_environment_and_the_threads_of_its_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entries: None
) -> None:
    """Whatever they were when the process was started from which jobs are forked."""
    for threads in (1, min(2, cores())):
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        monkeypatch.setenv("SWEEP_MARK", f"mark {threads}")
        job = Job("a", "sweep_entries:tell_environment", {}, tmp_path / f"{threads}.txt")
        (outcome,) = LocalExecutor(1, threads, preload=["torch"]).map([job])
        assert outcome.code == threads
        assert f"mark {threads}" in job.log.read_text()
