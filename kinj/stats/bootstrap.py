"""Resampling whole replicates: the error of any figure that is computed from several seeds.

A resample takes as many seeds as there are, with replacement, each with everything that was run on it: trials that share a
seed (and so the people) stay together. With n seeds the plain bootstrap error is too small by sqrt((n - 1) / n), and normal
quantiles are too narrow; so the error is widened by that factor and the ends take Student's t with n - 1 degrees of freedom, which
makes the interval of a mean over seeds the usual t-interval (Hesterberg 2015, The American Statistician 69, sections 3.3, 4.2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from kinj.data.rng import stable_rng

DRAWS = 300


def resamples(units: Sequence[int], draws: int = DRAWS) -> list[tuple[int, ...]]:
    """Draws of as many units as there are, each in ascending order; the same for the same units, in whatever order.

    Raises:
        ValueError: fewer than two units, which say nothing about others.
    """
    known = sorted(set(units))
    if len(known) < 2:
        raise ValueError("one unit says nothing about others")
    rng = stable_rng(len(known), "bootstrap over seeds")
    return [tuple(sorted(rng.choices(known, k=len(known)))) for _ in range(draws)]


def bootstrap_ends(value: float, drawn: Sequence[float], units: int, level: float = 0.95) -> tuple[float, float]:
    """The ends of the interval of `value`, from the same figure in the resamples.

    Args:
        value: the figure in the data.
        drawn: the figure in each resample.
        units: number of units that were resampled.
        level: of confidence.

    Raises:
        ValueError: fewer than two draws or units.
    """
    if len(drawn) < 2 or units < 2:
        raise ValueError("an interval needs two resamples of two units")
    error = float(np.std(np.asarray(drawn))) * math.sqrt(units / (units - 1))
    half = float(stats.t.ppf((1 + level) / 2, units - 1)) * error
    return value - half, value + half
