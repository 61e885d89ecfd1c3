"""Which questions flip between two rows, against answers written by hand."""

from __future__ import annotations

import json
from pathlib import Path

from kinj.sweep.flips import EXAMPLES, flips
from kinj.sweep.outcome import Replicate, TrialResult


def answered(folder: Path, hits: str, seed: int = 0, words: bool = True) -> TrialResult:
    """A run that answers question n where `hits[n]` is 1; each question is about a document of its own."""
    (folder / "predictions").mkdir(parents=True)
    measure = {"value": hits.count("1") / len(hits), "n": len(hits), "unit": "share", "direction": 1}
    (folder / "results.json").write_text(json.dumps({"probes": {"qa": {"measures": {"right": measure}}}}))
    rows = []
    for number, hit in enumerate(hits):
        row = {"id": f"q{number}", "document": f"d{number}", "scores": {"exact_match": float(hit)}}
        said = {"prompt": f"Q{number}?", "answers": [f"A{number}"], "prediction": f"A{number}" if hit == "1" else "no"}
        rows.append(row | (said if words else {}))
    (folder / "predictions" / "qa.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return TrialResult(folder.name, Replicate(0, seed), folder)


def test_each_side_s_questions_are_counted_and_shown(tmp_path: Path) -> None:
    a = [answered(tmp_path / "a0", "1100"), answered(tmp_path / "a1", "1111", seed=1)]
    b = [answered(tmp_path / "b1", "1110", seed=1), answered(tmp_path / "b0", "1010")]
    found = flips(a, b, "qa", "right")
    assert found
    assert {name: found[name] for name in ("pairs", "questions", "gained", "lost")} == {
        "pairs": 2,
        "questions": 8,
        "gained": 2,
        "lost": 1,
    }
    assert [(one["question"], one["right"], one["seed"]) for one in found["examples"]] == [
        ("Q1?", "a", 0),
        ("Q3?", "a", 1),
        ("Q2?", "b", 0),
    ]
    assert found["examples"][0]["a"] == "A1"
    assert found["examples"][0]["b"] == "no"


def test_few_examples_are_kept_however_many_there_are(tmp_path: Path) -> None:
    found = flips([answered(tmp_path / "a", "1" * 20)], [answered(tmp_path / "b", "0" * 20)], "qa", "right")
    assert found
    assert (found["gained"], len(found["examples"])) == (20, EXAMPLES)


def test_answers_without_words_are_counted_only(tmp_path: Path) -> None:
    found = flips([answered(tmp_path / "a", "10", words=False)], [answered(tmp_path / "b", "01")], "qa", "right")
    assert found
    assert (found["gained"], found["lost"], found["examples"]) == (1, 1, [])


def test_nothing_to_pair(tmp_path: Path) -> None:
    a, b = answered(tmp_path / "a", "10"), answered(tmp_path / "b", "01", seed=1)
    assert flips([a], [b], "qa", "right") is None
    (tmp_path / "a" / "predictions" / "qa.jsonl").unlink()
    assert flips([a], [answered(tmp_path / "c", "01")], "qa", "right") is None
