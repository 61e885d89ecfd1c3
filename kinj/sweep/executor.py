"""Where trials run. An executor places work and keeps no state: what was done stands in the ledger and in the trials' folders."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

POLL_SECONDS = 0.1
GRACE_SECONDS = 60.0
"""A worker that was asked to stop may finish its step and write a checkpoint; after so long it is killed."""


@dataclass(frozen=True)
class Job:
    """A call to be made elsewhere: `function` (`package.module:name`, returning an exit code) with `spec` as its arguments."""

    name: str
    function: str
    spec: Mapping[str, Any]
    log: Path


@dataclass(frozen=True)
class Outcome:
    """How a job ended: its exit code, or minus the number of the signal that killed it, and the process it ran in."""

    name: str
    code: int
    pid: int


class Executor(Protocol):
    """Runs jobs; `tests/sweep/executor_contract.py` holds every implementation to it."""

    def map(self, jobs: Iterable[Job], tick: Callable[[], None] | None = None) -> Iterator[Outcome]:
        """Runs all jobs and yields each as it ends. Closing the iterator stops those that run, cleanly where they allow it.

        Args:
            jobs: taken one by one, when there is room.
            tick: called every now and then while waiting.
        """
        ...


class LocalExecutor:
    """Each job in a process of its own on this machine.

    Args:
        workers: jobs at a time.
        threads: CPU threads per job; by default the cores are shared out evenly.
    """

    def __init__(self, workers: int, threads: int | None = None) -> None:
        self.workers = workers
        self.threads = threads or max(1, cores() // workers)

    def submit(self, job: Job) -> subprocess.Popen[bytes]:
        """Starts a job now; its output is added to the job's log."""
        job.log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-P", "-m", "kinj.sweep.worker", job.function, json.dumps(dict(job.spec))]
        with job.log.open("ab") as log:
            # A session of its own: Ctrl-C reaches this process only, which then stops its workers one way, once.
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
                start_new_session=True,
            )

    def map(self, jobs: Iterable[Job], tick: Callable[[], None] | None = None) -> Iterator[Outcome]:
        waiting, running = deque(jobs), dict[str, subprocess.Popen[bytes]]()
        try:
            while waiting or running:
                while waiting and len(running) < self.workers:
                    job = waiting.popleft()
                    running[job.name] = self.submit(job)
                ended = [name for name, process in running.items() if process.poll() is not None]
                for name in ended:
                    process = running.pop(name)
                    yield Outcome(name, process.returncode, process.pid)
                if tick:
                    tick()
                if not ended:
                    time.sleep(POLL_SECONDS)
        finally:
            stop(list(running.values()))

    def _environment(self) -> dict[str, str]:
        """This process's own, with the share of threads where the user has not chosen one. Runs record their threads."""
        return {"OMP_NUM_THREADS": str(self.threads), "TOKENIZERS_PARALLELISM": "false", **os.environ}


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def stop(processes: list[subprocess.Popen[bytes]], grace: float = GRACE_SECONDS) -> None:
    """Interrupts processes as Ctrl-C would and waits for them; a second Ctrl-C, or the end of the grace, kills them."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
    deadline = time.monotonic() + grace
    try:
        for process in processes:
            process.wait(max(0.0, deadline - time.monotonic()))
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        for process in processes:
            process.kill()
            process.wait()
