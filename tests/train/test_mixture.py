"""Mixtures: every view its turn, every epoch its share, and the same order for a seed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinj.config.errors import UsageError
from kinj.models.codec import Example
from kinj.train.mixture import Mixture, shares
from kinj.train.rows import Source, Unit


def source(
    name: str,
    units: int,
    views: int = 1,
    weight: float = 1.0,
    per: str | None = None,
    length: int = 3,
    **fields: float,
) -> Source:
    row = Example(np.arange(length, dtype=np.int32), np.arange(length, dtype=np.int32))
    made = [Unit(f"{name}{i}", [[row] for _ in range(views)]) for i in range(units)]
    return Source(name, weight, per, made, **fields)  # type: ignore[arg-type]  # whole numbers among them


@given(units=st.integers(1, 9), views=st.integers(1, 5), rounds=st.integers(1, 3), seed=st.integers(0, 99))
def test_k_exposures_of_k_views_show_each_view_once(units: int, views: int, rounds: int, seed: int) -> None:
    mixture = Mixture([source("d", units, views)], seed, "s")
    for turn in range(rounds):
        seen = Counter(
            (draw.unit.origin, draw.view) for epoch in range(views) for draw in mixture.draws(turn * views + epoch)
        )
        assert seen == Counter({(f"d{i}", v): 1 for i in range(units) for v in range(views)})


@given(units=st.integers(1, 30), weight=st.sampled_from([0.1, 0.25, 0.3, 1.0, 1.5, 3.0]), epochs=st.integers(1, 10))
def test_a_weight_is_passes_per_epoch(units: int, weight: float, epochs: int) -> None:
    mixture = Mixture([source("d", units, weight=weight)], 0, "s")
    seen = Counter(draw.unit.origin for epoch in range(epochs) for draw in mixture.draws(epoch))
    assert sum(seen.values()) == int(epochs * units * weight + 1e-9)
    assert max(seen.values(), default=0) - min((seen[f"d{i}"] for i in range(units)), default=0) <= 1


def test_per_counts_records_of_another_source() -> None:
    mixture = Mixture([source("d", 10), source("replay", 1000, weight=0.5, per="d")], 0, "s")
    counts = Counter(draw.source for draw in mixture.draws(0))
    assert counts == {"d": 10, "replay": 5}


@pytest.mark.parametrize("per", ["nobody", "replay"])
def test_per_must_name_another_source(per: str) -> None:
    with pytest.raises(UsageError, match="must name another source"):
        Mixture([source("d", 2), source("replay", 2, per=per)], 0, "s")


def test_all_weights_zero_is_an_error() -> None:
    with pytest.raises(UsageError, match="every weight is 0"):
        Mixture([source("d", 2, weight=0)], 0, "s")


def test_order_depends_on_the_seed_and_the_epoch_only() -> None:
    def order(seed: int, epoch: int) -> list[str]:
        return [draw.unit.origin for draw, _ in Mixture([source("d", 50)], seed, "s").epoch(epoch)]

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)
    assert sorted(order(0, 0)) == sorted(order(1, 1))


@given(
    st.integers(1, 40), st.integers(0, 200), st.floats(0, 2), st.floats(0, 1, exclude_max=True, allow_subnormal=False)
)
def test_power_law_shares_are_exact_up_to_rounding(units: int, draws: int, power: float, start: float) -> None:
    found = shares(units, draws, power, start)
    weights = np.arange(1, units + 1, dtype=np.float64) ** -power
    expected = draws * weights / weights.sum()
    assert found.sum() == draws
    assert (found >= 0).all()
    assert (np.abs(found - expected) < 1 + 1e-6).all()


def test_a_power_law_draws_the_first_units_most_and_every_view_in_turn() -> None:
    mixture = Mixture([source("d", 10, views=3, power=1.0)], 0, "s")
    draws = [draw for epoch in range(60) for draw in mixture.draws(epoch)]
    assert len(draws) == 600
    counts = Counter(draw.unit.origin for draw in draws)
    expected = [600 / i / sum(1 / j for j in range(1, 11)) for i in range(1, 11)]
    assert [counts[f"d{i}"] for i in range(10)] == pytest.approx(expected, abs=12)
    for i in range(10):
        mine = [draw for draw in draws if draw.unit.origin == f"d{i}"]
        assert [draw.exposure for draw in mine] == list(range(len(mine)))
        views = Counter(draw.view for draw in mine)
        assert max(views.values()) - min(views.values()) <= 1


def test_a_power_law_does_not_depend_on_the_epochs_asked_before() -> None:
    def drawn(*epochs: int) -> list[tuple[str, int, int]]:
        mixture = Mixture([source("d", 7, views=2, power=0.6)], 3, "s")
        found = [[(d.unit.origin, d.view, d.exposure) for d in mixture.draws(epoch)] for epoch in epochs]
        return found[-1]

    assert drawn(5) == drawn(0, 1, 2, 3, 4, 5) == drawn(8, 5)


@given(st.integers(1, 20), st.integers(1, 9), st.floats(0.05, 0.9))
@settings(max_examples=20)
def test_a_share_is_one_of_the_tokens(units: int, length: int, share: float) -> None:
    fixed = [source("d", 20, length=7), source("replay", 5, per="d", length=3)]
    mixture = Mixture([*fixed, source("q", units, length=length, share=share)], 0, "s")
    tokens = Counter[str]()
    for epoch in range(20):
        for draw in mixture.draws(epoch):
            tokens[draw.source] += len(draw.row)
    assert tokens["q"] / tokens.total() == pytest.approx(share, abs=0.01)
    assert tokens["d"] == 20 * 20 * 7
