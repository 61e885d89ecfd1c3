"""The laws that are straight lines in the logarithm of the dose: `exposure` and `capacity`."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import pytest
from law_plants import capacities, coverage, exposures, parameters_of

from kinj.config.errors import UsageError
from kinj.sweep.laws.capacity import Capacity
from kinj.sweep.laws.exposure import Exposure
from kinj.sweep.laws.study import study


def test_exposure_gives_back_what_was_planted() -> None:
    rows = exposures(random.Random(0), gain=0.08, by_views=0.03, views=(1, 4), spread=0.005)
    found = parameters_of(Exposure(), rows)
    assert found["gain"]["value"] == pytest.approx(0.08, abs=0.004)
    assert found["by_views"]["value"] == pytest.approx(0.03, abs=0.004)
    assert found["gain"]["low"] < 0.08 < found["gain"]["high"]


def test_exposure_without_different_views_has_no_share_for_them() -> None:
    assert set(parameters_of(Exposure(), exposures(random.Random(0)))) == {"gain", "level"}
    tied = [row for row in exposures(random.Random(0), views=(2, 4, 8, 16, 32)) if row.views == row.dose]
    assert set(parameters_of(Exposure(), tied)) == {"gain", "level"}


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 4])
def test_interval_of_exposure_covers_the_truth(seeds: int) -> None:
    assert 0.91 <= coverage(Exposure(), "gain", 0.05, lambda rng: exposures(rng, gain=0.05, seeds=seeds)) <= 0.99


def test_accuracy_that_does_not_depend_on_exposures_is_mostly_not_found() -> None:
    flat = [study(Exposure(), exposures(random.Random(n), gain=0.0, level=0.4)) for n in range(30)]
    found = [result for result in flat if result["found"]]
    assert len(found) <= 3  # the interval lies above 0 in 2.5 % of such sweeps
    wrong = next(result for result in flat if not result["found"])
    assert wrong["answer"].startswith("not found in this range: twice as many exposures add ")


def test_exposure_predicts_the_largest_better_than_guesses() -> None:
    held = study(Exposure(), exposures(random.Random(1), spread=0.005))["held_out"]
    (point,) = held["points"]
    assert point["x"] == 32
    assert abs(point["predicted"] - point["measured"]) < 0.03
    assert held["beats"]
    assert set(held["naive_errors"]) == {"no further gain", "in proportion to exposures"}


def test_each_curve_has_parameters_of_its_own() -> None:
    rows = [*exposures(random.Random(0), 0.02, series="a"), *exposures(random.Random(1), 0.1, series="b")]
    found = parameters_of(Exposure(), rows)
    assert found["gain/a"]["high"] < found["gain/b"]["low"]


def test_capacity_gives_back_what_was_planted() -> None:
    found = parameters_of(Capacity(), capacities(random.Random(0), spread=0.01))
    assert found["bits_per_tenfold/sentences"]["value"] == pytest.approx(1.0, abs=0.03)
    assert found["bits_at_100/sentences"]["value"] == pytest.approx(1.0, abs=0.03)
    assert found["bits_at_1000/sentences"]["published"] == 2.0


@pytest.mark.slow
def test_interval_of_capacity_covers_the_truth() -> None:
    assert 0.91 <= coverage(Capacity(), "bits_per_tenfold/sentences", 1.0, capacities) <= 0.99


def test_models_that_know_everything_are_left_out_and_said_to_be() -> None:
    result = study(Capacity(), capacities(random.Random(0)))
    (notice,) = [notice for notice in result["notices"] if "the facts limit them" in notice]
    assert notice.startswith(
        "sentences: 7 of 12 settings left out"
    )  # 2,000 people fill no model, 20,000 only the one of 30 exposures
    few = study(Capacity(), capacities(random.Random(0), people=(500, 1000)))
    assert not few["found"]
    assert few["parameters"] == []
    assert "filled at fewer than two numbers of exposures" in few["answer"]


def test_what_is_recited_makes_a_curve_of_its_own() -> None:
    known, recited = (
        capacities(random.Random(0), at_100=at_100, spread=0.01, context=context)
        for at_100, context in ((0.3, "sentences"), (1.0, "recited"))
    )
    both = [replace(a, measures={**a.measures, **b.measures}) for a, b in zip(known, recited, strict=True)]
    found = parameters_of(Capacity(), both)
    assert found["bits_at_100/sentences"]["high"] < 0.4 < 0.9 < found["bits_at_100/recited"]["low"]


def test_a_curve_that_was_filled_once_is_left_out_and_the_other_is_not() -> None:
    rows = capacities(random.Random(0), context="recited")
    blind = [
        replace(row, measures={**row.measures, "capacity.bits_per_person/sentences": float(row.dose == 1000)})
        for row in rows
    ]
    result = study(Capacity(), blind)
    assert {one["name"].partition("/")[2] for one in result["parameters"]} == {"recited"}
    assert result["held_out"]["points"]
    assert any(notice.startswith("sentences: left out: a line takes") for notice in result["notices"])


def test_capacity_that_does_not_grow_is_not_found() -> None:
    results = [study(Capacity(), capacities(random.Random(n), per_tenfold=0.0)) for n in range(20)]
    assert sum(result["found"] for result in results) <= 2


@pytest.mark.parametrize(
    ("law", "rows", "phrase"),
    [
        (Exposure(), exposures(random.Random(0), doses=(2, 4, 8)), "needs 4 different numbers of exposures"),
        (Capacity(), capacities(random.Random(0), doses=(100, 1000)), "needs 3 different numbers of exposures"),
        (Exposure(), exposures(random.Random(0), seeds=1), "needs 2 seeds or more, and this sweep has 1"),
    ],
)
def test_too_few_points_say_how_many_are_needed(law: Any, rows: Any, phrase: str) -> None:
    with pytest.raises(UsageError, match=phrase) as error:
        study(law, rows)
    assert "goes on in its folder" in error.value.hint


def test_no_advice_beyond_a_decade() -> None:
    near, far = study(Exposure(), exposures(random.Random(0)), at=[320, 5000])["predictions"]
    assert near["why"] is None
    assert near["lines"][0]["low"] <= near["lines"][0]["value"] <= near["lines"][0]["high"] <= 1
    assert far["lines"] == []
    assert f"{math.log10(5000 / 32):.1f} decades outside" in far["why"]
