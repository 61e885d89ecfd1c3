"""Intervals and paired comparisons. No model, no files."""

from kinj.stats.intervals import (
    Interval,
    mean_interval,
    paired_difference,
    perplexity_interval,
    smallest_detectable,
    t_interval,
)
from kinj.stats.pairs import STATISTICS, enough, pairs_interval

__all__ = [
    "STATISTICS",
    "Interval",
    "enough",
    "mean_interval",
    "paired_difference",
    "pairs_interval",
    "perplexity_interval",
    "smallest_detectable",
    "t_interval",
]
