"""`auto`: the next token on documents, the answer on questions."""

from __future__ import annotations

from kinj.config.schema import StageSettings
from kinj.train.objectives.base import ByKind


def build(stage: StageSettings) -> ByKind:  # noqa: ARG001 - it has no settings
    """The objective; there is nothing to set."""
    return ByKind()
