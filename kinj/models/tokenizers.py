"""From a name to a tokenizer: of a shipped model, a run, a folder or a Hub id, or learned from the run's texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from transformers.utils import logging as transformers_logging

from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import ModelSettings
from kinj.models.places import locate, unreadable
from kinj.models.scratch import train_tokenizer

transformers_logging.disable_progress_bar()  # kinj shows its own
transformers_logging.set_verbosity_error()

Texts = Callable[[], Iterable[str]]


def load_tokenizer(name: str) -> Any:
    """The tokenizer of a shipped model, a run, a local folder or a Hub id, without its model.

    Raises:
        UsageError: there is none of that name, or not a fast one.
        KinjError: the folder holds none.
    """
    if name == "scratch":
        raise UsageError("a `scratch` model has no tokenizer yet", "name a shipped model, a folder or a Hub id")
    return stored_tokenizer(name, tokenizer_folder(name), ModelSettings(name=name))


def tokenizer_folder(name: str) -> Path | None:
    """Where the tokenizer of that name is; None for one of the Hub.

    Raises:
        UsageError: it looks like a path, and nothing is there; or like a misspelt shipped model.
        KinjError: it is a run directory without a complete checkpoint.
    """
    path = Path(name).expanduser()
    return path if (path / "tokenizer.json").exists() else locate(name)  # a tokenizer's own folder has no config.json


def scratch_tokenizer(settings: ModelSettings, texts: Texts | None) -> Any:
    """The tokenizer of new weights: the one of `model.tokenizer`, or one that learns from `texts`.

    Raises:
        UsageError: it is to learn, and there are no texts.
    """
    if settings.tokenizer != "train":
        return stored_tokenizer(settings.tokenizer, tokenizer_folder(settings.tokenizer), settings)
    if texts is None:
        raise UsageError("model.tokenizer=train needs the run's texts, and this command has none")
    return train_tokenizer(texts(), settings.vocabulary)


def stored_tokenizer(name: str, folder: Path | None, settings: ModelSettings) -> Any:
    """The tokenizer in a folder, or (None) of a Hub id.

    Raises:
        UsageError: the Hub has none of that name, or it is not a fast one.
        KinjError: the folder holds none, or a broken one.
    """
    from transformers import AutoTokenizer

    if folder is not None and not any(folder.glob("*token*")) and not (folder / "vocab.json").exists():
        raise KinjError(
            f"{folder} has no tokenizer (tokenizer.json)",
            "save one beside the model: tokenizer.save_pretrained(FOLDER)",
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            str(folder or name), revision=settings.revision or "main", trust_remote_code=settings.trust_remote_code
        )
    except Exception as error:
        raise unreadable(name, folder, "tokenizer", error) from error
    for key in ("is_local", "local_files_only"):  # how it was loaded; saved again, it must be the same bytes
        tokenizer.init_kwargs.pop(key, None)
    if not tokenizer.is_fast:
        raise UsageError(f"the tokenizer of {name} is not a fast one (tokenizer.json); kinj needs its offsets")
    return tokenizer
