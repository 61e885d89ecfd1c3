"""Counting tokens: how much longer the views make a corpus, as a model will see it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import kinj.models

EMBEDDED = "tiny"
"""Whose tokenizer counts where no model is named."""
WHOLE = 20_000
"""Most characters of a text that are read to estimate its tokens; a tokenizer takes seconds for a million."""
PARTS = 8


def estimate_tokens(model: str, texts: Sequence[str]) -> list[int]:
    """Tokens of each text as in `count_tokens`; of a longer one, as many as parts of it let expect, which are spread evenly."""
    found = []
    for text in texts:
        parts = [text] if len(text) <= WHOLE else _parts(text)
        read = sum(map(len, parts))
        found.append(round(sum(count_tokens(model, parts)) * len(text) / read) if read else 0)
    return found


def _parts(text: str) -> list[str]:
    size = WHOLE // PARTS
    starts = ((len(text) - size) * number // (PARTS - 1) for number in range(PARTS))
    return [text[start : start + size] for start in starts]


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
    from kinj.models.tokenizers import load_tokenizer  # which imports torch

    return load_tokenizer(model).backend_tokenizer
