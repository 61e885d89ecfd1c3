"""Several runs (training seeds) asked the same items: one mean that speaks about other seeds and other documents."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from kinj.stats.clusters import Array, cluster_sums, mean_error, numbered
from kinj.stats.intervals import Interval, as_array, t_ends, with_ends


def pooled_interval(
    runs: Sequence[Sequence[float]],
    clusters: Sequence[str] | None = None,
    level: float = 0.95,
    *,
    differences: bool = False,
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
        differences: the values are those of one model minus those of another. They are no shares even where none is below 0, and of
            hits and misses each run has two documents more, as in `paired_difference`.

    Raises:
        ValueError: there are fewer than two runs, they differ in length, or a value is not finite.
    """
    table = np.stack([as_array(run) for run in runs])
    if len(table) < 2:
        raise ValueError("one run says nothing about other runs")
    count, n = table.shape
    groups = numbered(clusters, n)
    documents = int(groups.max()) + 1
    covers = (
        f"other training seeds ({count}) and other documents like these {documents:,} ({n:,} questions in each run)"
    )
    result = Interval(float(table.mean()), None, None, count * n, documents, covers)
    if documents == 1:
        return result
    hits = differences and bool(np.isin(table, (-1.0, 0.0, 1.0)).all())
    if hits:
        table = np.hstack([table, np.tile((1.0, -1.0), (count, 1))])
        groups = np.append(groups, (documents, documents + 1))
    found, quantile = _with_error(replace(result, value=float(table.mean())), table, groups, level)
    ended = t_ends(found, quantile) if differences else with_ends(found, table.ravel(), level, quantile)
    about = ", runs and documents crossed" * bool(found.error) + ", one pseudo-item each way" * hits
    return replace(ended, value=result.value, method=ended.method + about)


def _with_error(result: Interval, table: Array, groups: NDArray[np.int64], level: float) -> tuple[Interval, float]:
    """The mean with its error and degrees of freedom, and how many errors wide its interval is on each side."""
    of_items, of_runs, count = table.mean(axis=0), table.mean(axis=1), len(table)
    of_documents, dof = mean_error(of_items, groups)
    by_document = of_documents**2
    by_run = max(0.0, float(of_runs.var(ddof=1)) / count - _shared(table, groups))
    variance = by_document + by_run
    if not variance:
        return replace(result, error=0.0, dof=dof), float(stats.t.ppf((1 + level) / 2, dof))
    parts = np.array([by_document, by_run]) / variance
    quantile = float(parts @ stats.t.ppf((1 + level) / 2, [dof, count - 1]))
    freedom = 1 / float(parts**2 @ np.array([1 / dof, 1 / (count - 1)]))
    return replace(result, error=math.sqrt(variance), dof=freedom), quantile


def _shared(table: Array, groups: NDArray[np.int64]) -> float:
    """The variance of the mean that comes from single runs on single documents."""
    rest = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
    sums = np.stack([cluster_sums(row, groups) for row in rest])
    runs, documents = sums.shape
    shared: float = documents * float((sums**2).sum()) / ((runs - 1) * (documents - 1) * runs * table.shape[1] ** 2)
    return shared
