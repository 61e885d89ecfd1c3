"""How numbers are written."""

from __future__ import annotations

import pytest

from kinj.report.numbers import difference_text, duration, interval_text, number, signed, times, value_text
from tests.report.conftest import comparison, measure

NUMBERS = [
    (0.312, "share", "31.2"),
    (-0.014, "share", "−1.4"),
    (-0.0001, "share", "0.0"),
    (14.93, "perplexity", "14.9"),
    (123456.0, "count", "123,456"),
]


@pytest.mark.parametrize(("value", "unit", "text"), NUMBERS)
def test_number(value: float, unit: str, text: str) -> None:
    assert number(value, unit) == text


@pytest.mark.parametrize(("value", "text"), [(0.058, "+5.8"), (-0.014, "−1.4"), (0.0, "0.0"), (-0.0004, "0.0")])
def test_signed(value: float, text: str) -> None:
    assert signed(value, "share") == text


@pytest.mark.parametrize(("seconds", "text"), [(14.2, "14 s"), (720, "12 min"), (12240, "3.4 h")])
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("ratio", "text"), [(1.0, "1×"), (2.01, "2×"), (1.5, "1.5×")])
def test_times(ratio: float, text: str) -> None:
    assert times(ratio) == text


def test_values_and_intervals() -> None:
    assert value_text(measure(0.312)) == "31.2 %"
    assert interval_text(measure(0.312, 0.289, 0.336)) == "[28.9, 33.6]"
    assert interval_text(measure(0.312, None, None)) == ""
    assert difference_text(comparison("a", "b", 0.058, 0.019, 0.097)) == "+5.8 points [1.9, 9.7]"
    assert difference_text(comparison("a", "b", -0.02, None, None)) == "−2.0 points"
