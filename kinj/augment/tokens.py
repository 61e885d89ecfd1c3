"""Counting tokens: how much longer the views make a corpus, as a model will see it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import kinj.models

EMBEDDED = "tiny"
"""Whose tokenizer counts where no model is named."""


def count_tokens(model: str, texts: Sequence[str]) -> list[int]:
    """Tokens of each text, without special ones.

    Args:
        model: whose tokenizer: a shipped model, a run, a folder or a Hub id.

    Raises:
        UsageError: there is no such model.
        KinjError: it has no tokenizer.
    """
    tokenizer = _tokenizer(model)
    plain = (text.encode(errors="replace").decode() for text in texts)  # tokenizers take no lone surrogates
    return [len(tokenizer.encode(text, add_special_tokens=False).ids) for text in plain]


@cache
def _tokenizer(model: str) -> Any:
    import tokenizers

    shipped = Path(kinj.models.__file__).parent / "embedded" / model / "tokenizer.json"
    if shipped.exists():
        return tokenizers.Tokenizer.from_file(str(shipped))
    from kinj.models.loading import load_tokenizer  # which imports torch

    return load_tokenizer(model).backend_tokenizer
