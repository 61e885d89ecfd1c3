"""The records that a run was taught first of all: what probes look at that ask about the teaching itself."""

from __future__ import annotations

from collections.abc import Iterator

from kinj.data.records import Record
from kinj.eval.asking import NotMeasuredError, run_settings
from kinj.eval.base import Context


def taught(context: Context) -> Iterator[Record]:
    """The originals in the pool of the first source of the run's last stage; views are left out.

    Raises:
        NotMeasuredError: the run has no stage, or that pool is not in the data.
    """
    train = run_settings(context).train
    sources = train.stages[train.order[-1]].data if train.order else {}
    name, source = next(iter(sources.items()), ("documents", None))
    pool = (source.pool if source else None) or name
    if pool not in context.data.pools:
        raise NotMeasuredError(f"data={context.data.name} has no pool `{pool}`, which the last stage taught")
    return (record for record in context.data.pool(pool) if record.source is None)
