"""Figures about two numbers per item, such as a confidence and whether the answer was right, and how sure they are.

Sources: calibration error with bins of equal mass from Nguyen and O'Connor (2015, EMNLP) and Roelofs et al. (2022, arXiv
2012.08668); average precision as in scikit-learn; rank correlation from Spearman (1904); resampling of whole clusters
from Davison and Hinkley (1997, Bootstrap Methods and their Application, section 3.8).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from kinj.stats.intervals import NO_SPREAD, Interval

Array = NDArray[np.float64]
Statistic = Callable[[Array, Array], float]
BINS = 10
"""Bins of a calibration error."""
DRAWS = 500
"""Resamples behind an interval."""
MANY = 30
"""Documents from which on the interval of a calibration error is wide enough (simulated: docs/probes/calibration.md)."""
FEWEST = 10
"""Right answers, and wrong ones, that a figure about being right should have: resamples of fewer say too little about its error."""


def calibration_error(confidence: Array, correct: Array) -> float:
    """Expected calibration error: |mean confidence - share correct| in bins of equal mass, weighted by their items.

    Items of equal confidence count as equally correct, so that the order of the items changes nothing. With few items it
    is above 0 also for a perfectly calibrated model; see `calibration_floor`.
    """
    order = np.argsort(confidence, kind="stable")
    level, group = np.unique(confidence[order], return_inverse=True)
    shared = np.bincount(group, weights=correct[order], minlength=len(level)) / np.bincount(group)
    gaps = confidence[order] - shared[group]
    return float(sum(abs(part.sum()) for part in np.array_split(gaps, min(BINS, len(gaps)))) / len(gaps))


def calibration_floor(confidence: Array, draws: int = 200, seed: int = 0) -> float:
    """The calibration error to be expected of a model whose every answer is right with just the probability it gives."""
    rng = np.random.default_rng(seed)
    right = [(rng.random(len(confidence)) < confidence).astype(np.float64) for _ in range(draws)]
    return float(np.mean([calibration_error(confidence, correct) for correct in right]))


def average_precision(score: Array, hit: Array) -> float:
    """Precision averaged over the hits, ranked by falling score; equal scores are one step. nan without a hit."""
    if not hit.any():
        return math.nan
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    found = np.cumsum(hit[order])[ends]
    return float((np.diff(found, prepend=0) * found / (ends + 1)).sum() / found[-1])


def rank_correlation(x: Array, y: Array) -> float:
    """Spearman's: the correlation of the ranks, equal values sharing theirs. nan where one side is constant."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan
    return float(np.corrcoef(stats.rankdata(x), stats.rankdata(y))[0, 1])


def slope(x: Array, y: Array) -> float:
    """Least-squares rise of y for one unit of x. nan where x is constant."""
    around = x - x.mean()
    spread = float((around**2).sum())
    return float((around * y).sum()) / spread if spread > 0 else math.nan


def enough(outcomes: Sequence[float]) -> bool:
    """Whether `FEWEST` items or more came out above, and as many below, the middle of 0 and 1."""
    right = sum(outcome > 0.5 for outcome in outcomes)
    return min(right, len(outcomes) - right) >= FEWEST


STATISTICS: dict[str, tuple[Statistic, float, float]] = {
    "calibration_error": (calibration_error, 0.0, 1.0),
    "average_precision": (average_precision, 0.0, 1.0),
    "rank_correlation": (rank_correlation, -1.0, 1.0),
    "slope": (slope, -math.inf, math.inf),
}
"""By name: the figure, and its smallest and largest value."""


def pairs_interval(
    name: str, x: Sequence[float], y: Sequence[float], clusters: Sequence[str] | None = None, level: float = 0.95
) -> Interval:
    """A figure of `STATISTICS` and its interval: ± t with (clusters - 1) degrees of freedom times the bootstrap's standard error.

    Whole clusters are drawn, `DRAWS` times, always by the same seed; draws in which the figure is undefined are left out. There is
    no interval of a single cluster, nor of a figure that is the same in every draw.

    Args:
        name: a key of `STATISTICS`.
        x, y: two numbers for each item.
        clusters: the document of each item.
        level: of confidence.

    Raises:
        ValueError: lengths differ, a value is not finite, or the figure is undefined for these items.
    """
    statistic, least, most = STATISTICS[name]
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if len(first) != len(second) or not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("both rows must have the same length and hold finite numbers only")
    value = statistic(first, second)
    if math.isnan(value):
        raise ValueError(f"{name} is undefined: a row is constant, or nothing is right")
    members = _members(clusters, len(first))
    covers = f"other documents like these {len(members):,} ({len(first):,} questions; whole documents resampled)"
    error = _bootstrap_error(statistic, first, second, members)
    if error is None:
        return Interval(value, None, None, len(first), len(members), covers)
    if error < NO_SPREAD:  # such as confidence 0 in wrong answers: that no other would differ does not follow
        alike = "none: it is the same in every resample"
        return Interval(value, None, None, len(first), len(members), covers, method=alike)
    half = float(stats.t.ppf((1 + level) / 2, len(members) - 1)) * error
    low, high = max(least, value - half), min(most, value + half)
    dof = float(len(members) - 1)
    method = "t over resampled documents"
    if name == "calibration_error" and len(members) < MANY:
        method += f" (too narrow: fewer than {MANY})"
    return Interval(value, low, high, len(first), len(members), covers, error, dof, method)


def _members(clusters: Sequence[str] | None, n: int) -> list[NDArray[np.int64]]:
    """The positions of each cluster's items."""
    if clusters is None:
        return list(np.arange(n).reshape(n, 1))
    found: dict[str, list[int]] = {}
    for position, cluster in enumerate(clusters):
        found.setdefault(cluster, []).append(position)
    return [np.asarray(positions) for positions in found.values()]


def _bootstrap_error(statistic: Statistic, x: Array, y: Array, members: list[NDArray[np.int64]]) -> float | None:
    """Standard deviation over resamples, widened as a variance of G units is; None where there is nothing to resample."""
    count = len(members)
    if count < 2:
        return None
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(DRAWS):
        picked = np.concatenate([members[number] for number in rng.integers(0, count, count)])
        drawn.append(statistic(x[picked], y[picked]))
    defined = [one for one in drawn if not math.isnan(one)]
    if len(defined) < DRAWS / 2:
        return None
    return float(np.std(defined)) * math.sqrt(count / (count - 1))
