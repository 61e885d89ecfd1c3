"""Least squares for laws. No model, no files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def least_squares(columns: Sequence[Sequence[float]], y: Sequence[float]) -> list[float]:
    """The level and the slope of each column that come nearest to y: y = level + slope_1 · column_1 + …

    Raises:
        ValueError: the columns do not determine them: too few values, or one column follows from the others.
    """
    design = np.column_stack([np.ones(len(y)), *(np.asarray(column, dtype=np.float64) for column in columns)])
    # Centred and scaled columns: whether they determine a slope must not depend on their unit or on where their zero is.
    spread = design[:, 1:].std(axis=0)
    if len(y) < design.shape[1] or (spread <= 1e-9 * np.abs(design[:, 1:]).max(axis=0)).any():
        raise ValueError("too few different values for a slope")
    centre = design[:, 1:].mean(axis=0)
    scaled = np.column_stack([design[:, :1], (design[:, 1:] - centre) / spread])
    solved, _, rank, _ = np.linalg.lstsq(scaled, np.asarray(y, dtype=np.float64), rcond=1e-6)
    if rank < design.shape[1]:
        raise ValueError("one of the columns follows from the others")
    slopes = solved[1:] / spread
    return [float(solved[0] - centre @ slopes), *map(float, slopes)]
