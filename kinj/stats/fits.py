"""Least squares for laws. No model, no files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def least_squares(
    columns: Sequence[Sequence[float]], y: Sequence[float], weights: Sequence[float] | None = None
) -> list[float]:
    """The level and the slope of each column that come nearest to y: y = level + slope_1 · column_1 + …

    Args:
        columns: one number for each y.
        y: the values.
        weights: of the squared errors, above 0; by default all alike.

    Raises:
        ValueError: the columns do not determine them: too few values, or one column follows from the others.
    """
    x = np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])
    root = np.sqrt(np.ones(len(y)) if weights is None else np.asarray(weights, dtype=np.float64))
    # Centred and scaled columns: whether they determine a slope must not depend on their unit or on where their zero is.
    centre, spread = x.mean(axis=0), x.std(axis=0)
    if len(y) <= x.shape[1] or (spread <= 1e-9 * np.abs(x).max(axis=0)).any():
        raise ValueError("too few different values for a slope")
    design = np.column_stack([np.ones(len(y)), (x - centre) / spread])
    solved, _, rank, _ = np.linalg.lstsq(design * root[:, None], np.asarray(y, dtype=np.float64) * root, rcond=1e-6)
    if rank < design.shape[1]:
        raise ValueError("one of the columns follows from the others")
    slopes = solved[1:] / spread
    return [float(solved[0] - centre @ slopes), *map(float, slopes)]
