"""Figures about pairs: against closed forms and scipy, unmoved by the order of items, with intervals that cover."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kinj.stats.pairs import (
    STATISTICS,
    average_precision,
    calibration_error,
    calibration_floor,
    pairs_interval,
    rank_correlation,
    slope,
)

ITEMS = st.lists(st.tuples(st.integers(0, 8).map(lambda n: n / 8), st.booleans()), min_size=2, max_size=60)


def test_calibration_error_of_bins_worked_out_by_hand() -> None:
    # Ten items a bin: (0.95 - 0.8) in one half of the items, (0.6 - 0.4) in the other.
    confidence = np.repeat([0.95, 0.6], 50)
    correct = np.concatenate([np.repeat([1.0, 0.0], [40, 10]), np.repeat([1.0, 0.0], [20, 30])])
    assert calibration_error(confidence, correct) == pytest.approx(0.5 * 0.15 + 0.5 * 0.2)
    assert calibration_error(np.repeat([1.0, 0.0], 20), np.repeat([1.0, 0.0], 20)) == 0
    assert calibration_error(np.ones(7), np.zeros(7)) == 1


def test_the_floor_is_what_a_calibrated_model_shows() -> None:
    rng = np.random.default_rng(5)
    confidence = rng.random(300)
    found = [calibration_error(confidence, (rng.random(300) < confidence).astype(float)) for _ in range(100)]
    assert calibration_floor(confidence) == pytest.approx(np.mean(found), rel=0.1)
    assert calibration_floor(np.repeat([0.0, 1.0], 9)) == 0


def test_average_precision_worked_out_by_hand() -> None:
    # Ranks 1 and 3 of four are right: (1/1 + 2/3) / 2. A tie is one step: both right answers at precision 2/3.
    score, hit = np.array([0.9, 0.8, 0.7, 0.1]), np.array([1.0, 0.0, 1.0, 0.0])
    assert average_precision(score, hit) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(np.array([0.5, 0.5, 0.5]), np.array([1.0, 0.0, 1.0])) == pytest.approx(2 / 3)
    assert math.isnan(average_precision(score, np.zeros(4)))


@given(ITEMS)
def test_average_precision_is_that_of_scikit_learn(items: list[tuple[float, bool]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    score, hit = np.array([s for s, _ in items]), np.array([float(h) for _, h in items])
    if hit.any():
        assert average_precision(score, hit) == pytest.approx(metrics.average_precision_score(hit, score))


@given(ITEMS)
def test_correlation_and_slope_are_those_of_scipy(items: list[tuple[float, bool]]) -> None:
    x, y = np.array([s for s, _ in items]), np.array([float(h) for _, h in items])
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert math.isnan(rank_correlation(x, y))
    else:
        assert rank_correlation(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    if np.ptp(x) > 0:
        assert slope(x, y) == pytest.approx(stats.linregress(x, y).slope, abs=1e-9)


@given(ITEMS, st.randoms(use_true_random=False))
def test_the_order_of_items_changes_nothing(items: list[tuple[float, bool]], random: object) -> None:
    moved = list(items)
    random.shuffle(moved)  # type: ignore[attr-defined]
    for statistic, _, _ in STATISTICS.values():
        one, other = (
            statistic(np.array([s for s, _ in rows]), np.array([float(h) for _, h in rows])) for rows in (items, moved)
        )
        assert one == pytest.approx(other, nan_ok=True)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "truth"), [("slope", 0.5), ("rank_correlation", 0.430)])
def test_interval_covers_the_truth_where_items_of_a_document_resemble_one_another(name: str, truth: float) -> None:
    rng, hits, rounds = np.random.default_rng(3), 0, 40
    clusters = [str(number) for number in np.arange(30).repeat(4)]
    for _ in range(rounds):
        x = rng.normal(size=30).repeat(4)
        y = 0.5 * x + (rng.normal(size=30) / 2).repeat(4) + rng.normal(size=120) * math.sqrt(0.75)
        found = pairs_interval(name, x.tolist(), y.tolist(), clusters)
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= truth <= found.high
    assert hits / rounds >= 0.85  # 0.95 but for the noise of 40 rounds


def test_what_cannot_be_said_is_not_said() -> None:
    one = pairs_interval("slope", [0.0, 1.0], [0.0, 1.0], ["a", "a"])
    assert (one.value, one.low, one.high, one.clusters) == (1.0, None, None, 1)
    alike = pairs_interval("calibration_error", [0.0] * 8, [0.0] * 8)
    assert (alike.value, alike.low, alike.high, alike.clusters) == (0.0, None, None, 8)
    assert alike.method == "none: it is the same in every resample"
    with pytest.raises(ValueError, match="average_precision is undefined"):
        pairs_interval("average_precision", [0.1, 0.2], [0.0, 0.0])
    with pytest.raises(ValueError, match="same length"):
        pairs_interval("slope", [0.1, 0.2], [0.0])
