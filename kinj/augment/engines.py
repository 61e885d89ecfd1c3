"""Where shards are worked off: in this process, in several, or on a Ray cluster. Results come in the order of the input."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from threading import Thread

from kinj.augment.shards import Shard
from kinj.augment.store import Done, Result, Store
from kinj.config.errors import KinjError
from kinj.data.signals import deaf

AHEAD = 3
"""Shards per process that are read ahead; this bounds the memory."""

Work = Callable[[Shard], Result]
"""Makes views of the documents of a shard; travels between processes."""

Items = Iterable[Shard | Done]
"""Shards, and among them those that an earlier run finished."""


def in_order(items: Items, start: Callable[[Shard], Callable[[], Done]], most: int) -> Iterator[Done]:
    """Every shard done, in order, `most` of them begun at a time.

    Args:
        start: begins the work on a shard and returns what waits for it.
    """
    waiting: deque[Callable[[], Done]] = deque()
    for item in items:
        waiting.append(start(item) if isinstance(item, Shard) else partial(_itself, item))
        if len(waiting) >= most:
            yield waiting.popleft()()
    while waiting:
        yield waiting.popleft()()


def _itself(done: Done) -> Done:
    return done


def in_this_process(items: Items, work: Work, store: Store) -> Iterator[Done]:
    """One shard after another."""
    for item in items:
        yield store.keep(item, work(item)) if isinstance(item, Shard) else item


def in_processes(items: Items, work: Work, store: Store, count: int) -> Iterator[Done]:
    """Several shards at a time; each process writes what it made.

    Raises:
        KinjError: a process ended without an answer.
    """
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=(work, store))
    try:
        with deaf():
            for _ in range(count):
                pool.submit(os.getpid)  # starts a process
        yield from in_order(items, lambda shard: pool.submit(_work_off, shard).result, count * AHEAD)
    except BrokenProcessPool as error:
        raise KinjError(
            "a worker process ended without an answer (was it killed, or out of memory?)",
            "run the same command with --resume; augment.workers=1 works without further processes",
        ) from error
    finally:
        # A second Ctrl-C here would make Python take a thread for ended that is not, and wait for ever at the end.
        with deaf():
            pool.shutdown(cancel_futures=True)


_task: tuple[Work, Store]


def _begin(work: Work, store: Store) -> None:
    global _task
    _task = work, store
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this process when the first one is gone without a word (SIGKILL); it would wait for work forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work_off(shard: Shard) -> Done:
    work, store = _task
    return store.keep(shard, work(shard))
