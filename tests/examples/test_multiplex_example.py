"""The example on multiplexed sweeps: what its runs hold, and the whole path in small."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kinj.cli.main import app
from kinj.config import load
from kinj.config.multiplex import treatments
from kinj.data.treatments import read_treatments

EXAMPLE = Path(__file__).parents[2] / "examples" / "multiplex"
YAML, SMOKE, DOSES, QUICK = (str(EXAMPLE / f"{name}.yaml") for name in ("multiplex", "smoke", "doses", "quick"))


def test_settings_are_right_at_every_size() -> None:
    for files in ([YAML], [YAML, QUICK], [YAML, SMOKE], [YAML, DOSES], [YAML, QUICK, DOSES]):
        loaded = load("sweep", files=files, environ={})
        assert loaded.warnings == []
        assert len(treatments(loaded.settings)) == 4
        assert loaded.settings.data.biographies.people % 4 == 0


@pytest.mark.slow
@pytest.mark.usefixtures("trials_here")
def test_smoke_goes_the_whole_way(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["sweep", "-c", YAML, "-c", SMOKE, "-o", str(out)])
    assert done.exit_code == 0, done.stderr
    found = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert [group["name"] for group in found["groups"]] == [
        f"{kind}, data.biographies.views={views}" for kind in ("together", "alone") for views in (1, 2, 5, 10)
    ]
    for point in found["multiplex"]["checked"][0]["curve"]:
        assert point["together"]["n"] == point["alone"]["n"] == 2 * 6
    assert "What the documents of a row's treatment add" in done.stdout
    together = found["groups"][0]["trials"][0]["trial"]
    assert sorted(read_treatments(out / "trials" / together).values()) == [0, 0, 1, 1, 2, 2, 3, 3]


@pytest.mark.slow
@pytest.mark.usefixtures("trials_here")
def test_doses_of_one_run_are_the_points_of_a_law(tmp_path: Path) -> None:
    arguments = ["-c", YAML, "-c", SMOKE, "-c", DOSES, "seed+data.seed=0,1", "train.stages.teach.steps=null"]
    done = CliRunner().invoke(app, ["sweep", *arguments, "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.stderr
    law = json.loads((tmp_path / "out" / "laws" / "exposure.json").read_text(encoding="utf-8"))
    assert [point["x"] for point in law["lines"][0]["points"]] == [2, 4, 8, 16]


@pytest.mark.slow
def test_commands_of_the_readme_are_right(try_commands: Callable[[Path], int]) -> None:
    assert try_commands(EXAMPLE) > 3


def test_settings_that_cannot_differ_are_refused_with_those_that_can(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["sweep", "--multiplex", "optim.lr=1e-3,1e-4", "-o", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "what can: augment.method, augment.views" in done.stderr
    assert not (tmp_path / "out").exists()


def test_more_treatments_than_documents_are_refused_before_anything_runs(tmp_path: Path) -> None:
    few = ["data.biographies.people=2", "--multiplex", "augment.views=1,2,3", "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(app, ["sweep", *few])
    assert done.exit_code == 2
    assert "3 treatments, and there are 2 documents" in done.stderr
    assert not (tmp_path / "out").exists()
