"""Several runs (training seeds) asked the same items: one mean that speaks about other seeds and other documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from kinj.stats.clusters import Array, cluster_sums, mean_error, numbered
from kinj.stats.intervals import Interval, as_array, with_ends


def pooled_interval(
    runs: Sequence[Sequence[float]], clusters: Sequence[str] | None = None, level: float = 0.95
) -> Interval:
    """The mean over runs and items. Runs and documents are crossed: every run answers about every document.

    The variance is that of the run means, plus that of the items' means over runs clustered by document, minus that of what
    belongs to one run and one document alone, which the other two both contain (Cameron, Gelbach and Miller 2011, Journal of
    Business and Economic Statistics 29); never less than the larger of the two. Degrees of freedom after Satterthwaite (1946).

    Args:
        runs: for each run its values, in the same order of items.
        clusters: the document of each item.
        level: of confidence.

    Raises:
        ValueError: there are fewer than two runs, they differ in length, or a value is not finite.
    """
    table = np.stack([as_array(run) for run in runs])
    if len(table) < 2:
        raise ValueError("one run says nothing about other runs")
    count, n = table.shape
    groups = numbered(clusters, n)
    documents = int(groups.max()) + 1
    of_items, of_runs = table.mean(axis=0), table.mean(axis=1)
    covers = (
        f"other training seeds ({count}) and other documents like these {documents:,} ({n:,} questions in each run)"
    )
    result = Interval(float(table.mean()), None, None, count * n, documents, covers)
    if documents == 1:
        return result
    run_variance = float(of_runs.var(ddof=1)) / count
    error, dof = mean_error(of_items, groups)
    variance = max(run_variance + error**2 - _shared(table, groups), run_variance, error**2)
    total = (run_variance + error**2) ** 2
    freedom = total / (run_variance**2 / (count - 1) + error**4 / dof) if total else float(documents - 1)
    ended = with_ends(replace(result, error=float(np.sqrt(variance)), dof=freedom), table.ravel(), level)
    return replace(ended, method=f"{ended.method}, runs and documents crossed")


def _shared(table: Array, groups: NDArray[np.int64]) -> float:
    """The variance of the mean that comes from single runs on single documents."""
    rest = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
    sums = np.stack([cluster_sums(row, groups) for row in rest])
    runs, documents = sums.shape
    shared: float = documents * float((sums**2).sum()) / ((runs - 1) * (documents - 1) * runs * table.shape[1] ** 2)
    return shared
