"""What makes two trials the same: the settings that can change the result, and the content they read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kinj.config.build import flatten
from kinj.config.check import stage_optim
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
    return _hash(settings=_values(settings), inputs=[content_of(str(path)) for path in inputs])


def stage_keys(settings: Settings) -> list[str]:
    """For each stage of `train.order`, a hash of all that decides where training stands at its end.

    It is equal in trials that do the same until then. Of the stages that follow, and of how the trained model is asked, only
    what is already read before is in it.
    """
    values, train = _values(settings), settings.train
    learned = learns_tokenizer(settings)  # from the texts of all stages
    probed = bool(train.probes) and bool(train.probe_every or train.probe_log)
    keys = []
    for count in range(1, len(train.order) + 1):
        names = train.order[:count]
        sources = [source for name in names for source in train.stages[name].data.values()]
        read = [f"train.stages.{name}." for name in (train.stages if learned else names)]
        read += ["augment."] if learned or probed or any(source.augment for source in sources) else []
        read += ["eval."] if probed or any(source.select.keep for source in sources) else []
        unread = tuple({"train.order", "train.stages.", "optim.", "augment.", "eval."}.difference(read))
        used = {
            key: value for key, value in values.items() if key.startswith(tuple(read)) or not key.startswith(unread)
        }
        keys.append(_hash(settings=used, order=names, optim=[asdict(stage_optim(settings, name)) for name in names]))
    return keys


def learns_tokenizer(settings: Settings) -> bool:
    """Whether a trial's model has a tokenizer that is learned from the trial's texts."""
    return settings.model.name == "scratch" and settings.model.tokenizer == "train"


def tokenizer_key(settings: Settings) -> str:
    """A hash of all that decides what a tokenizer learns: texts and size, not how often a model reads them."""
    texts = ("data.", "augment.", "model.vocabulary", "model.prompt")
    used = {
        key: value
        for key, value in _values(settings).items()
        if key.startswith(texts) or (key.startswith("train.stages.") and ".data." in key)
    }
    return _hash(settings=used, what="tokenizer")


def _values(settings: Settings) -> dict[str, Any]:
    """The settings that can change the result, with contents in place of paths."""
    values = {key: value for key, value in flatten(settings).items() if not key.startswith(NOT_IN_IT)}
    for key, value in values.items():
        if key in READ_FROM or (key.startswith("train.stages.") and key.endswith(".path")):
            values[key] = content_of(value)
    values["model.name"] = _model(settings.model.name)
    if settings.model.name == "scratch" and not learns_tokenizer(settings):
        values["model.tokenizer"] = _tokenizer(settings.model.tokenizer)
    return values


def _hash(**described: Any) -> str:
    text = json.dumps({"schema": SCHEMA, **described}, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _tokenizer(name: str) -> str:
    """As `_model`, also of a folder that holds a tokenizer and no model."""
    own = Path(name).expanduser()
    if not (own / "tokenizer.json").exists() or (own / "config.json").exists():
        return _model(name)
    return digest((path.name, path) for path in sorted(own.glob("tokenizer*")))


def _model(name: str) -> str:
    """A model: the content of its folder (of an expression: of each of its models, with its amount), or its name
    where it is made anew or comes from the Hub."""
    if name == "scratch":
        return name
    from kinj.models import adapters  # imports torch
    from kinj.models.expressions import amounts
    from kinj.models.places import base_of, locate

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
