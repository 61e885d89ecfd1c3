"""The error of a mean over items that are not independent, such as several questions about one document.

The error is the bias-reduced linearisation of Bell and McCaffrey (2002, Survey Methodology 28: "CR2") for a regression on a
constant, with their Satterthwaite degrees of freedom under independent items; also in Imbens and Kolesár (2016, Review of
Economics and Statistics 98). With one item in each cluster it is the usual standard error with n - 1 degrees of freedom, with
clusters of one size that of the cluster means; with unequal ones it is neither too small nor too sure of itself, unlike the
plain linearised error with G - 1 degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def numbered(clusters: Sequence[str] | None, n: int) -> NDArray[np.int64]:
    """A number from 0 for each item: its cluster, or itself without clusters.

    Raises:
        ValueError: `clusters` has another length than `n`.
    """
    if clusters is None:
        return np.arange(n)
    if len(clusters) != n:
        raise ValueError(f"{n} values need {n} clusters, got {len(clusters)}")
    numbers: dict[str, int] = {}
    return np.asarray([numbers.setdefault(cluster, len(numbers)) for cluster in clusters], dtype=np.int64)


def cluster_sums(values: Array, groups: NDArray[np.int64]) -> Array:
    """The sum of the values of each cluster."""
    return np.bincount(groups, weights=values).astype(np.float64)


def mean_error(values: Array, groups: NDArray[np.int64]) -> tuple[float, float]:
    """Standard error of the mean of the values and its degrees of freedom; both nan for a single cluster.

    For cluster c with m_c of the n items: share h_c = m_c / n, weight w_c = 1 / (1 - h_c), residual sum r_c = sum of (value -
    mean); error² = sum w_c r_c² / n². Were items independent with variance 1, the r_c had the covariance C = diag(m) - m m' / n,
    so the degrees of freedom are (sum w_c C_cc)² / sum w_c w_d C_cd² = n² / that.
    """
    sizes: Array = np.bincount(groups).astype(np.float64)
    n = float(sizes.sum())
    if len(sizes) == 1:
        return math.nan, math.nan
    residuals = cluster_sums(values - values.mean(), groups)
    weights = n / (n - sizes)
    weighted = (weights * sizes) ** 2
    spread = weighted.sum() - 2 * (weighted * sizes).sum() / n + ((weights * sizes**2).sum() / n) ** 2
    return math.sqrt(float((weights * residuals**2).sum())) / n, float(n**2 / spread)
