"""Two models on the same items: the difference with its interval, tests, and what the comparison could have found.

Sources: pseudo-items for paired proportions from Agresti and Min (2005, Statistics in Medicine 24) and Bonett and Price (2012,
Journal of Educational and Behavioral Statistics 37); the sign-flip (randomisation) test from Fisher (1935) and, with clusters
flipped whole, Good (2005, Permutation, Parametric and Bootstrap Tests of Hypotheses, ch. 6); McNemar (1947) in its exact form;
the smallest detectable effect from Bloom (1995, Evaluation Review 19).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from kinj.stats.clusters import Array, cluster_sums, numbered
from kinj.stats.intervals import Interval, as_array, plain_mean

DRAWS = 9_999
"""Random flips where not all can be counted."""
COUNTED = 20_000
"""Largest sum of whole-numbered differences for which all flips are counted."""


def paired_difference(
    a: Sequence[float], b: Sequence[float], clusters: Sequence[str] | None = None, level: float = 0.95
) -> Interval:
    """Mean of a - b over the same items, with the t-interval of clustered items on the differences.

    Where the differences are all -1, 0 and 1 (rows of hits and misses), the ends are computed with two more documents of one item
    each, one for `a` and one for `b`: so rare differences are not taken for none, and no difference has a width.

    Raises:
        ValueError: the rows differ in length, are empty or hold a number that is not finite.
    """
    if len(a) != len(b):
        raise ValueError(f"paired rows must have the same length, got {len(a)} and {len(b)}")
    return difference_interval((as_array(a) - as_array(b)).tolist(), clusters, level)


def difference_interval(
    differences: Sequence[float], clusters: Sequence[str] | None = None, level: float = 0.95
) -> Interval:
    """As `paired_difference`, from the differences themselves."""
    y = as_array(differences)
    plain = plain_mean(y, clusters, level)
    if plain.low is None:
        return plain
    if not np.isin(y, (-1.0, 0.0, 1.0)).all():
        return replace(plain, method=plain.method.replace("t", "paired t", 1))
    groups = numbered(clusters, len(y))
    more = [f"document {group}" for group in groups] + ["one for a", "one for b"]
    wide = plain_mean(np.append(y, (1.0, -1.0)), more, level)
    method = plain.method.replace("t", "paired t", 1) + ", one pseudo-item each way"
    return replace(plain, low=wide.low, high=wide.high, error=wide.error, dof=wide.dof, method=method)


@dataclass(frozen=True)
class SignFlip:
    """Sign-flip test of no difference: `p` (two-sided), the `documents` with a difference, whether all flips were counted."""

    p: float
    documents: int
    exact: bool


def sign_flip(differences: Sequence[float], clusters: Sequence[str] | None = None, seed: int = 0) -> SignFlip:
    """How often flipping the signs of whole documents at random gives a mean difference as far from 0 as the one found.

    Valid for any number of documents and any dependence within them, if without a true difference either model could have been
    either. Documents without a difference change nothing. All flips are counted where the sums per document are whole numbers,
    else `DRAWS` random ones are (the one found counts as one more; Phipson and Smyth 2010).

    Raises:
        ValueError: there are no differences, or `clusters` has another length.
    """
    y = as_array(differences)
    sums = np.abs(cluster_sums(y, numbered(clusters, len(y))))
    found = abs(float(y.sum()))
    sums = sums[sums > 0]
    if not len(sums):
        return SignFlip(1.0, 0, True)
    if (sums == np.round(sums)).all() and sums.sum() <= COUNTED:
        return SignFlip(_counted(sums, found), len(sums), True)
    return SignFlip(_drawn(sums, found, seed), len(sums), False)


def _counted(sums: Array, found: float) -> float:
    """Exact: documents with the same sum d give d · (2 · Binomial - count); the distributions are convolved."""
    weights = np.ones(1)
    for size, count in zip(*np.unique(sums.astype(int), return_counts=True), strict=True):
        steps = np.zeros(2 * size * count + 1)
        steps[:: 2 * size] = stats.binom.pmf(np.arange(count + 1), count, 0.5)
        weights = np.convolve(weights, steps)
    places = np.arange(len(weights)) - len(weights) // 2
    return min(1.0, float(weights[np.abs(places) >= found].sum()))


def _drawn(sums: Array, found: float, seed: int) -> float:
    rng = np.random.default_rng(seed)
    block = max(1, 2_000_000 // len(sums))
    hits = 0
    for start in range(0, DRAWS, block):
        signs = rng.integers(0, 2, (min(block, DRAWS - start), len(sums)), dtype=np.int8) * 2 - 1
        hits += int((np.abs(signs @ sums) >= found * (1 - 1e-12)).sum())
    return (hits + 1) / (DRAWS + 1)


@dataclass(frozen=True)
class McNemar:
    """Exact McNemar test: items only the first (`gained`) or only the second (`lost`) model has right, and `p` (two-sided).

    It takes items for independent; questions about one document are not.
    """

    gained: int
    lost: int
    p: float


def mcnemar(differences: Sequence[float]) -> McNemar:
    """McNemar's test from the differences -1, 0 and 1 of two rows of hits and misses."""
    y = as_array(differences)
    gained, lost = int((y > 0).sum()), int((y < 0).sum())
    changed = gained + lost
    return McNemar(gained, lost, float(stats.binomtest(gained, changed).pvalue) if changed else 1.0)


def smallest_detectable(standard_error: float, dof: float, power: float = 0.8, alpha: float = 0.05) -> float:
    """Smallest true effect that a two-sided test would have found: (t[1 - alpha/2] + t[power]) · standard error (Bloom 1995).

    Args:
        standard_error: of the estimated effect, 0 or more.
        dof: degrees of freedom, above 0; `math.inf` for the normal distribution.
        power: chance of finding it.
        alpha: level of the test.
    """
    if math.isinf(dof):
        return float((stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power)) * standard_error)
    return float((stats.t.ppf(1 - alpha / 2, dof) + stats.t.ppf(power, dof)) * standard_error)
