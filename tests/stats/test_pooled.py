"""Runs and documents crossed: the two limits it must meet, a hand-made variance, and what cannot be pooled."""

import numpy as np
import pytest
from scipy import stats

from kinj.stats import difference_interval, mean_interval, pooled_interval, t_interval


def test_equal_runs_leave_the_uncertainty_of_documents():
    run, documents = [0.2, 3.0, 2.5, 0.0, 4.0, 1.0], list("aabbcc")
    pooled, alone = pooled_interval([run, run, run], documents), mean_interval(run, documents)
    assert (pooled.error, pooled.dof) == pytest.approx((alone.error, alone.dof))
    assert (pooled.low, pooled.high) == pytest.approx((alone.low, alone.high))


def test_equal_documents_leave_the_uncertainty_of_runs():
    values = [2.0, 2.5, 4.0]
    pooled, alone = pooled_interval([[value] * 8 for value in values]), t_interval(values)
    assert (pooled.low, pooled.high) == pytest.approx((alone.low, alone.high))


def test_variance_of_a_balanced_table_is_that_of_a_two_way_analysis():
    rng = np.random.default_rng(2)
    table = rng.normal(5, 1, (4, 9)) + rng.normal(0, 2, (4, 1)) + rng.normal(0, 2, (1, 9))
    of_runs, of_documents = table.mean(axis=1), table.mean(axis=0)
    rest = table - of_documents - of_runs[:, None] + table.mean()
    residual = (rest**2).sum() / (3 * 8) / 36
    expected = stats.sem(of_runs) ** 2 + stats.sem(of_documents) ** 2 - residual
    assert pooled_interval(list(table)).error == pytest.approx(expected**0.5)


def test_it_says_what_it_covers_and_stays_between_0_and_1():
    found = pooled_interval([[1.0, 1, 1, 0], [1, 1, 1, 1]], ["a", "a", "b", "b"])
    assert 0 < found.low < found.value < found.high < 1
    assert found.covers == "other training seeds (2) and other documents like these 2 (4 questions in each run)"
    assert found.method.endswith("runs and documents crossed")
    assert pooled_interval([[1.0, 0], [1, 1]], ["a", "a"]).low is None


def test_differences_are_no_shares_even_where_none_is_below_0():
    """On the scale of shares no interval reaches 0, so a single question gained would be a difference that is sure."""
    gained = np.zeros((3, 50))
    gained[0, 7] = 1
    found, swapped = (pooled_interval(list(sign * gained), differences=True) for sign in (1, -1))
    assert found.value == pytest.approx(1 / 150)
    assert found.low < 0 < found.value < found.high
    assert (swapped.low, swapped.high) == (pytest.approx(-found.high), pytest.approx(-found.low))
    assert found.method.endswith("runs and documents crossed, one pseudo-item each way")
    same = pooled_interval(list(0 * gained), differences=True)
    assert same.low == -same.high < 0
    scores = pooled_interval(list(0.5 * gained), differences=True)
    assert scores.low < 0 < scores.high


def test_equal_runs_of_differences_leave_the_uncertainty_of_documents():
    run, documents = [1.0, 0, 0, 1, -1, 0, 0, 1, 0], list("aabbccdde")
    pooled, alone = pooled_interval([run, run], documents, differences=True), difference_interval(run, documents)
    assert (pooled.low, pooled.high) == (pytest.approx(alone.low), pytest.approx(alone.high))


def test_rare_differences_are_seldom_taken_for_more_than_chance():
    rng = np.random.default_rng(0)
    draws = [rng.random((3, 50)) for _ in range(300)]
    found = [pooled_interval(list((u < 0.005) * 1.0 - (u > 0.995)), differences=True) for u in draws]
    assert sum(one.low > 0 or one.high < 0 for one in found) <= 0.05 * len(found)


def test_one_run_and_runs_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="one run"):
        pooled_interval([[1.0, 0.0]])
    with pytest.raises(ValueError):
        pooled_interval([[1.0, 0.0], [1.0]])
