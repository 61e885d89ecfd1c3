"""`kinj sweep --workers 0`, which only plans, and `kinj sweep FOLDER --worker`, which runs what was planned."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from kinj.cli.main import app
from kinj.sweep.executor import Job, Outcome
from kinj.sweep.worker import find

SMALL = [
    *("data.biographies.people=6", "data.biographies.teachers=4", "eval.limit=30"),
    *("train.stages.inject.epochs=null", "train.stages.inject.steps=2"),
]
PLAN = ["sweep", "seed=0,1", "-o", "both", *SMALL]

Kinj = Callable[..., Result]


class Here:
    """Runs trials in this process."""

    def map(self, jobs: Iterable[Job], tick: Callable[[], None] | None = None) -> Iterator[Outcome]:
        for job in jobs:
            yield Outcome(job.name, find(job.function)(**job.spec), os.getpid())


@pytest.fixture
def kinj(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kinj:
    monkeypatch.chdir(tmp_path)
    for module in ("kinj.cli.joining", "kinj.sweep.run"):
        monkeypatch.setattr(f"{module}.executor_of", lambda sweep, workers, entry: Here())
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def told(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.slow
def test_one_plans_another_works_and_the_first_one_makes_the_table(kinj: Kinj, tmp_path: Path) -> None:
    planned = told(kinj(*PLAN, "--workers", "0", "--json"))
    assert (planned["folder"], planned["planned"]) == ("both", 2)
    assert not (tmp_path / "both/results.json").exists()
    looked = told(kinj("sweep", "both", "--worker", "--dry-run", "--json"))
    assert (looked["folder"], looked["trials"]) == ("both", ["seed=0", "seed=1"])
    first = min((tmp_path / "both/trials").iterdir())
    shutil.move(first / "config.yaml", tmp_path / "kept")
    (first / "config.yaml").write_text((tmp_path / "kept").read_text().replace("name: tiny", "name: absent"))
    worked = kinj("sweep", "both", "--worker")
    assert worked.exit_code == 3
    assert "1 trial done, 1 failed, 0 left to others" in worked.stdout
    assert "--retry-failed" in worked.stderr
    shutil.move(tmp_path / "kept", first / "config.yaml")
    again = told(kinj("sweep", "both", "--worker", "--retry-failed", "--json"))
    assert (again["worker"], again["done"], again["failed"], again["left"]) == (True, 1, 0, 0)
    table = told(kinj(*PLAN, "--json"))
    assert (table["done"], table["resumed"]) == (2, 2)
    assert table["groups"][0]["measures"]


def test_the_plan_is_said(kinj: Kinj) -> None:
    result = kinj(*PLAN, "--workers", "0")
    assert result.stdout == "planned   2 trials in both\n"
    assert "kinj sweep both --worker" in result.stderr


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        (["--worker"], "name its folder: kinj sweep FOLDER --worker"),
        (["both", "seed=0,1", "--worker"], "name its folder: kinj sweep FOLDER --worker"),
        (["both", "--worker", "--workers", "0"], "would do nothing"),
        (["empty", "--worker"], "empty holds no sweep"),
        (["seed=0,1", "--sampler", "tpe", "--workers", "0"], "workers=0 only plans"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_joined(kinj: Kinj, typed: list[str], text: str) -> None:
    Path("both").mkdir()
    Path("empty").mkdir()
    result = kinj("sweep", *typed)
    assert result.exit_code == 2
    assert text in result.stderr


def test_in_the_wrong_directory_nothing_is_taken(kinj: Kinj, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("corpus.jsonl").write_text('{"text": "The office of team one is on floor two."}\n')
    shared = ["data=corpus", "data.documents=[corpus.jsonl]", "train=cpt"]
    assert kinj("sweep", "seed=0,1", *shared, "-o", "both", "--workers", "0").exit_code == 0
    before = Path("both/trials.jsonl").read_bytes()
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    result = kinj("sweep", "../both", "--worker")
    assert result.exit_code == 2
    assert "corpus.jsonl" in result.stderr
    assert (tmp_path / "both/trials.jsonl").read_bytes() == before
