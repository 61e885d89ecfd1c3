"""How sure a number is. The method follows from the data; each interval names it and says in words what it covers.

Sources: Wilson (1927) for proportions, also in Brown, Cai and DasGupta (2001, Statistical Science 16, eq. 4); the error of
clustered items in `kinj.stats.clusters`; the logit scale for shares in Korn and Graubard (1999, Analysis of Health Surveys,
section 2.6) and Dean and Pagano (2015, Journal of Survey Statistics and Methodology 3); clusters of questions in Miller (2024,
arXiv 2411.00640). bench/coverage.py simulates how often each covers the truth (docs/statistics.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special, stats

from kinj.stats.clusters import Array, mean_error, numbered

NO_SPREAD = 1e-9
"""Standard errors below this are rounding: the data show no spread."""


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
        dof: degrees of freedom of that error.
        method: how the interval was made.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    clusters: int
    covers: str
    error: float | None = None
    dof: float | None = None
    method: str = "none: a single unit says nothing about others"


def mean_interval(
    values: Sequence[float], clusters: Sequence[str] | None = None, level: float = 0.95, unit: str = "questions"
) -> Interval:
    """The mean of some values and its interval.

    Scores (all values in [0, 1]) that are 0 or 1 and independent: Wilson. Other scores: t on the logit scale, so that the ends
    stay inside (0, 1) and are as lopsided as they should be near its edges; where all documents agree, Wilson with one
    item per document. Other values: t.

    Args:
        values: one number per item, at least one.
        clusters: the document each item belongs to; the error is then that of clustered items.
        level: of confidence.
        unit: what items are called in `covers`.

    Raises:
        ValueError: there are no values, one is not finite, or `clusters` has another length.
    """
    y = as_array(values)
    return with_ends(_without_ends(y, clusters, unit), y, level)


def plain_mean(
    values: Sequence[float] | Array, clusters: Sequence[str] | None = None, level: float = 0.95, unit: str = "questions"
) -> Interval:
    """The mean and its t-interval, whatever the range of the values; arguments and errors as in `mean_interval`."""
    result = _without_ends(as_array(values), clusters, unit)
    return result if result.dof is None else t_ends(result, _quantile(level, result.dof))


def with_ends(result: Interval, y: Array, level: float, quantile: float | None = None) -> Interval:
    """An estimate with its error, completed by the ends that suit the values `y` behind it.

    Args:
        quantile: how many errors wide a t-interval is on each side; by default that of t at the degrees of freedom.
    """
    if result.clusters == result.n and np.isin(y, (0.0, 1.0)).all():
        low, high = _wilson(result.value, result.n, float(stats.norm.ppf((1 + level) / 2)))
        error = math.sqrt(result.value * (1 - result.value) / result.n)
        return replace(result, low=low, high=high, error=error, dof=math.inf, method="Wilson")
    if result.dof is None:
        return result
    quantile = _quantile(level, result.dof) if quantile is None else quantile
    return t_ends(result, quantile) if y.min() < 0 or y.max() > 1 else _logit_ends(result, level, quantile)


def _quantile(level: float, dof: float) -> float:
    return float(stats.t.ppf((1 + level) / 2, dof))


def t_ends(result: Interval, quantile: float) -> Interval:
    """An estimate with its error, completed by ends so many errors away on each side."""
    assert result.error is not None
    half = quantile * result.error
    return replace(result, low=result.value - half, high=result.value + half, method=f"t{_over(result)}")


def _logit_ends(result: Interval, level: float, quantile: float) -> Interval:
    assert result.error is not None
    p = result.value
    if result.error < NO_SPREAD:
        low, high = _wilson(p, result.clusters, _quantile(level, result.clusters - 1))
        return replace(result, low=low, high=high, method="Wilson, each document counted once: they all agree")
    half = quantile * result.error / (p * (1 - p))
    low, high = (float(special.expit(special.logit(p) + sign * half)) for sign in (-1, 1))
    return replace(result, low=low, high=high, method=f"t on the logit scale{_over(result)}")


def _without_ends(y: Array, clusters: Sequence[str] | None, unit: str) -> Interval:
    """The mean, its error and what it covers."""
    groups, n, mean = numbered(clusters, len(y)), len(y), float(y.mean())
    count = int(groups.max()) + 1
    covers = f"other {unit} like these {n:,}"
    if count < n:
        covers = f"other documents like these {count:,} ({n:,} {unit}, clustered by document)"
    error, dof = mean_error(y, groups)
    known = not math.isnan(error)
    return Interval(mean, None, None, n, count, covers, error if known else None, dof if known else None)


def _over(result: Interval) -> str:
    return "" if result.clusters == result.n else " over documents (CR2, Satterthwaite)"


def t_interval(values: Sequence[float], level: float = 0.95, unit: str = "seeds") -> Interval:
    """Mean over a few independent runs, t with n - 1 degrees of freedom; for paired comparisons pass the differences.

    Raises:
        ValueError: there are no values or one is not finite.
    """
    interval = plain_mean(values, level=level)
    return replace(interval, covers=f"other {unit} ({interval.n})")


def token_interval(losses: Sequence[float], clusters: Sequence[str] | None = None, level: float = 0.95) -> Interval:
    """The mean loss per token with its t-interval; arguments and errors as in `perplexity_interval`."""
    inner = plain_mean(losses, clusters, level, "tokens")
    covers, method = (text.replace("document", "passage") for text in (inner.covers, inner.method))
    return replace(inner, covers=covers, method=method)


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
    inner = token_interval(losses, clusters, level)
    low, high = (None if end is None else math.exp(end) for end in (inner.low, inner.high))
    value = math.exp(inner.value)
    error = None if inner.error is None else inner.error * value  # delta method
    method = inner.method if low is None else f"exp of {inner.method}"
    return replace(inner, value=value, low=low, high=high, error=error, method=method)


def as_array(values: Sequence[float] | Array) -> Array:
    """The values as an array.

    Raises:
        ValueError: there are none, or one is not finite.
    """
    y = np.asarray(values, dtype=np.float64)
    if not len(y):
        raise ValueError("there are no values")
    if not np.isfinite(y).all():
        raise ValueError("a value is not a finite number")
    return y


def _wilson(p: float, n: float, quantile: float) -> tuple[float, float]:
    z2 = quantile**2 / n
    centre, half = (p + z2 / 2) / (1 + z2), math.sqrt(p * (1 - p) * z2 + z2**2 / 4) / (1 + z2)
    # At p = 0 and p = 1 one end is p itself; rounding must not move it past.
    return min(p, max(0.0, centre - half)), max(p, min(1.0, centre + half))
