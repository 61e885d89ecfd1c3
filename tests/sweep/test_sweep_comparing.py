"""`kinj runs compare`: only what differs is named, and differences are paired where the questions were the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kinj.config import load, to_yaml
from kinj.config.errors import KinjError, UsageError
from kinj.data.rundir import RunDir
from kinj.sweep.comparing import compare_runs
from kinj.sweep.record import note_process
from tests.sweep.sweep_entries import write_run


def run(folder: Path, *overrides: str, recall: float = 0.5, passes: int = 100, environment: Any = None) -> Path:
    """A finished run whose `env.json` is given."""
    directory = RunDir.create(folder)
    settings = load("train", ["model=scratch", "model.tokenizer=train", *overrides], environ={}).settings
    (folder / "config.yaml").write_text(to_yaml(settings))
    (folder / "env.json").write_text(json.dumps(environment or {"cpu": "one", "packages": {"torch": "2.13"}}))
    note_process(directory)
    directory.event("started")
    write_run(folder, recall, passes=passes)
    return folder


def test_what_differs_and_only_that(tmp_path: Path) -> None:
    a = run(tmp_path / "a", "optim.sam.rho=0.05", recall=0.9, passes=200)
    environment = {"cpu": "another", "packages": {"torch": "2.13", "peft": "1"}}
    b = run(tmp_path / "b", "seed=3", recall=0.2, environment=environment)
    found = compare_runs([a, b])
    assert found["settings"] == [{"key": "seed", "values": [0, 3]}, {"key": "optim.sam.rho", "values": [0.05, 0.0]}]
    assert found["environment"] == [
        {"key": "cpu", "values": ["one", "another"]},
        {"key": "packages.peft", "values": [None, "1"]},
    ]
    passes = next(row for row in found["cost"] if row["name"] == "passes")
    assert passes == {"name": "passes", "values": [200.0, 100.0], "ratios": [2.0]}
    assert found["notices"] == []


def test_a_difference_is_paired_by_question(tmp_path: Path) -> None:
    a, b = run(tmp_path / "a", recall=0.9), run(tmp_path / "b", recall=0.2)
    (row,) = compare_runs([a, b])["results"]
    first, second = row["values"]
    (difference,) = row["differences"]
    assert difference["value"] == pytest.approx(first["value"] - second["value"])
    # `write_run` draws one number a question: a question that the weaker run has right, the better one has too.
    gains = [True] * round(difference["value"] * 40)
    assert difference["n"] == 40
    assert difference["low"] < len(gains) / 40 < difference["high"]
    assert difference["high"] - difference["low"] < (first["high"] - first["low"]) + (second["high"] - second["low"])
    assert "says nothing about other seeds" in difference["covers"]


def test_other_questions_are_not_paired(tmp_path: Path) -> None:
    """Ids alone do not make questions the same: generated people are numbered alike, whoever they are."""
    a, b = run(tmp_path / "a", recall=0.9), run(tmp_path / "b", recall=0.2)
    file = b / "predictions" / "biographies.jsonl"
    rows = [json.loads(line) | {"prompt": "Who else?"} for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (row,) = compare_runs([a, b])["results"]
    (difference,) = row["differences"]
    assert (difference["low"], difference["high"], difference["smallest"]) == (None, None, None)
    assert difference["covers"] == "nothing: they were asked different questions"
    assert difference["value"] > 0


def test_three_runs_each_against_the_first(tmp_path: Path) -> None:
    folders = [run(tmp_path / name, recall=recall) for name, recall in (("a", 0.5), ("b", 0.5), ("c", 0.9))]
    (folders[1] / "results.json").unlink()
    (row,) = compare_runs(folders)["results"]
    assert row["values"][1] is None
    assert row["differences"][0] is None
    assert row["differences"][1]["value"] < 0


def test_versions_and_unfinished_runs_are_said(tmp_path: Path) -> None:
    a, b, c = (run(tmp_path / name) for name in "abc")
    events = (b / "events.jsonl").read_text()
    (b / "events.jsonl").write_text(events.replace('"schema":1', '"schema":0'))
    results = json.loads((c / "results.json").read_text())
    (c / "results.json").write_text(json.dumps(results | {"schema": 7}))
    notices = compare_runs([a, b, c])["notices"]
    assert (
        f"{c}: another version of kinj wrote its results.json (schema 7; this one reads 1); its results are left out"
        in notices
    )
    assert any("different schema versions" in notice and f"{b} under 0" in notice for notice in notices)
    RunDir(a).event("stopped", state="failed", error="the loss is not finite")
    assert f"{a} has not finished: it is failed (the loss is not finite)" in compare_runs([a, b])["notices"]


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    a = run(tmp_path / "a")
    with pytest.raises(UsageError, match="two runs or more"):
        compare_runs([a])
    with pytest.raises(UsageError, match="no run directory"):
        compare_runs([a, tmp_path / "nowhere"])
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "sweep.yaml").touch()
    with pytest.raises(UsageError, match="is a sweep"):
        compare_runs([a, tmp_path / "sweep"])
    b = run(tmp_path / "b")
    (b / "summary.json").write_text("{")
    with pytest.raises(KinjError, match=r"b is damaged: summary.json cannot be used"):
        compare_runs([a, b])
    c = run(tmp_path / "c")
    (c / "predictions" / "biographies.jsonl").write_text('{"no id": 1}\n')
    with pytest.raises(KinjError, match="no entry 'id'"):
        compare_runs([a, c])
