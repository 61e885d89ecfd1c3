"""Where trials run. An executor places work and keeps no state: what was done stands in the ledger and in the trials' folders."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.forkserver import ensure_running
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol

from kinj.data.signals import deaf
from kinj.sweep.worker import GRACE_SECONDS, run_job

POLL_SECONDS = 0.1
BEGIN_SECONDS = 20.0
"""A process that was started has begun with its job after so long at the latest, or never will."""


@dataclass(frozen=True)
class Job:
    """A call to be made elsewhere: `function` (`package.module:name`, returning an exit code) with `spec` as its arguments."""

    name: str
    function: str
    spec: Mapping[str, Any]
    log: Path


@dataclass(frozen=True)
class Outcome:
    """How a job ended: its exit code, or minus the number of the signal that killed it; and the process it ran in.

    Both are None where nobody can say, because the machine is gone.
    """

    name: str
    code: int | None
    pid: int | None


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
        gpus: for each of the workers, the GPUs its jobs see, as CUDA_VISIBLE_DEVICES names them; by default those that this
            process sees.
    """

    def __init__(
        self, workers: int, threads: int | None = None, preload: Sequence[str] = (), gpus: Sequence[str] = ()
    ) -> None:
        self.workers = workers
        self.threads = threads or max(1, cores() // workers)
        self.gpus = gpus
        self._processes: Any = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
        self._processes.set_forkserver_preload([run_job.__module__, *preload])

    def submit(self, job: Job, worker: int = 0) -> BaseProcess:
        """Starts a job now; its output is added to the job's log.

        Args:
            worker: which of the workers it is for, from 0.
        """
        job.log.parent.mkdir(parents=True, exist_ok=True)
        arguments = (job.function, dict(job.spec), str(job.log), self._environment(worker))
        if sys.platform == "linux":
            with deaf():  # or Ctrl-C would end it with a traceback while it imports
                ensure_running()
        process: BaseProcess = self._processes.Process(target=run_job, args=arguments, name=job.name)
        process.start()
        return process

    def map(self, jobs: Iterable[Job], tick: Callable[[], None] | None = None) -> Iterator[Outcome]:
        waiting, running = iter(jobs), dict[int, BaseProcess]()
        try:
            while True:
                for worker in range(self.workers):
                    if worker not in running and (job := next(waiting, None)) is not None:
                        running[worker] = self.submit(job, worker)
                if not running:
                    return
                wait([process.sentinel for process in running.values()], POLL_SECONDS)
                for worker, process in list(running.items()):
                    if process.exitcode is not None:
                        del running[worker]
                        yield Outcome(process.name, process.exitcode, process.pid)
                if tick:
                    tick()
        finally:
            _await_begun(running.values())
            stop([*running.values()])

    def _environment(self, worker: int) -> dict[str, str]:
        """This process's own, with the share of threads where the user has not chosen one. Runs record their threads."""
        gpus = {"CUDA_VISIBLE_DEVICES": self.gpus[worker]} if self.gpus else {}
        return {"OMP_NUM_THREADS": str(self.threads), "TOKENIZERS_PARALLELISM": "false", **os.environ, **gpus}


def _await_begun(processes: Iterable[BaseProcess]) -> None:
    """Waits until processes can be interrupted: one that was forked just now may still be deaf to SIGINT.

    `run_job` begins to hear it, and then makes its process the leader of a session.
    """
    deadline = time.monotonic() + BEGIN_SECONDS
    for process in processes:
        with suppress(ProcessLookupError):
            while process.exitcode is None and os.getsid(process.pid or 0) != process.pid:
                if time.monotonic() > deadline:
                    break
                time.sleep(0.01)


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
