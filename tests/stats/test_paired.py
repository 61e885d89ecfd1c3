"""Two models on the same items: scipy's tests, numbers by hand, and how often a promised effect is found."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kinj.stats import difference_interval, mcnemar, paired_difference, sign_flip, smallest_detectable, t_interval
from kinj.stats import paired as module

hits = st.lists(
    st.tuples(st.sampled_from([-1.0, 0.0, 1.0]), st.sampled_from([str(i) for i in range(9)])), min_size=1, max_size=30
)


def enumerated(differences, clusters):
    """scipy's one-sample permutation test on the sums of documents: it counts all 2^G flips."""
    sums = [sum(d for d, c in zip(differences, clusters, strict=True) if c == name) for name in sorted(set(clusters))]
    if len(sums) == 1:
        return 1.0
    test = stats.permutation_test((np.array(sums),), np.sum, permutation_type="samples", n_resamples=np.inf)
    return test.pvalue


@given(hits)
def test_whole_numbers_are_flipped_in_all_ways(rows):
    differences, clusters = [d for d, _ in rows], [c for _, c in rows]
    found = sign_flip(differences, clusters)
    assert found.exact
    assert found.p == pytest.approx(enumerated(differences, clusters))


def test_other_numbers_are_flipped_at_random():
    rng = np.random.default_rng(3)
    differences, clusters = rng.normal(0.3, 1, 24), [str(i // 3) for i in range(24)]
    found = sign_flip(differences, clusters)
    assert not found.exact
    assert found.p == pytest.approx(enumerated(differences.tolist(), clusters), abs=0.015)
    assert found == sign_flip(differences, clusters)


def test_many_documents_are_drawn_in_blocks(monkeypatch):
    differences = np.random.default_rng(1).normal(0, 1, 3000)
    monkeypatch.setattr(module, "DRAWS", 999)
    assert sign_flip(differences).p == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.06)


def test_sign_flips_are_right_under_no_difference():
    """Documents of one to six items that share a shift: the test by document keeps its level, McNemar does not."""
    rng = np.random.default_rng(8)
    by_document, by_item = [], []
    for _ in range(400):
        sizes = rng.integers(1, 7, 25)
        clusters = [str(c) for c, m in enumerate(sizes) for _ in range(m)]
        signs = np.repeat(rng.choice([-1.0, 0.0, 1.0], 25), sizes)
        by_document.append(sign_flip(signs, clusters).p)
        by_item.append(mcnemar(signs).p)
    assert np.mean(np.array(by_document) < 0.05) <= 0.08
    assert np.mean(np.array(by_item) < 0.05) > 0.15


@pytest.mark.parametrize(
    ("gained", "lost", "p"), [(3, 11, 0.057373046875), (0, 5, 0.0625), (7, 7, 1), (1, 2, 1), (0, 0, 1)]
)
def test_mcnemar_is_that_of_statsmodels(gained, lost, p):
    """statsmodels 0.15.0, `mcnemar(exact=True)`."""
    found = mcnemar([1.0] * gained + [-1.0] * lost + [0.0] * 4)
    assert (found.gained, found.lost, found.p) == (gained, lost, pytest.approx(p))


def test_no_difference_is_certain_of_nothing():
    found = sign_flip([0.0, 0.0], ["a", "b"])
    assert (found.p, found.documents) == (1, 0)


def test_paired_difference_by_hand():
    """Hits and misses: two pseudo-items, one each way, widen the t-interval (Bonett and Price, here with t)."""
    a, b, documents = [1.0, 1.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0], ["x", "x", "y", "y"]
    result = paired_difference(a, b, documents)
    assert (result.value, result.n, result.clusters) == (0.5, 4, 2)
    plain = paired_difference(a, b)
    theirs = stats.t.interval(0.95, 5, 2 / 6, stats.sem([1, 0, 0, 1, 1, -1]))
    assert (plain.low, plain.high) == pytest.approx(theirs)
    swapped = paired_difference(b, a)
    assert (swapped.low, swapped.high) == pytest.approx((-plain.high, -plain.low))


def test_other_differences_are_a_paired_t_test():
    a, b = [0.3, 0.9, 0.2, 1.0], [0.1, 0.95, 0.0, 0.4]
    theirs = stats.ttest_rel(a, b).confidence_interval()
    mine = paired_difference(a, b)
    assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high))
    assert mine.method == "paired t"


def test_no_difference_at_all_still_has_a_width():
    same = paired_difference([1.0, 0.0] * 10, [1.0, 0.0] * 10)
    assert same.value == 0
    assert same.low == pytest.approx(-same.high)
    assert 0.05 < same.high < 0.2
    one = paired_difference([1.0, 1.0], [1.0, 1.0], ["a", "a"])
    assert (one.low, one.method) == (None, "none: a single unit says nothing about others")


@given(hits)
def test_an_interval_of_hits_holds_its_value_and_turns_with_the_sign(rows):
    differences, clusters = [d for d, _ in rows], [c for _, c in rows]
    found, turned = (
        difference_interval(differences, clusters),
        difference_interval([-d for d in differences], clusters),
    )
    if found.low is not None:
        assert found.low < found.value < found.high
        assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


def test_rows_must_belong_together():
    with pytest.raises(ValueError):
        paired_difference([1], [1, 0])


def test_smallest_detectable_effect_is_found_as_often_as_promised():
    assert smallest_detectable(1, math.inf) == pytest.approx(2.8016, abs=1e-3)
    rng, n = np.random.default_rng(1), 12
    effect = smallest_detectable(1 / math.sqrt(n), n - 1)
    found = [t_interval(rng.normal(effect, 1, n)).low > 0 for _ in range(1500)]
    assert sum(found) / 1500 == pytest.approx(0.8, abs=0.04)
