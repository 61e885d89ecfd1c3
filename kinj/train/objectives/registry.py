"""Names of objectives and what is behind them: the module of that name beside this one holds `build(stage)`."""

from __future__ import annotations

from importlib import import_module

from kinj.config.schema import StageSettings
from kinj.train.objectives.base import Objective


def build(name: str, stage: StageSettings) -> Objective:
    """The objective of that name, one of `kinj.config.names.OBJECTIVES`.

    Args:
        stage: an objective with settings reads the section of its name.

    Raises:
        UsageError: settings that the objective cannot work with.
    """
    objective: Objective = import_module(f"kinj.train.objectives.{name}").build(stage)
    return objective
