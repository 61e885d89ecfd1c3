"""Values by question behind a measure: rankings are read from log-probabilities, others from scores, cut by kind or by order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kinj.sweep.outcome import Replicate, TrialResult
from kinj.sweep.statistics import difference

RAW = {"q0": [-1.0, -2.0], "q1": [-2.0, -1.0], "q2": [-1.0, -1.0]}
"""Log-probabilities of the accepted answer and of a wrong one: right, wrong, and a tie that counts half."""
NEUTRAL = {"q0": [-0.5, -2.0], "q1": [-2.5, -1.0], "q2": [-3.0, -1.0]}


def trial(folder: Path, raw: dict[str, list[float]], measures: dict[str, float]) -> TrialResult:
    """A finished trial: three ranked questions about two articles, and one that has no ranking."""
    rows: list[dict[str, Any]] = [
        {
            "id": name,
            "document": f"article{number // 2}",
            "scores": {"exact_match": 0.0},
            "ranking": {"candidates": ["yes", "no"], "logprobs": amounts, "neutral_logprobs": NEUTRAL[name]},
        }
        for number, (name, amounts) in enumerate(raw.items())
    ]
    rows.append({"id": "q3", "document": "article1", "scores": {"exact_match": 0.0}})
    (folder / "predictions").mkdir(parents=True)
    (folder / "predictions" / "wiki2023.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    about = {"low": 0, "high": 1, "n": 3, "clusters": 2, "unit": "share", "direction": 1, "covers": ""}
    found = {name: {"value": value, **about} for name, value in measures.items()}
    (folder / "results.json").write_text(json.dumps({"probes": {"wiki2023": {"measures": found}}}))
    return TrialResult(folder.name, Replicate(0, 0), folder)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("ranked_first", [1.0, 0.0, 0.5]),
        ("ranked_first_pmi", [0.0, 1.0, 1.0]),
        ("ranked_first_no_question", [1.0, 0.0, 0.0]),
    ],
)
def test_rankings_are_read_from_the_log_probabilities(name: str, values: list[float], tmp_path: Path) -> None:
    found = trial(tmp_path / "a", RAW, {name: sum(values) / 3}).items("wiki2023", name)
    assert found
    assert list(found.values.values()) == values
    assert found.documents == {"q0": "article0", "q1": "article0", "q2": "article1"}


def test_a_ranking_that_does_not_add_up_is_not_used(tmp_path: Path) -> None:
    assert trial(tmp_path / "a", RAW, {"ranked_first": 0.9}).items("wiki2023", "ranked_first") is None


def test_arms_are_paired_by_question_on_the_ranking(tmp_path: Path) -> None:
    a = trial(tmp_path / "a", RAW | {"q1": [-1.0, -2.0]}, {"ranked_first": 2.5 / 3})
    b = trial(tmp_path / "b", RAW, {"ranked_first": 0.5})
    found = difference([a], [b], "wiki2023", "ranked_first", "wiki2023")
    assert found
    assert found["value"] == pytest.approx(1 / 3)
    assert found["n"] == 3
    assert found["low"] is not None
    assert found["smallest"] > 0


def asked(folder: Path, measures: dict[str, list[float]], kinds: dict[str, str]) -> TrialResult:
    """A finished trial with two scores a measure, the questions of one measure after those of the other."""
    rows = [
        {"id": f"{name}{n}", "kind": kinds.get(name, "forward"), "scores": {"exact_match": score, "f1": score}}
        for name, scores in measures.items()
        for n, score in enumerate(scores)
    ]
    (folder / "predictions").mkdir(parents=True)
    (folder / "predictions" / "retention.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    about = {"low": None, "high": None, "n": 2, "clusters": 2, "unit": "share", "direction": 1, "covers": ""}
    found = {f"{n}{end}": {"value": sum(m) / 2, **about} for n, m in measures.items() for end in ("", "_f1")}
    (folder / "results.json").write_text(json.dumps({"probes": {"retention": {"measures": found}}}))
    return TrialResult(folder.name, Replicate(0, 0), folder)


@pytest.mark.parametrize("kinds", [{}, {"two_hop": "two_hop", "reverse": "reverse"}], ids=["blocks", "kinds"])
@pytest.mark.parametrize("score", ["", "_f1"])
def test_measures_with_equal_means_keep_questions_of_their_own(
    score: str, kinds: dict[str, str], tmp_path: Path
) -> None:
    measures = {"recall": [1.0, 0.0], "two_hop": [0.0, 1.0], "reverse": [0.0, 1.0]}
    tied = asked(tmp_path / "tied", measures, kinds)
    for name, scores in measures.items():
        found = tied.items("retention", name + score)
        assert found
        assert found.values == {f"{name}{n}": value for n, value in enumerate(scores)}
    other = asked(tmp_path / "other", measures | {"reverse": [1.0, 1.0]}, kinds)
    paired = difference([other], [tied], "retention", f"reverse{score}", "biographies")
    assert paired
    assert paired["covers"].startswith("other questions like these 2")


def test_equal_means_that_nothing_tells_apart_are_not_paired(tmp_path: Path) -> None:
    measures = {"exact_match": [1.0, 0.0], "contains": [1.0, 0.0]}
    kinds = {"exact_match": "1999", "contains": "2000"}
    assert asked(tmp_path / "a", measures, kinds).items("retention", "exact_match") is None


def test_a_part_of_a_measure_is_not_read_from_another_one_of_its_size_and_mean(tmp_path: Path) -> None:
    found = asked(tmp_path / "a", {"recall": [1.0, 1.0], "two_hop": [0.0, 1.0]}, {"two_hop": "two_hop"})
    found.probes["retention"]["measures"]["recall/city"] = {"value": 0.5, "n": 2}
    assert found.items("retention", "recall/city") is None
