"""Intervals and paired comparisons. No model, no files."""

from kinj.stats.agreement import Confusion, confusion
from kinj.stats.bootstrap import bootstrap_ends, resamples
from kinj.stats.fits import least_squares
from kinj.stats.intervals import Interval, mean_interval, perplexity_interval, plain_mean, t_interval, token_interval
from kinj.stats.paired import (
    McNemar,
    SignFlip,
    difference_interval,
    mcnemar,
    paired_difference,
    sign_flip,
    smallest_detectable,
)
from kinj.stats.pairs import STATISTICS, enough, pairs_interval
from kinj.stats.pooled import pooled_interval

__all__ = [
    "STATISTICS",
    "Confusion",
    "Interval",
    "McNemar",
    "SignFlip",
    "bootstrap_ends",
    "confusion",
    "difference_interval",
    "enough",
    "least_squares",
    "mcnemar",
    "mean_interval",
    "paired_difference",
    "pairs_interval",
    "perplexity_interval",
    "plain_mean",
    "pooled_interval",
    "resamples",
    "sign_flip",
    "smallest_detectable",
    "t_interval",
    "token_interval",
]
