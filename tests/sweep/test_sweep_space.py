"""Grids: which trials there are, in which order, and what groups them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinj.config.errors import UsageError
from kinj.config.space import Interval
from kinj.sweep.space import REPLICATION, grid

TABLE: list[tuple[dict[str, list[Any]], dict[str, dict[str, Any]], list[str]]] = [
    ({}, {}, ["the settings as they are"]),
    ({"seed": [0, 1]}, {}, ["seed=0", "seed=1"]),
    ({"optim.lr": [0.1, 0.2]}, {}, ["optim.lr=0.1", "optim.lr=0.2"]),
    ({"data.documents": [["a", "b"], ["c"]]}, {}, ["data.documents=['a', 'b']", "data.documents=['c']"]),
    ({}, {"plain": {}, "sam": {"optim.sam.rho": 0.05}}, ["plain", "sam"]),
    (
        {"optim.lr": [0.1, 0.2], "seed": [0, 1]},
        {},
        ["optim.lr=0.1, seed=0", "optim.lr=0.2, seed=0", "optim.lr=0.1, seed=1", "optim.lr=0.2, seed=1"],
    ),
    ({"seed+data.seed": [3, 4]}, {}, ["seed=3, data.seed=3", "seed=4, data.seed=4"]),
    ({"seed+optim.lr": [(3, 0.1), (4, 0.2)]}, {}, ["seed=3, optim.lr=0.1", "seed=4, optim.lr=0.2"]),
    ({"seed": [0, 1]}, {"a": {}, "b": {}}, ["a, seed=0", "b, seed=0", "a, seed=1", "b, seed=1"]),
]


@pytest.mark.parametrize(("space", "arms", "names"), TABLE, ids=[" | ".join(row[2]) for row in TABLE])
def test_grid(space: dict[str, list[Any]], arms: dict[str, dict[str, Any]], names: list[str]) -> None:
    assert [str(trial) for trial in grid(space, arms)] == names


def test_overrides_hold_the_arm_and_the_point() -> None:
    (first, *_) = grid({"seed": [3]}, {"sam": {"optim.sam.rho": 0.05}})
    assert first.overrides == {"optim.sam.rho": 0.05, "seed": 3}


def test_seeds_are_replications_and_all_else_is_compared() -> None:
    trials = grid({"seed": [0, 1], "optim.lr": [0.1, 0.2], "data.seed": [5, 6]})
    groups = {trial.group for trial in trials}
    assert groups == {(None, (("optim.lr", "0.1"),)), (None, (("optim.lr", "0.2"),))}
    assert len(trials) == 8


MISTAKES: list[tuple[dict[str, list[Any]], dict[str, dict[str, Any]], str]] = [
    ({"seed": [0, 1, 0]}, {}, "seed names 0 twice"),
    ({"seed": []}, {}, "seed has no values"),
    ({"optim.lr": [Interval(0.1, 1, False, False)]}, {}, "optim.lr is an interval"),
    ({"seed+data.seed": [0, 1], "seed": [0, 1]}, {}, "seed is varied twice"),
    ({"seed+optim.lr": [1, 2]}, {"hot": {"optim.lr": 1.0}}, "optim.lr is set by the arm `hot`"),
    ({"optim.lr": [0.1, 0.2]}, {"hot": {"optim.lr": 1.0}}, "optim.lr is set by the arm `hot`"),
]


@pytest.mark.parametrize(("space", "arms", "phrase"), MISTAKES, ids=[row[2] for row in MISTAKES])
def test_mistakes(space: dict[str, list[Any]], arms: dict[str, dict[str, Any]], phrase: str) -> None:
    with pytest.raises(UsageError) as caught:
        grid(space, arms)
    assert phrase in str(caught.value)
    assert caught.value.hint


KEYS = st.sampled_from(["seed", "data.seed", "optim.lr", "train.threads", "model.size"])


@given(
    st.dictionaries(KEYS, st.lists(st.integers(), min_size=1, max_size=3, unique=True), max_size=4), st.integers(0, 3)
)
def test_every_combination_once(space: dict[str, list[int]], arms: int) -> None:
    trials = grid(space, {f"arm{number}": {} for number in range(arms)})
    expected = max(arms, 1)
    for values in space.values():
        expected *= len(values)
    assert len(trials) == expected == len({str(trial) for trial in trials})
    # Whole comparisons first: a replication is complete before the next one starts.
    replicates = [tuple(trial.point.get(key) for key in sorted(set(REPLICATION) & set(space))) for trial in trials]
    changes = sum(a != b for a, b in itertools.pairwise(replicates))
    assert changes == len(set(replicates)) - 1
