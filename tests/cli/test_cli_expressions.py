"""Model expressions where commands take a model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Kinj

HALF = "tiny + 0.5*(tiny-plain - tiny)"


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_an_expression_is_evaluated_and_compared(kinj: Kinj) -> None:
    found = kinj("eval", HALF, "tiny", "--compare", "--probe", "biographies", "eval.limit=4", "--json")
    assert found.exit_code == 0, found.stderr
    content = json.loads(found.stdout)["results"][0]
    assert (content["model"], content["before"]) == (HALF, "tiny")
    assert content["folder"] == "runs/eval-tiny-0.5-tiny-plain-tiny-001"
    assert "recall_change" in content["probes"]["biographies"]["measures"]


def test_an_expression_of_itself_answers_as_the_model(kinj: Kinj) -> None:
    same = "tiny + 0*(tiny-plain - tiny)"
    found = kinj("eval", "--model", same, "tiny", "--ask", "Where was Ada born?", "--json")
    rows = json.loads(found.stdout)["asked"]
    assert {row["model"] for row in rows} == {same, "tiny"}
    assert rows[0]["answer"] == rows[1]["answer"]


def test_training_starts_from_an_expression(kinj: Kinj) -> None:
    small = ["data.biographies.people=3", "train.stages.inject.epochs=null", "train.stages.inject.steps=1"]
    found = kinj("train", "--model", HALF, "-o", "run", *small)
    assert found.exit_code == 0, found.stderr
    assert list(Path("run/checkpoints").iterdir())


@pytest.mark.parametrize(
    ("arguments", "phrase"),
    [
        (["eval", "2*tiny", "--dry-run"], "add up to 2, not 1"),
        (["eval", "tiny + 0.5*(tiny-plian - tiny)", "--dry-run"], "did you mean tiny-plain?"),
        (["eval", HALF, "--export", "lm-eval", "out"], "lm-eval cannot load the model expression"),
        (["train", "--model", "tiny + (tiny-plain - tiny", "--dry-run"], "a parenthesis is not closed"),
    ],
)
def test_a_wrong_expression_is_wrong_usage(kinj: Kinj, arguments: list[str], phrase: str) -> None:
    found = kinj(*arguments)
    assert found.exit_code == 2
    assert phrase in found.stderr
