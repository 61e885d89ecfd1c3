"""Trackers see what metrics.jsonl holds; a tracker that is not installed is said before anything is loaded."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kinj.config import load
from kinj.config.errors import UsageError
from kinj.data.rundir import RunDir
from kinj.train.run import train
from kinj.train.trackers import Trackers
from tests.train.test_train_run import StopError, data, fresh, run_dir, settings, stop_after


class Recorded:
    """Stands in for trackio's or wandb's run: keeps what it is told."""

    def __init__(self, **options: Any) -> None:
        self.options, self.lines, self.finished = options, dict[int, dict[str, float]](), False

    def log(self, values: dict[str, float], step: int) -> None:
        self.lines[step] = {**self.lines.get(step, {}), **values}

    def finish(self) -> None:
        self.finished = True


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Recorded]:
    """A module `trackio` and a module `wandb` whose runs are kept here."""
    runs: list[Recorded] = []

    def init(**options: Any) -> Recorded:
        runs.append(Recorded(**options))
        return runs[-1]

    for name in ("trackio", "wandb"):
        module: Any = ModuleType(name)
        module.init = init
        monkeypatch.setitem(sys.modules, name, module)
    return runs


@pytest.mark.parametrize("name", ["trackio", "wandb"])
def test_trackers_see_every_step_and_measure(
    name: str, recorded: list[Recorded], tmp_path: Path, tokenizer: Any
) -> None:
    chosen = settings()
    chosen.run.trackers = [name]
    chosen.train.probe_every = 4
    measure = {"probe": "p", "measure": "recall", "value": 0.5, "low": None, "direction": 1}
    run = run_dir(tmp_path / "mine")
    train(chosen, fresh(tokenizer), data(), run, observer=lambda step, _: [measure])
    (seen,) = recorded
    assert seen.finished
    assert (seen.options["project"], seen.options["name"]) == ("kinj", "mine")
    steps = [line for line in run.metrics() if "loss" in line]
    assert [seen.lines[line["step"]]["loss"] for line in steps] == [line["loss"] for line in steps]
    assert {step for step, line in seen.lines.items() if line.get("p/recall") == 0.5} == {4, 8, 12}


def test_an_interrupted_run_closes_its_trackers(recorded: list[Recorded], tmp_path: Path, tokenizer: Any) -> None:
    chosen = settings()
    chosen.run.trackers = ["trackio"]
    with pytest.raises(StopError):
        train(chosen, fresh(tokenizer), data(), run_dir(tmp_path / "run"), progress=stop_after(3))
    assert recorded[0].finished
    assert max(recorded[0].lines) == 3


def test_only_finite_numbers_are_shown(recorded: list[Recorded], tmp_path: Path) -> None:
    trackers = Trackers(["wandb"], RunDir(tmp_path), 0)
    trackers.show({"step": 1, "stage": "first", "loss": float("nan"), "lr": 0.5, "sam/moved": True})
    assert recorded[0].lines == {1: {"lr": 0.5, "sam/moved": 1.0}}


def test_tensorboard_reads_its_files(tmp_path: Path) -> None:
    """With the real package; steps taken again after an interruption replace those shown before it."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for begin, loss in ((0, 1.0), (2, 2.0)):
        trackers = Trackers(["tensorboard"], RunDir(tmp_path), begin)
        for step in range(begin + 1, 5):
            trackers.show({"step": step, "loss": loss})
        trackers.close()
    found = EventAccumulator(str(tmp_path / "tensorboard"))
    found.Reload()
    assert [(event.step, event.value) for event in found.Scalars("loss")] == [(1, 1), (2, 1), (3, 2), (4, 2)]


@pytest.mark.parametrize(("name", "installs"), [("trackio", "kinj[tracking]"), ("wandb", "pip install wandb")])
def test_a_tracker_that_is_not_installed_is_refused_at_once(
    name: str, installs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kinj.config.check.find_spec", lambda _: None)
    with pytest.raises(UsageError) as error:
        load("train", [f"run.trackers=[{name}]"])
    assert f"{name} is not installed" in str(error.value)
    assert installs in str(error.value)


def test_an_unknown_tracker_is_refused() -> None:
    with pytest.raises(UsageError, match="trackers must be one of"):
        load("train", ["run.trackers=[mlflow]"])
