"""What is varied reaches the trials, or the sweep says that it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from kinj.cli.main import app
from kinj.cli.sweeping import Chooser
from kinj.config import Loaded, load
from kinj.config.space import check_space, split_space
from kinj.sweep.results import PlannedTrial
from kinj.sweep.run import plan
from kinj.sweep.unread import unread


def planned(*typed: str, over: list[str] | None = None) -> tuple[list[PlannedTrial], Loaded]:
    overrides, space = split_space(typed)
    loaded = load("sweep", [*overrides, *(over or [])], environ={})
    chooser = Chooser(loaded.settings, loaded, check_space(loaded, space))
    return plan(chooser.trials(), chooser.settings_of, Path("sweep"))[1], loaded


def test_views_that_are_varied_are_made_of_the_documents() -> None:
    trials, loaded = planned("augment.views=1,5", "augment.method=[permute]", "optim.sam.rho=0,0.05")
    sources = [one.settings.train.stages["inject"].data for one in trials]
    assert [(data["documents"].augment, data["documents"].views) for data in sources] == [
        (["permute"], views) for views in (1, 1, 5, 5)
    ]
    assert all(data["replay"].augment == [] for data in sources)
    assert len({one.identity for one in trials}) == 4
    assert list(unread(trials, loaded)) == []


def test_methods_that_are_varied_take_the_views_that_are_set() -> None:
    trials, loaded = planned("augment.method=[permute],[formatting]", "augment.views=3")
    sources = [one.settings.train.stages["inject"].data["documents"] for one in trials]
    assert [(source.augment, source.views) for source in sources] == [(["permute"], 3), (["formatting"], 3)]
    assert list(unread(trials, loaded)) == []


def test_views_of_an_arm_are_made_too() -> None:
    arms = "sweep.arms={plain: {}, five: {augment.views: 5}}"
    trials, loaded = planned("seed=0,1", arms)
    sources = [one.settings.train.stages["inject"].data["documents"] for one in trials]
    assert [(source.augment, source.views) for source in sources] == [([], 10), (["formatting"], 5)] * 2
    assert list(unread(trials, loaded)) == []


NOWHERE = [
    (["optim.sam.fraction=0.25,0.5"], "optim.sam.fraction, which is varied, has no effect: SAM is off"),
    (["train.stages.teach.steps=1,2"], "train.stages.teach.steps, which is varied, has no effect: the stage is not in"),
    (["augment.views=3", "seed=0,1"], "augment.views = 3 (command line) has no effect: in training, each source names"),
]


@pytest.mark.parametrize(("typed", "said"), NOWHERE, ids=[" ".join(row[0]) for row in NOWHERE])
def test_what_no_trial_reads_is_said(typed: list[str], said: str) -> None:
    (warning,) = unread(*planned(*typed))
    assert warning.startswith(said)


def test_a_search_is_looked_at_before_it_begins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    searched = ["sweep", "sweep.sampler=tpe", "optim.lr=1e-4..1e-2:log", "sweep.points=2", "--dry-run"]
    told = CliRunner().invoke(app, [*searched, "optim.sam.fraction=0.25,0.5"])
    assert told.exit_code == 0, told.stderr
    assert "optim.sam.fraction, which is varied, has no effect: SAM is off" in told.stderr
    told = CliRunner().invoke(app, [*searched, "optim.sam.fraction=0.25,0.5", "optim.sam.rho=0,0.05"])
    assert "warning" not in told.stderr
    assert not list(tmp_path.iterdir())


def test_what_some_trials_read_is_not() -> None:
    assert list(unread(*planned("optim.sam.rho=0,0.05", "optim.sam.fraction=0.25,0.5"))) == []
    assert list(unread(*planned("optim.sam.rho=0,0.05", "optim.sam.every=2"))) == []


def test_what_the_sweep_itself_warns_about_is_said_once() -> None:
    trials, loaded = planned("seed=0,1", "model.size=1M", "train.stages.teach.steps=3")
    assert [warning.partition(" ")[0] for warning in loaded.warnings] == ["model.size", "train.stages.teach"]
    assert list(unread(trials, loaded)) == []
