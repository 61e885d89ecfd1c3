"""The example on orders of documents and questions: six arms, the same people in each, and the whole path in small."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kinj.cli.main import app
from kinj.config import load

EXAMPLE = Path(__file__).parents[2] / "examples" / "order"
YAML, SMOKE = str(EXAMPLE / "order.yaml"), str(EXAMPLE / "smoke.yaml")
D, OTHER, ASKED = "documents", "train_documents", "train_questions"
ORDERS: dict[str, list[set[str]]] = {
    "cpt": [{D, ASKED}],
    "cpt_it": [{D, OTHER}, {ASKED}],
    "mix_all": [{D, OTHER, ASKED}],
    "pit": [{OTHER, ASKED}, {D}],
    "pit_plus_plus": [{ASKED}, {OTHER, ASKED}, {D}],
    "pit_minus_minus": [{OTHER, ASKED}, {ASKED}, {D}],
}


def arms() -> dict[str, Any]:
    loaded = load("sweep", files=[YAML], environ={})
    assert loaded.warnings == []
    return {name: loaded.override(arm, "train").settings.train for name, arm in loaded.settings.sweep.arms.items()}


def test_arms_are_those_of_the_paper() -> None:
    found = {name: [set(train.stages[stage].data) for stage in train.order] for name, train in arms().items()}
    assert found == ORDERS


def test_every_arm_reads_the_tested_people_equally_often_and_three_arms_read_all_passages_equally_often() -> None:
    def passes(train: Any, pool: str) -> float:
        stages = [train.stages[name] for name in train.order]
        return sum(s.epochs * s.data[pool].weight for s in stages if pool in s.data and s.data[pool].per is None)

    found = {name: [passes(train, pool) for pool in (D, OTHER, ASKED)] for name, train in arms().items()}
    assert {each[0] for each in found.values()} == {16}
    assert found["cpt_it"] == found["mix_all"] == found["pit"] == [16, 4, 4]
    assert found["pit_plus_plus"] == found["pit_minus_minus"] == [16, 4, 8]


@pytest.mark.slow
@pytest.mark.usefixtures("trials_here")
def test_smoke_goes_the_whole_way(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["sweep", "-c", YAML, "-c", SMOKE, "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.stderr
    found = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert [group["arm"] for group in found["groups"]] == list(ORDERS)
