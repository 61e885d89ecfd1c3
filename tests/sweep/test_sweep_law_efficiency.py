"""The law `efficiency`: recovers a planted exponent, ranks recipes, and sees where exposures do nothing."""

from __future__ import annotations

import random
import re

import pytest
from law_plants import coverage, outcomes, parameters_of

from kinj.config.errors import UsageError
from kinj.sweep.laws.efficiency import Efficiency
from kinj.sweep.laws.study import study


@pytest.mark.parametrize("alpha", [0.05, 0.3, 1.2])
def test_it_gives_back_what_was_planted(alpha: float) -> None:
    found = parameters_of(Efficiency(), outcomes(random.Random(3), alpha, people=600))["alpha"]
    assert found["low"] < alpha < found["high"]
    assert found["value"] == pytest.approx(alpha, rel=0.08)


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.0, 0.2])
def test_its_interval_covers_the_truth(spread: float) -> None:
    assert 0.91 <= coverage(Efficiency(), "alpha", 0.3, lambda rng: outcomes(rng, spread=spread, people=30)) <= 0.99


def test_recipes_are_ranked_by_it() -> None:
    rows = [*outcomes(random.Random(0), 0.15, "plain"), *outcomes(random.Random(1), 0.5, "views")]
    result = study(Efficiency(), rows)
    assert result["found"]
    assert re.fullmatch(r"alpha ranks views \(0\.\d+ \[.*\]\) first, then plain \(0\.\d+ \[.*\]\)", result["answer"])
    found = {one["name"]: one for one in result["parameters"]}
    assert found["difference/views"]["low"] > 0
    assert "difference/plain" not in found


def test_a_ranking_that_the_intervals_do_not_carry_says_so() -> None:
    rows = [*outcomes(random.Random(0), 0.3, "plain"), *outcomes(random.Random(1), 0.3, "views")]
    assert study(Efficiency(), rows)["answer"].endswith("; the intervals of the first two do not tell them apart")


def test_answers_that_do_not_depend_on_exposures_are_not_found() -> None:
    results = [study(Efficiency(), outcomes(random.Random(n), chance=lambda dose: 0.3)) for n in range(10)]
    assert sum(result["found"] for result in results) <= 1
    none = study(Efficiency(), outcomes(random.Random(0), chance=lambda dose: 0.0))
    assert not none["found"]
    assert none["answer"] == "not found in this range: accuracy does not rise with exposures"
    everything = study(Efficiency(), outcomes(random.Random(0), chance=lambda dose: 1.0))
    assert "the rarest facts too" in everything["answer"]


def test_the_most_frequent_facts_are_predicted_from_the_others() -> None:
    held = study(Efficiency(), outcomes(random.Random(0), people=300))["held_out"]
    (point,) = held["points"]
    assert abs(point["predicted"] - point["measured"]) < 0.1
    assert set(held["naive_errors"]) == {"as at the largest dose before", "the mean of all"}


def test_one_dose_is_too_few() -> None:
    rows = outcomes(random.Random(0), people=1)
    with pytest.raises(UsageError, match="needs 4 different numbers of exposures") as error:
        study(Efficiency(), rows)
    assert "power=0.8" in error.value.hint
