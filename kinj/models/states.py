"""Hidden states of a causal model's last layer at given places of texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from kinj.config.errors import KinjError
from kinj.models.answering import Asked, evaluating
from kinj.models.passes import checked

States = NDArray[np.float32]


def states_at(language_model: Asked, texts: Sequence[tuple[str, Sequence[int]]], batch_tokens: int) -> list[States]:
    """What the model holds at some places of each text, having read it up to there: what its output layer is given.

    Modes and random state are left as they were.

    Args:
        texts: each with its places, as numbers of characters from its start: the state at the last token that ends no later.
        batch_tokens: most tokens of a batch, padding included.

    Returns:
        For each text, one row per place.

    Raises:
        KinjError: a text is longer than the model reads, or a state is not a number.
    """
    codec = language_model.codec
    found = codec.tokenizer([text for text, _ in texts], add_special_tokens=False, return_offsets_mapping=True)
    rows = [[*codec.bos, *ids] for ids in found["input_ids"]]
    longest = max(map(len, rows), default=0)
    if longest > codec.max_length:
        raise KinjError(f"a text of {longest:,} tokens is longer than the model reads: {codec.max_length:,}")
    at = [
        [len(codec.bos) - 1 + sum(end <= place for _, end in offsets) for place in places]
        for (_, places), offsets in zip(texts, found["offset_mapping"], strict=True)
    ]
    # Sorted by length, so that little is padded.
    order = sorted(range(len(rows)), key=lambda number: len(rows[number]))
    states: list[States] = [np.empty(0, np.float32)] * len(rows)
    size = max(1, batch_tokens // max(1, longest))
    with evaluating(language_model.model):
        for start in range(0, len(order), size):
            numbers = order[start : start + size]
            read = _last_layer(language_model.model, [rows[number] for number in numbers], codec.pad_id)
            for number, row in zip(numbers, read, strict=True):
                states[number] = checked(row[at[number]]).float().cpu().numpy()
    return states


def _last_layer(model: torch.nn.Module, rows: Sequence[Sequence[int]], pad_id: int) -> torch.Tensor:
    """States of rows padded on the right, where no causal attention looks."""
    width, device = max(map(len, rows)), next(model.parameters()).device
    ids = torch.tensor([[*row, *[pad_id] * (width - len(row))] for row in rows], device=device)
    states: torch.Tensor = model.base_model(input_ids=ids, use_cache=False).last_hidden_state  # type: ignore[operator] # a module to mypy
    return states
