"""Intervals: agreement with scipy and with formulas written another way, coverage in simulations, behaviour at the edges."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from kinj.stats import mean_interval, perplexity_interval, t_interval

bits = st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=60)
numbers = st.floats(-1e3, 1e3, allow_nan=False)


@given(bits)
def test_a_proportion_has_wilsons_interval(values):
    mine = mean_interval(values)
    theirs = stats.binomtest(int(sum(values)), len(values)).proportion_ci(method="wilson")
    assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert 0 <= mine.low <= mine.value <= mine.high <= 1


outside = st.lists(numbers, min_size=2, max_size=30).filter(
    lambda v: np.std(v) > 1e-3 and not 0 <= min(v) <= max(v) <= 1
)


@given(outside)
def test_values_that_are_no_scores_have_scipys_t_interval(values):
    low, high = stats.t.interval(0.9, len(values) - 1, np.mean(values), stats.sem(values))
    for mine in (mean_interval(values, level=0.9), t_interval(values, 0.9)):
        assert (mine.low, mine.high) == pytest.approx((low, high))
        assert mine.error == pytest.approx(stats.sem(values))
        assert mine.dof == pytest.approx(len(values) - 1)


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=30).filter(lambda v: np.std(v) > 1e-3 and not set(v) <= {0.0, 1.0})
)
def test_scores_have_a_t_interval_on_the_logit_scale(values):
    mine, mean = mean_interval(values), np.mean(values)
    low, high = stats.t.interval(0.95, len(values) - 1, special.logit(mean), stats.sem(values) / (mean * (1 - mean)))
    assert (mine.low, mine.high) == pytest.approx((special.expit(low), special.expit(high)))
    assert 0 <= mine.low < mine.value < mine.high <= 1


@given(bits.filter(lambda values: len(values) > 1))
def test_clusters_of_one_item_change_nothing(values):
    assert mean_interval(values, [str(i) for i in range(len(values))]) == mean_interval(values)


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from("abcd")), min_size=2, max_size=40))
def test_a_clustered_proportion_stays_between_0_and_1(rows):
    interval = mean_interval([v for v, _ in rows], [c for _, c in rows])
    if interval.low is not None:
        assert 0 <= interval.low <= interval.value <= interval.high <= 1
        assert interval.high > interval.low


@given(st.permutations(range(12)))
def test_the_order_of_items_does_not_matter(order):
    values, clusters = [0.0, 1.0, 1.0, 0.0, 1.0, 1.0] * 2, list("aabbccddeeff")
    straight, mixed = (
        mean_interval(values, clusters),
        mean_interval([values[i] for i in order], [clusters[i] for i in order]),
    )
    assert (mixed.low, mixed.high) == pytest.approx((straight.low, straight.high))


def test_perplexity_is_the_exponential_of_the_mean_loss():
    losses, passages = [1.0, 2.0, 4.0, 1.0, 0.0], ["a", "a", "b", "b", "c"]
    result = perplexity_interval(losses, passages)
    inner = mean_interval(losses, passages)
    assert result.value == pytest.approx(math.exp(8 / 5))
    assert (result.low, result.high) == pytest.approx((math.exp(inner.low), math.exp(inner.high)))
    assert result.error == pytest.approx(result.value * inner.error)
    assert "passages" in result.covers
    assert perplexity_interval([0.0, 1.0, 1.0]).high > math.e  # not taken for a proportion


def test_one_value_has_no_interval_unless_it_is_a_proportion():
    assert (t_interval([0.3]).low, mean_interval([0.3]).high) == (None, None)
    assert mean_interval([1.0]).low > 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: mean_interval([]),
        lambda: mean_interval([1, math.nan]),
        lambda: mean_interval([1, 0], ["a"]),
    ],
)
def test_what_is_not_a_sample_is_refused(call):
    with pytest.raises(ValueError):
        call()


def test_what_an_interval_covers_is_said():
    assert mean_interval([1.0, 0.0]).covers == "other questions like these 2"
    assert "these 2 (3 questions, clustered by document)" in mean_interval([1.0, 0, 1], ["a", "a", "b"]).covers
    assert t_interval([1.0, 2.0]).covers == "other seeds (2)"


def test_the_method_follows_from_the_data_and_is_named():
    documents = ["a", "a", "b", "b"]
    assert mean_interval([1.0, 0.0, 1.0]).method == "Wilson"
    assert mean_interval([0.5, 0.0, 1.0]).method == "t on the logit scale"
    clustered = "over documents (CR2, Satterthwaite)"
    assert mean_interval([1.0, 0, 1, 1], documents).method == f"t on the logit scale {clustered}"
    assert mean_interval([1.0, 1, 1, 1], documents).method == "Wilson, each document counted once: they all agree"
    assert mean_interval([1.0, 5, 1, 1], documents).method == f"t {clustered}"
    assert mean_interval([1.0, 1], ["a", "a"]).method.startswith("none")
    assert perplexity_interval([1.0, 5, 1, 1], documents).method.startswith("exp of t over passages")
