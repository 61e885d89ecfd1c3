"""Errors of clustered items: the dense matrices of the formula, scipy on cluster means, numbers from statsmodels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg, stats

from kinj.stats import mean_interval
from kinj.stats.clusters import mean_error, numbered

rows = st.lists(st.tuples(st.floats(-100, 100), st.sampled_from("abcdef")), min_size=2, max_size=25)


def dense(values, groups):
    """CR2 and its degrees of freedom as in Bell and McCaffrey: (I - H)^(-1/2) by block, then traces of full matrices."""
    n, count = len(values), groups.max() + 1
    residual_maker = np.eye(n) - np.ones((n, n)) / n
    rows, variance = [], 0.0
    for cluster in range(count):
        mine = groups == cluster
        adjust = linalg.inv(linalg.sqrtm(residual_maker[np.ix_(mine, mine)]).real)
        variance += float((adjust.sum(axis=0) @ (residual_maker @ values)[mine]) ** 2) / n**2
        rows.append(adjust.sum(axis=0) @ residual_maker[mine] / n)
    matrix = np.array(rows)
    eigenvalues = linalg.eigvalsh(matrix @ matrix.T)
    return variance**0.5, eigenvalues.sum() ** 2 / (eigenvalues**2).sum()


@given(rows)
def test_error_and_degrees_of_freedom_are_those_of_the_full_matrices(rows):
    values, groups = np.array([v for v, _ in rows]), numbered([c for _, c in rows], len(rows))
    error, dof = mean_error(values, groups)
    if groups.max() == 0:
        assert np.isnan(error)
        assert np.isnan(dof)
        return
    expected = dense(values, groups)
    assert error == pytest.approx(expected[0], rel=1e-6, abs=1e-9)
    assert dof == pytest.approx(expected[1], rel=1e-6)


@given(st.lists(st.lists(st.floats(2, 100), min_size=3, max_size=3), min_size=2, max_size=8))
def test_with_documents_of_one_size_it_is_a_t_test_on_their_means(documents):
    values = [value for document in documents for value in document]
    clusters = [str(number) for number, document in enumerate(documents) for _ in document]
    means = np.mean(documents, axis=1)
    mine = mean_interval(values, clusters)
    error = np.std(means, ddof=1) / np.sqrt(len(means))
    assert mine.error == pytest.approx(error, abs=1e-9)
    assert mine.dof == pytest.approx(len(means) - 1)
    assert mine.high - mine.value == pytest.approx(stats.t.ppf(0.975, len(means) - 1) * error, abs=1e-7)


def test_numbers_of_statsmodels():
    """statsmodels 0.15.0: OLS on a constant, cov_type="cluster" (use_t), and HC2 without clusters."""
    values = [0.5, 2, 1, 3, 2.5, 7, 1, 0, 4, 2.5]
    clustered = mean_interval(values, list("aabbccddee"))
    assert clustered.error == pytest.approx(0.7524958471646204)
    assert (clustered.low, clustered.high) == pytest.approx((0.26073659, 4.43926341))
    assert mean_interval(values).error == pytest.approx(0.6457123542603505)


def test_unequal_documents_have_fewer_degrees_of_freedom():
    groups = numbered(["big"] * 20 + list("abcdefgh"), 28)
    assert mean_error(np.arange(28.0), groups)[1] < 2
