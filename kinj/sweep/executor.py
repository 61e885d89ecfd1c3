"""Where trials run. An executor places work and keeps no state: what was done stands in the ledger and in the trials' folders."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol

from kinj.sweep.worker import run_job

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

    Where the system can (Linux), processes are forked from one that has imported `preload` already, so that a job starts in
    milliseconds; elsewhere each imports everything anew.

    Args:
        workers: jobs at a time.
        threads: CPU threads per job; by default the cores are shared out evenly.
        preload: modules that jobs need. They must not use a GPU or start threads when they are imported.
    """

    def __init__(self, workers: int, threads: int | None = None, preload: Sequence[str] = ()) -> None:
        self.workers = workers
        self.threads = threads or max(1, cores() // workers)
        self._processes: Any = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
        self._processes.set_forkserver_preload([*preload])

    def submit(self, job: Job) -> BaseProcess:
        """Starts a job now; its output is added to the job's log."""
        job.log.parent.mkdir(parents=True, exist_ok=True)
        arguments = (job.function, dict(job.spec), str(job.log), self._environment())
        process: BaseProcess = self._processes.Process(target=run_job, args=arguments, name=job.name)
        process.start()
        return process

    def map(self, jobs: Iterable[Job], tick: Callable[[], None] | None = None) -> Iterator[Outcome]:
        waiting, running = deque(jobs), list[BaseProcess]()
        try:
            while waiting or running:
                while waiting and len(running) < self.workers:
                    running.append(self.submit(waiting.popleft()))
                wait([process.sentinel for process in running], POLL_SECONDS)
                ended = [process for process in running if process.exitcode is not None]
                for process in ended:
                    running.remove(process)
                    yield Outcome(process.name, int(process.exitcode or 0), int(process.pid or 0))
                if tick:
                    tick()
        finally:
            stop(running)

    def _environment(self) -> dict[str, str]:
        """This process's own, with the share of threads where the user has not chosen one. Runs record their threads."""
        return {"OMP_NUM_THREADS": str(self.threads), "TOKENIZERS_PARALLELISM": "false", **os.environ}


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def stop(processes: Sequence[BaseProcess], grace: float = GRACE_SECONDS) -> None:
    """Interrupts processes as Ctrl-C would and waits for them; a second Ctrl-C, or the end of the grace, kills them."""
    for process in processes:
        if process.pid is not None and process.exitcode is None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGINT)
    deadline = time.monotonic() + grace
    try:
        for process in processes:
            process.join(max(0.0, deadline - time.monotonic()))
    except KeyboardInterrupt:
        pass
    for process in processes:
        if process.exitcode is None:
            process.kill()
            process.join()
