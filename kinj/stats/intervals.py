"""How sure a number is. Each interval says in words what it covers.

Sources: Wilson (1927) for proportions, also in Brown, Cai and DasGupta (2001, Statistical Science 16, eq. 4); the
linearised variance of a ratio in Cochran (1977, Sampling Techniques, ch. 6 and 9A), for clusters of questions also in
Miller (2024, arXiv 2411.00640, section 2.2); effective sample size in Kish (1965) and Korn and Graubard (1998); the
smallest detectable effect in Bloom (1995, Evaluation Review 19).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A value with its interval.

    Attributes:
        value: the estimate.
        low, high: ends of the interval; None where nothing can be said (a single cluster).
        n: number of values behind it.
        clusters: number of independent units behind it (equals `n` where items are independent).
        covers: in words, what the interval generalises over.
        error: standard error of the value; None where nothing can be said.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    clusters: int
    covers: str
    error: float | None = None


def mean_interval(
    values: Sequence[float], clusters: Sequence[str] | None = None, level: float = 0.95, unit: str = "questions"
) -> Interval:
    """The mean of some values and its interval.

    Without clusters, or with one item in each: Wilson's interval for values that are all 0 or 1, a t-interval otherwise.
    With clusters (several questions about one document): the mean is a ratio, sum over clusters of y_c by that of m_c, with
    residuals r_c = y_c - mean · m_c and standard error sqrt(G / (G - 1) · sum r_c²) / sum m_c for G clusters; the interval is
    t with G - 1 degrees of freedom. Where values are 0 or 1 and that interval would leave [0, 1] or has no width, Wilson's
    is used with the effective number of items p (1 - p) / error², at most G: so near the edges a document counts as one item
    at most, since the residuals of a few hits say little about their spread. Simulated coverage of 95% intervals is 0.91 to
    0.95 away from the edges (15 to 256 documents) and 0.97 to 0.99 close to them.

    Args:
        values: one number per item, at least one.
        clusters: the unit each item belongs to.
        level: of confidence.
        unit: what items are called in `covers`.

    Raises:
        ValueError: there are no values, one is not finite, or `clusters` has another length.
    """
    y = _array(values)
    groups = _groups(clusters, len(y))
    count = len(y) if groups is None else int(groups.max()) + 1
    binary = bool(np.isin(y, (0.0, 1.0)).all())
    mean, n = float(y.mean()), len(y)
    if groups is None or count == n:
        covers = f"other {unit} like these {n:,}"
        if binary:
            return _wilson(mean, n, float(stats.norm.ppf((1 + level) / 2)), Interval(mean, None, None, n, n, covers))
        return _t(mean, _error(y - mean, n), Interval(mean, None, None, n, n, covers), level)
    result = Interval(
        mean, None, None, n, count, f"other documents like these {count:,} ({n:,} {unit}, clustered by document)"
    )
    if count == 1:
        return result
    sums: Array = np.bincount(groups, weights=y - mean, minlength=count).astype(np.float64)
    error = _error(sums, n)
    interval = _t(mean, error, result, level)
    assert interval.low is not None
    assert interval.high is not None
    if binary and (error == 0 or interval.low < 0 or interval.high > 1):
        effective = min(count, mean * (1 - mean) / error**2) if error else count
        quantile = float(stats.t.ppf((1 + level) / 2, count - 1))
        return replace(_wilson(mean, effective, quantile, result), error=error)
    return interval


def paired_difference(
    a: Sequence[float], b: Sequence[float], clusters: Sequence[str] | None = None, level: float = 0.95
) -> Interval:
    """Mean of a - b over the same items, with the interval of `mean_interval` on the differences.

    Where no item differs between two rows of 0 and 1, the standard error would be 0; then the interval is ± the upper end
    of Wilson's interval for the share of items that differ.

    Raises:
        ValueError: the rows differ in length, are empty or hold a number that is not finite.
    """
    if len(a) != len(b):
        raise ValueError(f"paired rows must have the same length, got {len(a)} and {len(b)}")
    left, right = _array(a), _array(b)
    difference = left - right
    if not difference.any() and np.isin(left, (0.0, 1.0)).all():
        share = mean_interval(difference.tolist(), clusters, level)
        return replace(share, low=None if share.high is None else -share.high)
    # Shifted by a constant, so that differences which happen to be all 0 and 1 are not taken for a proportion.
    moved = mean_interval((difference + 2).tolist(), clusters, level)
    low, high = (None if end is None else end - 2 for end in (moved.low, moved.high))
    return replace(moved, value=float(difference.mean()), low=low, high=high)


def t_interval(values: Sequence[float], level: float = 0.95, unit: str = "seeds") -> Interval:
    """Mean over a few independent runs, t with n - 1 degrees of freedom; for paired comparisons pass the differences.

    Raises:
        ValueError: there are no values or one is not finite.
    """
    y = _array(values)
    mean, n = float(y.mean()), len(y)
    return _t(mean, _error(y - mean, n), Interval(mean, None, None, n, n, f"other {unit} ({n})"), level)


def perplexity_interval(
    losses: Sequence[float], clusters: Sequence[str] | None = None, level: float = 0.95
) -> Interval:
    """exp of the mean loss (natural log) per token and of the ends of its interval.

    Args:
        losses: one per token (or the mean of its passage, repeated for each of the passage's tokens).
        clusters: the passage of each token: tokens of one passage are not independent.
        level: of confidence.

    Raises:
        ValueError: there are no losses or one is not finite.
    """
    inner = mean_interval(
        (_array(losses) + 2).tolist(), clusters, level, "tokens"
    )  # never all 0 and 1, so never a proportion
    low, high = (None if end is None else math.exp(end - 2) for end in (inner.low, inner.high))
    value = math.exp(inner.value - 2)
    error = None if inner.error is None else inner.error * value  # delta method
    return replace(
        inner, value=value, low=low, high=high, error=error, covers=inner.covers.replace("document", "passage")
    )


def smallest_detectable(standard_error: float, dof: float, power: float = 0.8, alpha: float = 0.05) -> float:
    """Smallest true effect that a two-sided test would have found: (t[1 - alpha/2] + t[power]) · standard error (Bloom 1995).

    Args:
        standard_error: of the estimated effect, 0 or more.
        dof: degrees of freedom, above 0; `math.inf` for the normal distribution.
        power: chance of finding it.
        alpha: level of the test.
    """
    return float((stats.t.ppf(1 - alpha / 2, dof) + stats.t.ppf(power, dof)) * standard_error)


def _array(values: Sequence[float]) -> Array:
    y = np.asarray(values, dtype=np.float64)
    if not len(y):
        raise ValueError("there are no values")
    if not np.isfinite(y).all():
        raise ValueError("a value is not a finite number")
    return y


def _groups(clusters: Sequence[str] | None, n: int) -> NDArray[np.int64] | None:
    """A number from 0 for each item: its cluster."""
    if clusters is None:
        return None
    if len(clusters) != n:
        raise ValueError(f"{n} values need {n} clusters, got {len(clusters)}")
    numbers: dict[str, int] = {}
    return np.asarray([numbers.setdefault(cluster, len(numbers)) for cluster in clusters], dtype=np.int64)


def _error(residuals: Array, n: int) -> float:
    """Standard error of a mean over n items from the sums of residuals of its independent units; nan for a single unit."""
    units = len(residuals)
    return math.sqrt(units / (units - 1) * float((residuals**2).sum())) / n if units > 1 else math.nan


def _t(mean: float, error: float, result: Interval, level: float) -> Interval:
    if math.isnan(error):
        return result
    half = float(stats.t.ppf((1 + level) / 2, result.clusters - 1)) * error
    return replace(result, low=mean - half, high=mean + half, error=error)


def _wilson(p: float, n: float, quantile: float, result: Interval) -> Interval:
    z2 = quantile**2 / n
    centre, half = (p + z2 / 2) / (1 + z2), math.sqrt(p * (1 - p) * z2 + z2**2 / 4) / (1 + z2)
    # At p = 0 and p = 1 one end is p itself; rounding must not move it past.
    low, high = min(p, max(0.0, centre - half)), max(p, min(1.0, centre + half))
    return replace(result, low=low, high=high, error=math.sqrt(p * (1 - p) / n))
