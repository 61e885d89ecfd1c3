"""Resampling of seeds, and least squares."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinj.stats import bootstrap_ends, least_squares, resamples, t_interval

NUMBERS = st.floats(-1e3, 1e3).map(lambda value: round(value, 3))


@given(values=st.lists(NUMBERS, min_size=3, max_size=6))
def test_of_a_mean_it_is_nearly_the_t_interval(values: list[float]) -> None:
    drawn = [statistics.fmean(values[unit] for unit in chosen) for chosen in resamples(range(len(values)), 4000)]
    low, high = bootstrap_ends(statistics.fmean(values), drawn, len(values))
    usual = t_interval(values)
    assert usual.low is not None
    assert usual.high is not None
    half = (usual.high - usual.low) / 2
    assert (high - low) / 2 == pytest.approx(half, rel=0.08, abs=1e-6)


def test_resamples_hold_whole_units_and_do_not_depend_on_their_order() -> None:
    drawn = resamples([7, 3, 5, 3])
    assert drawn == resamples([3, 5, 7])
    assert all(len(chosen) == 3 and set(chosen) <= {3, 5, 7} for chosen in drawn)
    assert len(set(drawn)) == 10


def test_one_unit_says_nothing() -> None:
    with pytest.raises(ValueError, match="one unit"):
        resamples([4, 4])
    with pytest.raises(ValueError, match="two resamples"):
        bootstrap_ends(1.0, [1.0], 3)


@given(
    columns=st.lists(st.lists(NUMBERS, min_size=6, max_size=6), min_size=1, max_size=2),
    y=st.lists(NUMBERS, min_size=6, max_size=6),
    weights=st.lists(st.integers(1, 5), min_size=6, max_size=6),
)
def test_weights_are_repetitions(columns: list[list[float]], y: list[float], weights: list[int]) -> None:
    def repeated(values: list[float]) -> list[float]:
        return [value for value, times in zip(values, weights, strict=True) for _ in range(times)]

    try:
        found = least_squares(columns, y, weights)
    except ValueError:
        return
    if np.linalg.cond(np.column_stack([np.ones(6), *columns])) < 1e4:
        assert found == pytest.approx(
            least_squares([repeated(one) for one in columns], repeated(y)), rel=1e-4, abs=1e-4
        )


@given(slope=NUMBERS, level=NUMBERS, unit=st.sampled_from([1e-6, 1.0, 1e9]))
def test_a_line_comes_back_in_any_unit(slope: float, level: float, unit: float) -> None:
    x = [unit * number for number in (1, 2, 4, 7)]
    found = least_squares([x], [level + slope * value / unit for value in x])
    assert found == pytest.approx([level, slope / unit], rel=1e-6, abs=1e-6 / min(1.0, unit))


@pytest.mark.parametrize("columns", [[[1, 1, 1]], [[1, 2, 3], [2, 4, 6]], [[5.0]]])
def test_what_determines_no_slope_is_refused(columns: list[list[float]]) -> None:
    with pytest.raises(ValueError, match=r"too few different values|follows from the others"):
        least_squares(columns, [1.0] * len(columns[0]))
