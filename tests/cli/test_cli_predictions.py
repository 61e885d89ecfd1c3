"""`kinj eval --from-predictions`: answers made elsewhere, scored without a model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

Kinj = Callable[..., Result]
LINES: list[dict[str, Any]] = [
    {"id": "a", "document": "d1", "answers": ["Paris"], "prediction": "in Paris", "kind": "where", "source": "x"},
    {"id": "b", "document": "d1", "answers": ["Rome", "Roma"], "prediction": "the Roma.", "kind": "where"},
    {"id": "c", "document": "d2", "answers": "1901", "prediction": 1901, "kind": "when"},
    {"id": "d", "document": "d3", "answers": ["Oslo"], "prediction": "", "kind": "where"},
]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(*lines: object) -> None:
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    Path("answers.jsonl").write_text(text, encoding="utf-8")


def scored(kinj: Kinj, *more: str) -> dict[str, Any]:
    result = kinj("eval", "--from-predictions", "answers.jsonl", "-o", "out", "--json", *more)
    assert result.exit_code == 0, result.stderr
    (found,) = json.loads(result.stdout)["results"]
    return dict(found)


def test_lines_get_their_scores_and_keep_their_keys(kinj: Kinj) -> None:
    write(*LINES)
    found = scored(kinj)
    rows = [json.loads(line) for line in Path("out/predictions/qa.jsonl").read_text().splitlines()]
    assert [row["scores"]["exact_match"] for row in rows] == [0, 1, 1, 0]
    assert set(rows[0]["scores"]) == {"exact_match", "f1", "contains", "rouge_l_recall"}
    assert rows[0]["scores"]["f1"] == pytest.approx(2 / 3)
    assert (rows[0]["source"], rows[2]["prediction"], rows[2]["answers"]) == ("x", "1901", ["1901"])
    documents = [json.loads(line) for line in Path("out/predictions/qa.documents.jsonl").read_text().splitlines()]
    assert [(row["document"], row["questions"], row["exact_match"]) for row in documents] == [
        *[("d1", 2, 0.5), ("d2", 1, 1.0), ("d3", 1, 0.0)]
    ]
    probe = found["probes"]["qa"]
    assert probe["measures"]["exact_match"]["value"] == 0.5
    assert (probe["measures"]["exact_match"]["n"], probe["measures"]["exact_match"]["clusters"]) == (4, 3)
    assert probe["measures"]["exact_match/where"]["value"] == pytest.approx(1 / 3)
    assert (probe["requests"], probe["empty"]) == (4, {"predictions": 1, "answers": 0})
    assert (found["normalizer"], found["model"], found["folder"]) == ("squad", "answers.jsonl", "out")
    assert json.loads(Path("out/results.json").read_text()) == {k: v for k, v in found.items() if k != "folder"}


def test_a_kind_that_is_null_is_none(kinj: Kinj) -> None:
    write(*LINES, {"id": "e", "answers": ["x"], "prediction": "x", "kind": None})
    measures = scored(kinj)["probes"]["qa"]["measures"]
    assert [name for name in measures if name.startswith("exact_match/")] == ["exact_match/where", "exact_match/when"]


def test_the_table_and_what_its_intervals_cover(kinj: Kinj) -> None:
    write(*LINES)
    result = kinj("eval", "--from-predictions", "answers.jsonl", "--normalizer", "nq")
    assert "exact_match" in result.stdout
    assert "other documents like these 3 (4 questions, clustered by document)" in result.stdout
    assert "nothing is left of 1 answers given" in result.stderr
    assert Path("runs/eval-answers-001/predictions/qa.jsonl").exists()


def test_squad2_takes_unanswerable_questions(kinj: Kinj) -> None:
    write({"id": "a", "answers": [], "prediction": ""}, {"id": "b", "answers": [], "prediction": "Rome"})
    measures = scored(kinj, "--normalizer", "squad2")["probes"]["qa"]["measures"]
    assert measures["exact_match"]["value"] == measures["f1"]["value"] == 0.5
    assert measures["exact_match"]["method"] == "Wilson"
    assert not Path("out/predictions/qa.documents.jsonl").exists()  # one question each: the predictions say it


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{not json", "line 2"),
        ({"id": "b", "answers": ["x"]}, "line 2 has no field `prediction`; it has: id, answers"),
        ({"id": "b", "answers": ["x"], "prediction": None}, "line 2 has a field `prediction` that is neither"),
        ({"id": "b", "answers": [["x"]], "prediction": "x"}, "line 2 has a field `answers` that is neither"),
        ({"id": "b", "prediction": "x"}, "line 2 has no field `answers`"),
        ({"id": "b", "answers": [], "prediction": "x"}, "line 2 has no accepted answer (`answers` is empty)"),
        ({"answers": ["x"], "prediction": "x"}, "line 2 has no field `id`"),
        ({"id": "a", "answers": ["x"], "prediction": "x"}, "line 2 has the id `a` of line 1"),
    ],
)
def test_a_bad_line_is_named_or_set_aside(kinj: Kinj, line: object, reason: str) -> None:
    write(LINES[0], line, LINES[3])
    stopped = kinj("eval", "--from-predictions", "answers.jsonl", "-o", "out")
    assert (stopped.exit_code, stopped.stdout) == (1, "")
    assert reason in stopped.stderr
    assert not Path("out/predictions/qa.jsonl").exists()
    skipped = kinj("eval", "--from-predictions", "answers.jsonl", "-o", "out", "--overwrite", "--on-error", "skip")
    assert skipped.exit_code == 3
    assert "1 line was set aside" in skipped.stderr
    assert len(Path("out/predictions/qa.jsonl").read_text().splitlines()) == 2
    (rejected,) = Path("out/answers.rejected.jsonl").read_text().splitlines()
    assert json.loads(rejected)["line"] == 2


def test_wrong_usage_is_refused(kinj: Kinj) -> None:
    write(*LINES)
    file = ("eval", "--from-predictions", "answers.jsonl")
    for more in (["tiny"], ["--ask", "Who?"], ["--compare"]):
        assert kinj(*file, *more).exit_code == 2
    wrong = kinj(*file, "--normalizer", "squad3")
    assert (wrong.exit_code, "squad2" in wrong.stderr) == (2, True)
    absent = kinj("eval", "--from-predictions", "absent.jsonl")
    assert (absent.exit_code, "a line looks like" in absent.stderr) == (2, True)
    Path("empty.jsonl").write_text("")
    nothing = kinj("eval", "--from-predictions", "empty.jsonl")
    assert (nothing.exit_code, "empty.jsonl is empty" in nothing.stderr) == (1, True)


def test_a_dry_run_writes_nothing(kinj: Kinj) -> None:
    write(*LINES)
    result = kinj("eval", "--from-predictions", "answers.jsonl", "--normalizer", "nq", "--dry-run")
    assert "compared as nq" in result.stdout
    assert os.listdir() == ["answers.jsonl"]
    shown = json.loads(kinj("eval", "--from-predictions", "answers.jsonl", "--dry-run", "--json").stdout)
    assert (shown["dry_run"], shown["predictions"]) == (True, "answers.jsonl")


def test_no_model_is_loaded() -> None:
    write(*LINES)
    code = "import sys; from kinj.cli.main import app; app(standalone_mode=False); print('torch' in sys.modules)"
    command = [sys.executable, "-c", code, "eval", "--from-predictions", "answers.jsonl", "-o", "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.stdout.splitlines()[-1] == "False", done.stderr
