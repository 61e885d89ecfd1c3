"""The table of a sweep that has none yet is the one it would have."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kinj.config.errors import UsageError
from kinj.sweep.snapshot import table_of
from tests.sweep.conftest import Start

ARMS = {"sweep.arms.plain.optim.lr": 0.002, "sweep.arms.steep.optim.lr": 0.004, "sweep.compare": [["steep", "plain"]]}


def test_the_same_table_as_the_sweep_s_own(start: Start, tmp_path: Path) -> None:
    start({"optim.sam.rho": [0.0, 0.1], "seed": [0, 1]}, "good", over=ARMS)
    written = json.loads((tmp_path / "sweep" / "results.json").read_text())
    (tmp_path / "sweep" / "results.json").unlink()
    assert json.loads(json.dumps(table_of(tmp_path / "sweep"))) == written


def test_what_failed_and_what_was_never_begun(start: Start, tmp_path: Path) -> None:
    start({"seed": [0, 1]}, "uneven")
    folder = tmp_path / "sweep"
    before = json.loads((folder / "results.json").read_text())
    assert table_of(folder) == before
    with (folder / "trials.jsonl").open("a") as file:
        file.write('{"time": 1, "trial": "never", "state": "planned"}\n')
    (folder / "trials" / "never").mkdir()
    (folder / "trials" / "never" / "overrides.txt").write_text("seed=5\n")
    os.utime(folder / "results.json", (1, 1))
    found = table_of(folder)
    assert [(t["seed"], t["done"]) for t in found["groups"][0]["trials"]] == [(0, True), (1, False), (5, False)]
    assert [failure["name"] for failure in found["failures"]] == ["seed=1"]


def test_a_folder_without_trials(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no trials yet"):
        table_of(tmp_path)
