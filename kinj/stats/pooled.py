"""Several runs (training seeds) asked the same items: one mean that speaks about other seeds and other documents."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from kinj.stats.clusters import Array, cluster_sums, mean_error, numbered
from kinj.stats.intervals import Interval, as_array, with_ends


def pooled_interval(
    runs: Sequence[Sequence[float]], clusters: Sequence[str] | None = None, level: float = 0.95
) -> Interval:
    """The mean over runs and items. Runs and documents are crossed: every run answers about every document.

    The variance is that of the items' means over runs, clustered by document, and what the run means vary beyond it: their own
    variance minus that of what belongs to one run and one document alone, which both contain (Cameron, Gelbach and Miller 2011,
    Journal of Business and Economic Statistics 29). The interval is as many errors wide as t says for each of the two parts,
    weighted by their variances (Cochran 1964, Biometrics 20), for with three runs Satterthwaite's degrees of freedom are too many.

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
    of_documents, dof = mean_error(of_items, groups)
    by_document = of_documents**2
    by_run = max(0.0, float(of_runs.var(ddof=1)) / count - _shared(table, groups))
    variance = by_document + by_run
    if not variance:
        return with_ends(replace(result, error=0.0, dof=dof), table.ravel(), level)
    parts = np.array([by_document, by_run]) / variance
    quantile = float(parts @ stats.t.ppf((1 + level) / 2, [dof, count - 1]))
    freedom = 1 / float(parts**2 @ np.array([1 / dof, 1 / (count - 1)]))
    ended = with_ends(replace(result, error=math.sqrt(variance), dof=freedom), table.ravel(), level, quantile)
    return replace(ended, method=f"{ended.method}, runs and documents crossed")


def _shared(table: Array, groups: NDArray[np.int64]) -> float:
    """The variance of the mean that comes from single runs on single documents."""
    rest = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
    sums = np.stack([cluster_sums(row, groups) for row in rest])
    runs, documents = sums.shape
    shared: float = documents * float((sums**2).sum()) / ((runs - 1) * (documents - 1) * runs * table.shape[1] ** 2)
    return shared
