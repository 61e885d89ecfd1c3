"""Intervals: agreement with scipy and with formulas written another way, coverage in simulations, behaviour at the edges."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kinj.stats import mean_interval, paired_difference, perplexity_interval, smallest_detectable, t_interval

bits = st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=60)
numbers = st.floats(-1e3, 1e3, allow_nan=False)


@given(bits)
def test_a_proportion_has_wilsons_interval(values):
    mine = mean_interval(values)
    theirs = stats.binomtest(int(sum(values)), len(values)).proportion_ci(method="wilson")
    assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert 0 <= mine.low <= mine.value <= mine.high <= 1


@given(st.lists(numbers, min_size=2, max_size=30).filter(lambda v: np.std(v) > 1e-3 and not set(v) <= {0.0, 1.0}))
def test_other_values_have_scipys_t_interval(values):
    low, high = stats.t.interval(0.9, len(values) - 1, np.mean(values), stats.sem(values))
    for mine in (mean_interval(values, level=0.9), t_interval(values, 0.9)):
        assert (mine.low, mine.high) == pytest.approx((low, high))
        assert mine.error == pytest.approx(stats.sem(values))


@given(st.lists(st.tuples(numbers, st.sampled_from("abcdefg")), min_size=2, max_size=40))
def test_clustered_error_is_the_sandwich_of_a_regression_on_a_constant(rows):
    """CR1 without the factor (n - 1) / (n - 1): bread · meat · bread with X a column of ones."""
    values, clusters = [v for v, _ in rows], [c for _, c in rows]
    interval = mean_interval(values, clusters)
    names = sorted(set(clusters))
    if len(names) == 1:
        assert (interval.low, interval.high, interval.clusters) == (None, None, 1)
        return
    residual = np.array(values) - np.mean(values)
    meat = sum(float(residual[[c == name for c in clusters]].sum()) ** 2 for name in names)
    error = math.sqrt(meat * len(names) / (len(names) - 1)) / len(values)
    if interval.error and not set(values) <= {0.0, 1.0}:
        assert interval.error == pytest.approx(error, rel=1e-6, abs=1e-9)
        half = stats.t.ppf(0.975, len(names) - 1) * error
        assert (interval.low, interval.high) == pytest.approx((interval.value - half, interval.value + half), abs=1e-6)


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


def coverage(draw, truth, runs=600):
    rng = np.random.default_rng(5)
    intervals = [draw(rng) for _ in range(runs)]
    return sum(i.low <= truth <= i.high for i in intervals) / runs


@pytest.mark.parametrize("share", [0.04, 0.5, 0.97])
def test_independent_proportions_are_covered(share):
    assert 0.92 <= coverage(lambda rng: mean_interval((rng.random(80) < share).astype(float)), share) <= 0.985


def clustered(rng, documents, mean, spread=3.0):
    """Documents of 1 to 12 questions; each has its own chance of a right answer, beta-distributed around `mean`."""
    sizes = rng.integers(1, 13, documents)
    chances = rng.beta(mean * spread, (1 - mean) * spread, documents)
    values = np.concatenate([rng.random(m) < p for m, p in zip(sizes, chances, strict=True)]).astype(float)
    return values, [str(c) for c, m in enumerate(sizes) for _ in range(m)]


@pytest.mark.parametrize(("documents", "mean"), [(15, 0.5), (60, 0.3), (60, 0.02), (40, 0.97)])
def test_clustered_proportions_are_covered_and_unclustered_intervals_are_not_enough(documents, mean):
    assert 0.91 <= coverage(lambda rng: mean_interval(*clustered(rng, documents, mean)), mean) <= 0.995
    if mean in (0.5, 0.3):
        assert coverage(lambda rng: mean_interval(clustered(rng, documents, mean)[0]), mean) < 0.9


def test_paired_differences_are_covered_and_narrower_than_unpaired():
    def draw(rng):
        difficulty = rng.random(120)
        left, right = (rng.random(120) < difficulty) * 1.0, (rng.random(120) < difficulty * 0.8) * 1.0
        return paired_difference(left, right)

    assert 0.92 <= coverage(draw, 0.1) <= 0.98
    assert 0.92 <= coverage(lambda rng: t_interval(rng.normal(1, 2, 5)), 1) <= 0.98


def test_paired_difference_by_hand():
    a, b, documents = [1.0, 1.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0], ["x", "x", "y", "y"]
    result = paired_difference(a, b, documents)
    assert (result.value, result.n, result.clusters) == (0.5, 4, 2)
    plain = paired_difference(a, b)
    theirs = stats.t.interval(0.95, 3, 0.5, stats.sem([1, 0, 0, 1]))
    assert (plain.low, plain.high) == pytest.approx(theirs)
    swapped = paired_difference(b, a)
    assert (swapped.low, swapped.high) == pytest.approx((-plain.high, -plain.low))


def test_no_difference_at_all_still_has_a_width():
    same = paired_difference([1.0, 0.0] * 10, [1.0, 0.0] * 10)
    upper = stats.binomtest(0, 20).proportion_ci(method="wilson").high
    assert (same.value, same.low, same.high) == pytest.approx((0, -upper, upper))
    assert paired_difference([1.0, 1.0], [1.0, 1.0], ["a", "a"]).low is None


def test_perplexity_is_the_exponential_of_the_mean_loss():
    losses, passages = [1.0, 2.0, 4.0, 1.0, 0.0], ["a", "a", "b", "b", "c"]
    result = perplexity_interval(losses, passages)
    inner = mean_interval(losses, passages)
    assert result.value == pytest.approx(math.exp(8 / 5))
    assert (result.low, result.high) == pytest.approx((math.exp(inner.low), math.exp(inner.high)))
    assert result.error == pytest.approx(result.value * inner.error)
    assert "passages" in result.covers
    assert perplexity_interval([0.0, 1.0, 1.0]).high > math.e  # not taken for a proportion


def test_smallest_detectable_effect_is_found_as_often_as_promised():
    assert smallest_detectable(1, math.inf) == pytest.approx(2.8016, abs=1e-3)
    rng, n = np.random.default_rng(1), 12
    effect = smallest_detectable(1 / math.sqrt(n), n - 1)
    found = [t_interval(rng.normal(effect, 1, n)).low > 0 for _ in range(1500)]
    assert sum(found) / 1500 == pytest.approx(0.8, abs=0.04)


def test_one_value_has_no_interval_unless_it_is_a_proportion():
    assert (t_interval([0.3]).low, mean_interval([0.3]).high) == (None, None)
    assert mean_interval([1.0]).low > 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: mean_interval([]),
        lambda: mean_interval([1, math.nan]),
        lambda: mean_interval([1, 0], ["a"]),
        lambda: paired_difference([1], [1, 0]),
    ],
)
def test_what_is_not_a_sample_is_refused(call):
    with pytest.raises(ValueError):
        call()


def test_what_an_interval_covers_is_said():
    assert mean_interval([1.0, 0.0]).covers == "other questions like these 2"
    assert "these 2 (3 questions, clustered by document)" in mean_interval([1.0, 0, 1], ["a", "a", "b"]).covers
    assert t_interval([1.0, 2.0]).covers == "other seeds (2)"
