"""Mixtures: every view its turn, every epoch its share, and the same order for a seed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinj.config.errors import UsageError
from kinj.models.codec import Example
from kinj.train.mixture import Mixture
from kinj.train.rows import Source, Unit


def source(
    name: str, units: int, views: int = 1, weight: float = 1.0, per: str | None = None, length: int = 3
) -> Source:
    row = Example(np.arange(length, dtype=np.int32), np.arange(length, dtype=np.int32))
    made = [Unit(f"{name}{i}", [[row] for _ in range(views)]) for i in range(units)]
    return Source(name, weight, per, made)


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
