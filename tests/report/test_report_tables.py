"""The table of a sweep in the terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from kinj.report.tables import difference_name, show_sweep
from tests.report.conftest import comparison, group, measure


def shown(results: dict[str, Any], width: int = 40) -> str:
    out = io.StringIO()
    show_sweep(results, Console(file=out, width=width, highlight=False))
    return out.getvalue()


def test_rows_hold_value_interval_retention_and_cost(results: dict[str, Any]) -> None:
    results["groups"][1]["name"] = "both"
    lines = shown(results).splitlines()
    assert lines[0].split() == ["keeps", "the", "old", "ones:"]
    assert lines[1].split()[:3] == ["way", "of", "teaching"]
    assert "knows the new facts" in lines[1]
    assert lines[2].split("  ")[0] == "plain, twice as long"
    assert "31.2 %  [10.0, 90.0]" in lines[2]
    assert lines[2].rstrip().endswith("1×  10 s")
    assert "38.8 %" in lines[3]
    assert lines[3].rstrip().endswith("2×  20 s")
    assert lines[-1].endswith("word for word: biographies 0.0 %, retention unknown")


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("both", "plain", "both − plain"),
        ("with replay, epochs=3", "alone, epochs=3", "epochs=3: with replay − alone"),
        ("both, epochs=3, size=1M", "plain, epochs=3, size=1M", "epochs=3, size=1M: both − plain"),
        ("both, epochs=3, size=1M", "plain, epochs=2, size=1M", "size=1M: both, epochs=3 − plain, epochs=2"),
        ("one text, SAM", "two texts, SAM", "one text, SAM − two texts, SAM"),
        ("epochs=3", "epochs=3", "epochs=3 − epochs=3"),
        ("epochs=2, size=1M", "size=1M", "epochs=2, size=1M − size=1M"),
    ],
)
def test_what_both_sides_of_a_difference_share_is_said_once_and_first(a: str, b: str, expected: str) -> None:
    assert difference_name({"a": a, "b": b}) == expected


def test_comparison_says_at_equal_what_and_what_it_could_have_seen(results: dict[str, Any]) -> None:
    results["comparisons"] = [
        comparison("both", "long", 0.058, 0.019, 0.097),
        comparison(
            "sam", "plain", 0.01, -0.01, 0.03, equal=["steps"], ratio={"passes": 2.0, "steps": 1.0}, smallest=None
        ),
        comparison("views", "plain", 0.01, -0.01, 0.03, equal=[], ratio={"passes": 3.0}),
        comparison("x", "y", 0.01, -0.01, 0.03, equal=[], ratio={}),
        comparison("both", "long", 0.01, 0.0, 0.02, probe="retention", measure="known_replayed"),
    ]
    text = shown(results)
    assert "at equal passes: both − long = +5.8 points [1.9, 9.7]; this could have seen 3.9 or more\n" in text
    assert "at equal steps (2× the passes): sam − plain = +1.0 points [−1.0, 3.0]\n" in text
    assert "at 3× the passes: views − plain" in text
    assert "cost unknown: x − y" in text
    assert text.count("both − long") == 1


def test_the_same_over_more_seeds(results: dict[str, Any]) -> None:
    results["comparisons"] = [comparison("both", "long", 0.058, 0.019, 0.097)]
    larger = comparison("both", "long", 0.041, 0.026, 0.056, clusters=10)
    results["reference"] = {"source": "docs/results/ablation", "comparisons": [larger], "groups": []}
    assert "the same over 10 seeds: +4.1 points [2.6, 5.6] (docs/results/ablation)\n" in shown(results)


def test_retention_is_there_even_where_it_was_not_measured(results: dict[str, Any]) -> None:
    results["groups"] = [group("plain", 0.3, 100, retention=False)]
    text = shown(results)
    assert "keeps the old ones" in text
    assert "not measured" in text


def test_a_row_without_results_failures_and_notices(results: dict[str, Any]) -> None:
    results["groups"][1] = {**group("lost", 0.3, 100), "measures": {}, "cost": {}}
    results["groups"][1]["trials"][0]["done"] = False
    results["failures"] = [{"trial": "abc", "name": "lost, seed=1", "label": "", "error": "it broke [here]\nand there"}]
    results["notices"] = ["half of [them] are new"]
    text = shown(results)
    assert "no finished trial" in text
    assert "failed: lost, seed=1: it broke [here] (trials/abc/log.txt)" in text
    assert "note: half of [them] are new" in text


def test_settings_without_arms(results: dict[str, Any]) -> None:
    results["groups"] = [{**group("optim.lr=0.1", 0.3, 100), "arm": None}]
    results["measure"]["name"] = "two_hop"
    results["groups"][0]["measures"]["biographies"]["two_hop"] = measure(0.5, values=[0.5], covers="all of it")
    results["comparisons"] = []
    text = shown(results)
    assert text.split()[4] == "setting"
    assert "two hop" in text
    assert "95 % intervals cover all of it" in text
    assert " 100 " in text


def test_change_since_before_stands_beside_the_value(results: dict[str, Any]) -> None:
    results["groups"][0]["measures"]["retention"]["known_unreplayed_change"] = measure(-0.014)
    assert "90.0 %  [10.0, 90.0]  −1.4" in shown(results)


@pytest.mark.parametrize("measured", [True, False])
def test_nothing_measured(results: dict[str, Any], measured: bool) -> None:
    results["measure"] = None
    results["comparisons"] = []
    assert "not measured" in shown(results)
