"""Shards worked off on a Ray cluster. A node that is lost loses nothing: what it had begun is done again elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kinj.augment.engines import AHEAD, Items, Work, in_order
from kinj.augment.shards import Shard
from kinj.augment.store import Done, Result, Store
from kinj.config.errors import KinjError
from kinj.data.cluster import connected


def on_ray(items: Items, work: Work, store: Store) -> Iterator[Done]:
    """As many shards at a time as the cluster has processors. Results come back here to be written.

    Raises:
        UsageError: Ray is not installed, or no cluster can be reached.
        KinjError: Ray gave up on a shard.
    """
    with connected("augment.engine=ray") as ray:
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


def _work_off(work: Work, shard: Shard) -> Result:
    return work(shard)
