"""The local executor: the contract, and how it stops processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from kinj.sweep.executor import LocalExecutor, cores, stop
from tests.sweep.executor_contract import ExecutorContract

DEAF = (
    "import signal, sys, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
)


class TestLocalExecutor(ExecutorContract):
    @pytest.fixture
    def executor(self) -> LocalExecutor:
        return LocalExecutor(2)


def test_a_process_that_does_not_stop_is_killed() -> None:
    process = subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    stop([process], grace=0.2)
    assert process.returncode == -signal.SIGKILL


def test_threads() -> None:
    assert LocalExecutor(1).threads == cores() <= (os.cpu_count() or 1)
    assert LocalExecutor(1000).threads == 1
    assert LocalExecutor(2, threads=3).threads == 3
