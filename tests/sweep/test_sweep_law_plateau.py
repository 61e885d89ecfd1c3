"""The law `plateau`: recovers a planted exponent and level, whatever the unit of time, and sees plateaus that did not end."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from law_plants import courses, coverage, parameters_of

from kinj.config.errors import UsageError
from kinj.sweep.laws.base import Row
from kinj.sweep.laws.plateau import ENTROPY, Plateau, end_of, level_of
from kinj.sweep.laws.study import study


def test_it_gives_back_what_was_planted() -> None:
    found = parameters_of(Plateau(), courses(random.Random(0), spread=0.01))
    assert found["exponent"]["value"] == pytest.approx(0.81, abs=0.02)
    assert found["level"]["value"] == pytest.approx(1.0, abs=0.01)
    assert found["exponent"]["published"] == 0.81


@pytest.mark.slow
def test_its_interval_covers_the_truth() -> None:
    assert 0.91 <= coverage(Plateau(), "exponent", 0.81, courses) <= 0.99


def test_a_plateau_as_long_for_any_number_of_people_is_not_found() -> None:
    results = [study(Plateau(), courses(random.Random(n), exponent=0.0, scale=300)) for n in range(8)]
    assert sum(result["found"] for result in results) <= 2


def test_arms_are_compared_at_equal_people() -> None:
    rows = [*courses(random.Random(0), series="even"), *courses(random.Random(1), series="skewed", scale=1.0)]
    found = parameters_of(Plateau(), rows)
    assert found["ratio/skewed"]["low"] < 0.5 < found["ratio/skewed"]["high"]
    assert "ratio/even" not in found


def test_the_largest_number_of_people_is_predicted_better_than_by_guesses() -> None:
    held = study(Plateau(), courses(random.Random(0), spread=0.02))["held_out"]
    assert held["points"][0]["x"] == 800
    assert held["error"] < 0.1
    assert held["beats"]


def test_a_plateau_that_did_not_end_is_left_out_and_said_to_be() -> None:
    rows = courses(random.Random(0), people=(100, 200, 400, 800))
    cut = [row if row.people < 800 else _cut(row, 100) for row in rows]
    result = study(Plateau(), cut)
    assert {point["x"] for point in result["lines"][0]["points"]} == {100, 200, 400}
    assert any("was not over when training was:  800" in notice for notice in result["notices"])
    none = study(Plateau(), [_cut(row, 5) for row in rows])
    assert not none["found"]
    assert none["answer"] == "not found in this range: no plateau ended; train for more steps"


def test_its_level_is_where_the_loss_stays_and_not_where_it_should() -> None:
    rows = courses(random.Random(0), spread=0.01)
    higher = [
        replace(row, course=[(step, max(loss, 1.3 * ENTROPY) if step < 80 else loss) for step, loss in row.course])
        for row in rows
    ]
    late = [row for row in higher if row.people == 100]  # on its plateau until step 83
    assert all(level_of(tuple(row.course)) == pytest.approx(1.3 * ENTROPY) for row in late)


def test_a_loss_that_passes_by_has_no_level_and_is_said_to() -> None:
    rows = courses(random.Random(0))
    falling = tuple((step, 24 - 2.5 * math.log2(step)) for step in (round(10 ** (n / 12)) for n in range(30)))
    passing = [
        replace(
            row,
            course=tuple((step * row.people ** (0.985 + row.unit / 100), loss) for step, loss in dict(falling).items()),
        )
        for row in rows
    ]
    result = study(Plateau(), passing)
    assert {one["name"] for one in result["parameters"]} == {"exponent", "scale"}
    assert result["answer"].startswith("no plateau, and the steps until people are known grow with people^1 [")
    assert any(notice.startswith("no plateau: the loss") for notice in result["notices"])
    assert not any(notice.startswith("no plateau") for notice in study(Plateau(), rows)["notices"])


def _cut(row: Row, step: int) -> Row:
    return replace(row, course=[one for one in row.course if one[0] <= step])


@given(factor=st.integers(2, 50))
def test_the_unit_of_time_changes_nothing_but_the_scale(factor: int) -> None:
    steps = [(round(10 ** (n / 8)), ENTROPY + (5 if n < 8 else -0.1 * (n - 16) if n > 16 else 0.0)) for n in range(40)]
    course = tuple(dict(steps).items())
    slow = tuple((step * factor, loss) for step, loss in course)
    end = end_of(course)
    assert end is not None
    assert end_of(slow) == pytest.approx(end * factor)
    assert level_of(slow) == level_of(course)


def test_three_numbers_of_people_are_too_few() -> None:
    with pytest.raises(UsageError, match="needs 4 numbers of people") as error:
        study(Plateau(), courses(random.Random(0), people=(100, 200, 400)))
    assert "train.probes=[generalization]" in error.value.hint
