"""Intervals and paired comparisons. No model, no files."""

from kinj.stats.intervals import (
    Interval,
    mean_interval,
    paired_difference,
    perplexity_interval,
    smallest_detectable,
    t_interval,
)

__all__ = ["Interval", "mean_interval", "paired_difference", "perplexity_interval", "smallest_detectable", "t_interval"]
