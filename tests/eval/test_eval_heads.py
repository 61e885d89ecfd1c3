"""Linear heads on numbers made by hand: what is there is found, what is not is not, nobody is tested by what learned from them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg

from kinj.eval.heads import Head, Ranks, crossfit


def people(count: int, kinds: int, width: int, strength: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """States that hold the label, times `strength`, in noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, kinds, count)
    codes = rng.standard_normal((kinds, width))
    return (strength * codes[labels] + rng.standard_normal((count, width))).astype(np.float32), labels


def test_a_value_that_is_there_is_read() -> None:
    states, labels = people(200, 10, 40, strength=2)
    found = crossfit(states, labels, 120, seed=0)
    assert found.heads.first.mean() > 0.95
    assert found.heads.rank.mean() > 0.99
    assert abs(found.shuffled.rank.mean() - 0.5) < 0.1
    assert found.frequent.first.mean() < 0.3
    assert found.known.all()
    assert len(found.known) == 120


@pytest.mark.parametrize("width", [20, 500])
def test_noise_is_at_chance_though_heads_learn_their_own_people_by_heart(width: int) -> None:
    states, labels = people(300, 6, width, strength=0)
    found = crossfit(states, labels, 300, seed=0)
    assert abs(found.heads.rank.mean() - 0.5) < 0.06
    if width > len(labels):
        seen = Ranks.none(300)
        seen.put(np.arange(300), Head(states).scores(labels, states), labels)
        assert seen.first.mean() > 0.9  # without the split, noise would look like knowledge


def test_a_value_that_nobody_else_has_is_at_chance() -> None:
    states, labels = people(60, 4, 10, strength=3)
    labels[0] = 9
    found = crossfit(states, labels, 60, seed=0)
    assert (found.known[0], found.heads.rank[0], found.heads.first[0]) == (False, 0.5, 0)
    assert found.known[1:].all()


def test_it_depends_on_nothing_but_its_arguments() -> None:
    states, labels = people(50, 5, 10, strength=1)
    first, again = (crossfit(states, labels, 30, seed=3) for _ in range(2))
    assert np.array_equal(first.heads.rank, again.heads.rank)
    assert np.array_equal(first.shuffled.rank, again.shuffled.rank)


@given(st.integers(0, 100), st.integers(4, 12), st.integers(1, 9), st.sampled_from([0.1, 1.0, 10.0]))
def test_leaving_out_by_formula_is_leaving_out(seed: int, count: int, width: int, penalty: float) -> None:
    states, _ = people(count, 2, width, strength=1, seed=seed)
    states = (states - states.mean(0)) / states.std(0)
    targets = np.random.default_rng(seed).standard_normal((count, 3)).astype(np.float32)
    found = Head(states).left_out(targets, penalty)
    for out in range(count):
        rest = np.arange(count) != out
        center, mean = states[rest].mean(0), targets[rest].mean(0)
        x = states[rest].astype(np.float64) - center
        weights = linalg.solve(x.T @ x + penalty * count * np.eye(width), x.T @ (targets[rest] - mean))
        assert found[out] == pytest.approx((states[out] - center) @ weights + mean, abs=1e-3)


@given(st.integers(0, 100), st.integers(1, 8), st.integers(1, 6))
def test_ranks_count_values_below_and_half_of_ties(seed: int, count: int, kinds: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 3, (count, kinds)).astype(np.float32)
    right = rng.integers(0, kinds, count)
    found = Ranks.none(count)
    found.put(np.arange(count), scores, right)
    for row in range(count):
        others = np.delete(scores[row], right[row])
        own = scores[row, right[row]]
        expected = np.mean([float(other < own) + float(other == own) / 2 for other in others]) if kinds > 1 else 0.5
        assert found.rank[row] == pytest.approx(expected)
        best = scores[row] == scores[row].max()
        assert found.first[row] == pytest.approx(best[right[row]] / best.sum())
