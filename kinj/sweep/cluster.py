"""Trials on a Ray cluster. A node that is lost loses no trial: the executor says so, and the sweep runs it elsewhere."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from typing import Any

from kinj.config.errors import KinjError, UsageError
from kinj.data.cluster import connected
from kinj.sweep.executor import POLL_SECONDS, Job, LocalExecutor, Outcome
from kinj.sweep.ledger import new_lease
from kinj.sweep.worker import GRACE_SECONDS

SETTING = "sweep.engine=ray"
SEEN_SECONDS = 10.0
"""A file that was just written on a network file system may take so long to be seen on another machine."""
RAY_WORKER = "ray._private.workers.default_worker"
"""What a process that is forked from a worker of Ray would import first."""

_log = logging.getLogger(__name__)


class RayExecutor:
    """Each job in a process of its own on a node of a cluster, beside the worker of Ray that holds its resources.

    The folder of the job's log must be seen by every node at the same path as here; it is checked job by job.

    Args:
        workers: jobs at a time; None: as many as the cluster has room for.
        cpus: cores of a job.
        gpus: GPUs of a job; fractions share one. None: one where the cluster has any.
        preload: modules that jobs need; imported once on every node.
    """

    def __init__(
        self, workers: int | None, cpus: int = 1, gpus: float | None = None, preload: Sequence[str] = ()
    ) -> None:
        self.workers, self.cpus, self.gpus = workers, cpus, gpus
        self.preload = tuple(preload)

    def map(self, jobs: Iterable[Job], tick: Callable[[], None] | None = None) -> Iterator[Outcome]:
        with connected(SETTING) as ray:
            try:
                yield from self._map(ray, jobs, tick)
            except ray.exceptions.RayError as error:
                raise KinjError(f"the Ray cluster failed: {_first_line(error)}", "the same command goes on") from error

    def _map(self, ray: Any, jobs: Iterable[Job], tick: Callable[[], None] | None) -> Iterator[Outcome]:
        gpus = self.gpus if self.gpus is not None else float("GPU" in ray.cluster_resources())
        _warn_if_too_large(ray, self.cpus, gpus)
        # Ray ends processes that used a GPU, to free its memory; this one never does, and stays warm.
        call = ray.remote(num_cpus=self.cpus, num_gpus=gpus, max_retries=0, max_calls=0)(run_here)
        waiting, running = iter(jobs), dict[Any, tuple[Job, Path]]()
        try:
            while True:
                while len(running) != self.workers and (job := next(waiting, None)) is not None:
                    mark = _marked(job)
                    running[call.remote(job, str(mark), os.getcwd(), self.cpus, self.preload)] = job, mark
                if not running:
                    return
                for ended in ray.wait([*running], timeout=POLL_SECONDS)[0]:
                    outcome = _outcome(ray, ended, running[ended][0])
                    running.pop(ended)[1].unlink(missing_ok=True)
                    yield outcome
                if tick:
                    tick()
        finally:
            _stop(ray, [*running])
            for _, mark in running.values():
                mark.unlink(missing_ok=True)


def _marked(job: Job) -> Path:
    """A new file beside a job's log. Only who shares our storage can take it away."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    mark = job.log.with_name(f".{new_lease()}")
    mark.touch()
    return mark


def run_here(job: Job, mark: str, directory: str, threads: int, preload: tuple[str, ...]) -> tuple[Outcome | None, str]:
    """Runs a job on this machine, in a process of its own. Called on a node of the cluster.

    Args:
        job: what to run.
        mark: a file that was made for this call; it is removed.
        directory: in which relative paths of the job begin.
        threads: CPU threads, where the environment does not say.
        preload: modules that jobs need.

    Returns:
        How it ended, None where this machine does not see the mark; and the name of this machine.
    """
    host = socket.gethostname()
    if not _seen(Path(directory) / mark):
        return None, host
    os.chdir(directory)
    with closing(_warm(threads, preload).map([job])) as outcomes:  # type: ignore[type-var]  # a generator, typed as Iterator
        return next(outcomes), host


def _seen(mark: Path) -> bool:
    deadline = time.monotonic() + SEEN_SECONDS
    while True:
        try:
            mark.unlink()
            return True
        except OSError:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)


@cache
def _warm(threads: int, preload: tuple[str, ...]) -> LocalExecutor:
    return LocalExecutor(1, threads, [RAY_WORKER, *preload])


def _outcome(ray: Any, ended: Any, job: Job) -> Outcome:
    """How a job ended; without a code where its node, or Ray's worker on it, is gone.

    Raises:
        UsageError: the node does not see the job's folder.
        KinjError: the node could not run the job at all.
    """
    try:
        outcome, host = ray.get(ended)
    except ray.exceptions.RayTaskError as error:
        raise KinjError(
            f"a node of the Ray cluster could not run a trial: {_first_line(error.cause)}",
            "every node needs the same versions of kinj and Python",
        ) from error
    except ray.exceptions.RayError as error:
        _log.warning("%s", _first_line(error))
        return Outcome(job.name, None, None)
    if outcome is None:
        raise UsageError(
            f"{job.log.parent} is not seen by the node {host}",
            "choose a folder with -o on storage that every node sees at the same path",
        )
    found: Outcome = outcome
    return found


def _stop(ray: Any, running: Sequence[Any]) -> None:
    """Interrupts jobs as Ctrl-C would and waits for them; a second Ctrl-C, or the end of the grace, kills them."""
    if not running:
        return
    with suppress(ray.exceptions.RayError):
        for one in running:
            ray.cancel(one)
        with suppress(KeyboardInterrupt):
            ray.wait([*running], num_returns=len(running), timeout=GRACE_SECONDS)
        for one in running:
            ray.cancel(one, force=True)


def _warn_if_too_large(ray: Any, cpus: int, gpus: float) -> None:
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(node.get("CPU", 0) >= cpus and node.get("GPU", 0) >= gpus for node in nodes):
        _log.warning("no node of the Ray cluster has %d CPUs and %g GPUs for a trial; waiting for one", cpus, gpus)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
