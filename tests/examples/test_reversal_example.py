"""The example on backward questions: arms that differ in the objective alone, and the whole path in small."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kinj.cli.main import app
from kinj.config import load
from kinj.data import open_data

EXAMPLE = Path(__file__).parents[2] / "examples" / "reversal"
YAML, RATES, SMOKE = (str(EXAMPLE / f"{name}.yaml") for name in ("reversal", "rates", "smoke"))
MASKED = ["masked", "copy", "random", "fixed_50", "fixed_75", "rising"]


def arms() -> dict[str, Any]:
    loaded = load("sweep", files=[YAML, RATES], environ={})
    assert loaded.warnings == []
    return {name: loaded.override(arm, "train").settings for name, arm in loaded.settings.sweep.arms.items()}


def test_arms_differ_in_the_objective_and_in_nothing_else() -> None:
    stages = {name: settings.train.stages["teach"] for name, settings in arms().items()}
    assert list(stages) == ["plain", "plain_twice", *MASKED]
    plain = stages["plain"]
    for name in MASKED:
        assert stages[name].objective == "masked"
        assert (stages[name].epochs, stages[name].data) == (plain.epochs, plain.data)
    assert plain.objective == "auto"
    assert stages["plain_twice"].data == plain.data
    assert plain.data["replay"].objective == "auto"


def test_rates_and_controls_are_those_of_the_paper() -> None:
    masked = {name: settings.train.stages["teach"].masked for name, settings in arms().items() if name in MASKED}
    found = {name: (each.ratio, each.schedule, each.context) for name, each in masked.items()}
    assert found == {
        "masked": ([0.05, 0.95], "sampled", "passage"),
        "fixed_50": ([0.5], "sampled", "passage"),
        "fixed_75": ([0.75], "sampled", "passage"),
        "rising": ([0.05, 0.95], "linear", "passage"),
        "copy": ([0.0], "sampled", "passage"),
        "random": ([0.05, 0.95], "sampled", "random"),
    }


def test_the_replay_asks_backward_about_other_people_only() -> None:
    data = open_data(arms()["plain"].data)
    asked = [record for record in data.pool("replay") if getattr(record, "kind", None) == "reverse"]
    injected = {document.id for document in data.pool("documents")}
    assert len(asked) == 250
    assert not injected & {question.document for question in asked}  # type: ignore[union-attr] # questions only


@pytest.mark.slow
@pytest.mark.usefixtures("trials_here")
def test_smoke_goes_the_whole_way(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["sweep", "-c", YAML, "-c", RATES, "-c", SMOKE, "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.stderr
    found = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert [group["arm"] for group in found["groups"]] == ["plain", "plain_twice", *MASKED]
    assert found["measure"] == {"probe": "backward", "name": "ranked_first"}
    assert all({"recall", "reverse"} <= set(group["measures"]["biographies"]) for group in found["groups"])
    assert (tmp_path / "out" / "plot.svg").exists()


@pytest.mark.slow
def test_commands_of_the_readme_are_right(try_commands: Callable[[Path], int]) -> None:
    assert try_commands(EXAMPLE) > 3
