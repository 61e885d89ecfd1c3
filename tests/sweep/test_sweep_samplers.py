"""Points drawn from a search space, and searches that learn from what was tried."""

from __future__ import annotations

import json
import math
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinj.config import Loaded
from kinj.config.errors import UsageError
from kinj.config.schema import Settings
from kinj.config.space import Interval
from kinj.sweep.run import SweepResult, sweep
from kinj.sweep.samplers import Tried, front, random_points, tpe_points
from kinj.sweep.search import search
from kinj.sweep.space import Trial, spread

LR = Interval(1e-4, 1e-1, log=True, whole=False)
SPACE: dict[str, list[Any]] = {"optim.lr": [LR], "augment.views": [Interval(1, 20, False, True)], "seed": [0, 1]}


def test_random_points_are_even_distinct_and_always_the_same() -> None:
    points = list(islice(random_points(SPACE, 3), 400))
    assert points[:7] == list(islice(random_points(SPACE, 3), 7))
    assert points[:7] != list(islice(random_points(SPACE, 4), 7))
    assert len({repr(point) for point in points}) == 400
    assert all("seed" not in point for point in points)
    assert all(1e-4 <= point["optim.lr"] <= 1e-1 and 1 <= point["augment.views"] <= 20 for point in points)
    middle = sum(point["optim.lr"] < math.sqrt(1e-5) for point in points) / 400
    assert abs(middle - 0.5) < 0.1  # five standard errors, around the middle of a logarithmic scale


def test_random_points_of_lists_end_when_all_were_drawn() -> None:
    points = list(random_points({"a": [1, 2], "b": ["x", "y", "z"]}, 0))
    assert sorted((point["a"], point["b"]) for point in points) == [(a, b) for a in (1, 2) for b in "xyz"]


def test_random_points_end_where_a_condition_leaves_none() -> None:
    """An interval has no end of points, so only patience can tell."""
    space = {"optim.lr": [LR]}
    assert list(random_points(space, 0, lambda point: point["optim.lr"] > 5)) == []
    every, upper = (list(islice(random_points(space, 0, one), 40)) for one in (None, lambda p: p["optim.lr"] > 1e-3))
    assert [point for point in every if point["optim.lr"] > 1e-3] == upper[: sum(p["optim.lr"] > 1e-3 for p in every)]


def target(point: dict[str, Any]) -> float:
    return -((math.log10(point["optim.lr"]) + 2.5) ** 2) - (point["optim"] != "good")


def test_a_search_finds_what_random_points_miss() -> None:
    """Over ten searches of 30 points, the mean of the best is nearer to the largest possible value, 0."""
    space = {"optim.lr": [LR], "optim": ["bad", "worse", "good", "poor"]}
    best: dict[str, list[float]] = {"random": [], "tpe": []}
    for seed in range(10):
        best["random"].append(max(map(target, islice(random_points(space, seed), 30))))
        tried: list[Tried] = []
        while len(tried) < 30:
            found = tpe_points(space, tried, [1], seed, 1)
            tried += [Tried(point, [target(point)]) for point in found]
        best["tpe"].append(max(one.values[0] for one in tried if one.values))
    assert sum(best["tpe"]) > sum(best["random"])
    assert tpe_points(space, tried, [1], 5, 2) == tpe_points(space, tried, [1], 5, 2)


POINTS = st.lists(st.lists(st.integers(0, 4), min_size=2, max_size=2), min_size=1, max_size=8)


@given(POINTS)
def test_every_point_off_the_front_is_beaten_by_one_on_it(values: list[list[int]]) -> None:
    tried = [Tried({}, [float(v) for v in pair]) for pair in values]
    best = front(tried, [1, -1])
    for number, (gain, cost) in enumerate(values):
        beaten = any(
            values[other][0] >= gain and values[other][1] <= cost and values[other] != [gain, cost] for other in best
        )
        assert beaten != (number in best)


def test_points_without_values_are_not_on_the_front() -> None:
    assert front([Tried({}, None), Tried({}, [0.1])], [1]) == [1]


@pytest.fixture
def searched(loaded: Loaded, tmp_path: Path, entries: None) -> Any:
    """Searches the learning rate of trials whose recall grows with it: `searched(points, workers)`."""

    def run(points: int, space: dict[str, list[Any]] | None = None, wanted: Any = None, **more: Any) -> SweepResult:
        space = space or {"optim.lr": [Interval(1e-4, 1e-2, True, False)], "seed": [0, 1]}
        base = loaded.override({"sweep.points": points, "sweep.workers": 2, **more})

        def trials(chosen: Any) -> SweepResult:
            found: list[Trial] = spread(chosen, space)

            def settings_of(trial: Trial) -> Settings:
                return base.override(trial.overrides, "train").settings

            return sweep(found, settings_of, tmp_path / "sweep", "sweep_entries:good", 2, base.settings)

        return search(space, base.settings, tmp_path / "sweep", trials, wanted)

    return run


def test_a_search_goes_on_where_it_stopped(searched: Any, tmp_path: Path) -> None:
    first = searched(3)
    lines = (tmp_path / "sweep" / "points.jsonl").read_text().splitlines()
    assert (first.done, len(lines)) == (6, 3)
    again = searched(4)
    assert (again.done, again.resumed) == (8, 6)
    assert (tmp_path / "sweep" / "points.jsonl").read_text().splitlines()[:3] == lines
    told = again.table["search"]
    best = max(again.table["groups"], key=lambda group: group["measures"]["biographies"]["recall"]["value"])
    assert told["best"][0]["optim.lr"] == best["settings"]["optim.lr"]
    assert told["directions"] == [1]


def test_nothing_is_tried_twice_and_a_search_ends_when_all_was_tried(searched: Any, tmp_path: Path) -> None:
    result = searched(10, {"optim.lr": [1e-4, 1e-3, 1e-2]})
    assert result.done == 3
    assert result.table["search"]["tried"] == 3
    assert result.table["search"]["best"] == [{"optim.lr": 1e-2}]


def test_a_search_spends_none_of_its_points_where_a_condition_leaves_no_trial(searched: Any, tmp_path: Path) -> None:
    searched(4, wanted=lambda point: point["optim.lr"] > 3e-3)
    lines = (tmp_path / "sweep" / "points.jsonl").read_text().splitlines()
    assert len(lines) == 4
    assert all(json.loads(line)["optim.lr"] > 3e-3 for line in lines)


def test_a_search_of_another_space_is_refused(searched: Any) -> None:
    searched(2)
    with pytest.raises(UsageError, match="not in this search space"):
        searched(3, {"optim.lr": [Interval(1e-7, 1e-6, True, False)]})


def test_objectives_that_nobody_measured(searched: Any) -> None:
    with pytest.raises(UsageError, match="no trial measured beauty"):
        searched(4, **{"sweep.objectives": ["beauty"]})
