"""What makes two trials the same: the settings that can change the result, and the content they read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from kinj.config.build import flatten
from kinj.config.names import WRITTEN
from kinj.config.schema import Settings
from kinj.data.content import content_of, digest

SCHEMA = 1
"""Raised when a new version of kinj gives other results for the same settings."""

NOT_IN_IT = (
    *("run.", "sweep.", "augment.workers", "augment.engine"),
    *("train.keep_checkpoints", "train.checkpoint_every", "train.recipe", "model.lora.merge"),
)
"""Settings (a final dot: all below) that say where, how often or under which name, and change no result."""

READ_FROM = (
    *("data.documents", "data.questions", "data.replay", "data.path"),
    *("augment.formatting.tokenizer", "augment.templates.path", "augment.reverse.path"),
    *(f"augment.{method}.prompt" for method in WRITTEN),
    "eval.judge.prompt",
)
"""Settings that name what is read, besides `train.stages.*.data.*.path`."""

MODEL_FILES = (
    "model*.safetensors",
    "pytorch_model*.safetensors",
    "config.json",
    "tokenizer*",
    "vocab.json",
    "merges.txt",
)
"""What of a model's folder decides how it answers; not its run card, and not the optimizer of a checkpoint."""


def identity(settings: Settings, inputs: Sequence[Path] = ()) -> str:
    """Sixteen hexadecimal digits that are equal for trials with the same result.

    Paths are replaced by the content they lead to, so that moving a file changes nothing and editing it does. A Hub model
    counts by name and revision.

    Args:
        settings: of the trial.
        inputs: further files or folders that the result depends on.

    Raises:
        UsageError: `model.name` names nothing that could be loaded.
    """
    values = {key: value for key, value in flatten(settings).items() if not key.startswith(NOT_IN_IT)}
    for key, value in values.items():
        if key in READ_FROM or (key.startswith("train.stages.") and key.endswith(".path")):
            values[key] = content_of(value)
    values["model.name"] = _model(settings.model.name)
    if settings.model.name == "scratch":
        values["model.tokenizer"] = _model(settings.model.tokenizer) if settings.model.tokenizer != "train" else "train"
    described = {"schema": SCHEMA, "settings": values, "inputs": [content_of(str(path)) for path in inputs]}
    text = json.dumps(described, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _model(name: str) -> str:
    """A model or tokenizer: the content of its folder (of an expression: of each of its models, with its amount), or its name
    where it is made anew or comes from the Hub."""
    if name == "scratch":
        return name
    from kinj.models import adapters  # imports torch
    from kinj.models.expressions import amounts
    from kinj.models.loading import base_of, locate

    folder = locate(name)
    if found := amounts(name):
        return json.dumps([[amount, _model(part)] for part, amount in found.items()])
    if folder is None:
        return name
    if adapters.is_adapters(folder):
        written, base = adapters.written_config(folder), base_of(folder)
        written["base_model_name_or_path"] = _model(base)
        described = json.dumps(written, sort_keys=True)
        return described + digest([(adapters.WEIGHTS, folder / adapters.WEIGHTS)])
    return digest((path.name, path) for pattern in MODEL_FILES for path in sorted(folder.glob(pattern)))
