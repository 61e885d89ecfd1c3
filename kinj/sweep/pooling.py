"""Training seeds and documents pooled: what several runs on the same data say about other seeds and other documents at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kinj.stats import pooled_interval
from kinj.sweep.outcome import Items, TrialResult
from kinj.sweep.statistics import as_json


def pooled(results: Sequence[TrialResult], probe: str, name: str) -> dict[str, Any] | None:
    """The mean over seeds and documents; None unless several runs on the same data answered the same questions."""
    items = [result.items(probe, name) for result in results]
    return _pooled(results, [[one] for one in items], differences=False)


def pooled_difference(
    a: Sequence[TrialResult], b: Sequence[TrialResult], probe: str, name: str
) -> dict[str, Any] | None:
    """The mean of `a` minus `b`, paired by seed and question; None as in `pooled`."""
    others = {result.replicate: result for result in b}
    shared = [result for result in a if result.replicate in others]
    pairs = [[r.items(probe, name), others[r.replicate].items(probe, name)] for r in shared]
    return _pooled(shared, pairs, differences=True)


def _pooled(
    results: Sequence[TrialResult], runs: Sequence[Sequence[Items | None]], *, differences: bool
) -> dict[str, Any] | None:
    """Each run is one table of items, or, of `differences`, two of which the second is taken from the first."""
    if len(runs) < 2 or len({result.replicate.data_seed for result in results}) > 1:
        return None  # over data seeds the documents differ too: their means already speak of both
    first = runs[0][0]
    if first is None:
        return None
    ids = list(first.values)
    rows = []
    for tables in runs:
        known = [table for table in tables if table is not None and table.values.keys() == first.values.keys()]
        if len(known) < len(tables):
            return None
        rows.append([known[0].values[i] - sum(table.values[i] for table in known[1:]) for i in ids])
    return as_json(pooled_interval(rows, [first.documents[i] for i in ids], differences=differences))
