"""Shards worked off on a Ray cluster. A node that is lost loses nothing: what it had begun is done again elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from kinj.augment.engines import AHEAD, Items, Work, in_order
from kinj.augment.shards import Shard
from kinj.augment.store import Done, Result, Store
from kinj.config.errors import KinjError, UsageError


def on_ray(items: Items, work: Work, store: Store) -> Iterator[Done]:
    """As many shards at a time as the cluster has processors. Results come back here to be written.

    The cluster is the one that this process is connected to, else the one that RAY_ADDRESS names, else this machine.

    Raises:
        UsageError: Ray is not installed, or no cluster can be reached.
        KinjError: Ray gave up on a shard.
    """
    ray, opened = _connected()
    try:
        task = ray.remote(max_retries=-1)(_work_off)
        shared = ray.put(work)

        def start(shard: Shard) -> Any:
            waiting = task.remote(shared, shard)
            return lambda: store.keep(shard, ray.get(waiting))

        processors = int(ray.cluster_resources().get("CPU", 1))
        yield from in_order(items, start, processors * AHEAD)
    except ray.exceptions.RayError as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise KinjError(f"the Ray cluster failed: {first}", "run the same command with --resume") from error
    finally:
        if opened:
            ray.shutdown()


def _connected() -> tuple[Any, bool]:
    """The library, connected to a cluster, and whether the connection was made here."""
    try:
        import ray
    except ModuleNotFoundError as error:
        raise UsageError("augment.engine=ray needs Ray, which is not installed", "pip install 'kinj[ray]'") from error
    if ray.is_initialized():
        return ray, False
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UsageError(f"no Ray cluster can be reached: {error}", "check RAY_ADDRESS, or leave it out") from error
    return ray, True


def _work_off(work: Work, shard: Shard) -> Result:
    return work(shard)
