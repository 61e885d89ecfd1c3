"""The local executor: the contract, and how it stops processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
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


def test_jobs_that_have_hardly_begun_are_stopped_where_sigint_was_ignored(tmp_path: Path, entries: None) -> None:
    """As in the background job of a shell, where the process that jobs are forked from is deaf from the start."""
    done = subprocess.run([sys.executable, "-c", DEAF, str(tmp_path)], env=os.environ, timeout=55, check=False)
    assert done.returncode == 0


DEAF = """
import signal, sys
from contextlib import closing
from pathlib import Path
signal.signal(signal.SIGINT, signal.SIG_IGN)
from kinj.sweep.executor import Job, LocalExecutor
executor, folder = LocalExecutor(2), Path(sys.argv[1])
for number in range(12):
    quick = Job("quick", "json:loads", {"s": "0"}, folder / f"{number}-quick.txt")
    slow = Job("slow", "sweep_entries:sleep_a_minute", {}, folder / f"{number}-slow.txt")
    with closing(executor.map([quick, slow])) as outcomes:
        next(outcomes)
"""


def test_ctrl_c_while_modules_are_imported_is_no_traceback(tmp_path: Path, entries: None) -> None:
    """It reaches all processes of a terminal, the one too that imports what jobs need; only the first one decides."""
    (tmp_path / "slow_to_import.py").write_text(SLOW)
    path = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    done = subprocess.run(
        [sys.executable, "-c", EARLY, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=55,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


SLOW = """
import time
from pathlib import Path
(Path(__file__).parent / "importing").touch()
time.sleep(1)
"""
EARLY = """
import os, signal, sys, threading, time
from pathlib import Path
from kinj.sweep.executor import Job, LocalExecutor
signal.signal(signal.SIGINT, signal.default_int_handler)
folder = Path(sys.argv[1])
def interrupt():
    while not (folder / "importing").exists():
        time.sleep(0.01)
    os.killpg(0, signal.SIGINT)
threading.Thread(target=interrupt).start()
try:
    LocalExecutor(1, preload=["slow_to_import"]).submit(Job("a", "json:loads", {"s": "0"}, folder / "a.txt")).join()
except KeyboardInterrupt:
    sys.exit(0)
sys.exit("Ctrl-C came too late")
"""
