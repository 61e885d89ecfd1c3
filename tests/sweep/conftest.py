"""Trials that learn nothing: settings with a few keys changed, run by `sweep_entries`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from kinj.config import Loaded, load
from kinj.config.schema import Settings
from kinj.sweep.run import SweepResult, sweep
from kinj.sweep.space import Trial, grid

HERE = Path(__file__).parent


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets workers import `sweep_entries`."""
    monkeypatch.syspath_prepend(HERE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]))


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    """Settings of a sweep from `scratch` (so that no shipped model is read), in a folder for this test."""
    return load("sweep", ["model=scratch", "model.tokenizer=train", "optim.lr=5e-3"], environ={})


Start = Callable[..., SweepResult]


@pytest.fixture
def start(loaded: Loaded, tmp_path: Path, entries: None) -> Start:
    """Runs a sweep over a space: `start({"seed": [0, 1]}, "good", workers=2)`."""

    def run(
        space: Mapping[str, Sequence[Any]],
        entry: str,
        workers: int = 2,
        over: Mapping[str, Any] | None = None,
        folder: Path | None = None,
        **more: Any,
    ) -> SweepResult:
        base = loaded.override(over or {})

        def settings(trial: Trial) -> Settings:
            return base.override(trial.overrides, "train").settings

        trials = grid(space, base.settings.sweep.arms)
        return sweep(
            trials, settings, folder or tmp_path / "sweep", f"sweep_entries:{entry}", workers, base.settings, **more
        )

    return run
