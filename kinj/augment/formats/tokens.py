"""Texts as a tokenizer sees them. Some tokenizers erase formats: two views may be the same tokens."""

from __future__ import annotations

from functools import cache
from typing import Any

from kinj.config.errors import KinjError

KEY = "augment.formatting.tokenizer"


def token_ids(tokenizer: str, text: str) -> tuple[int, ...]:
    """The tokens of a text, without special ones.

    Args:
        tokenizer: a shipped model, a run, a folder or a Hub id; loaded when first asked for.

    Raises:
        KinjError: it cannot be had (UsageError: there is none of that name).
    """
    return tuple(_loaded(tokenizer)(text, add_special_tokens=False)["input_ids"])


@cache
def _loaded(name: str) -> Any:
    from kinj.models.loading import load_tokenizer  # imports torch

    try:
        return load_tokenizer(name)
    except KinjError as error:
        raise type(error)(error.what.replace("model.name", KEY), error.hint) from error
