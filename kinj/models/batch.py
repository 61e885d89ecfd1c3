"""Rows of a forward pass, for each kind of model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from kinj.models.codec import IGNORE, Example
from kinj.models.gap_codecs import Filled, Paired


@dataclass(frozen=True)
class MicroBatch:
    """Rows of one forward pass, padded on the right; or packed: all in one row, without padding. Tensors are (rows, longest
    row), int64.

    Causal attention never looks right, so it needs no `mask`; where there is one, labels stand where the model predicts them,
    else one position later. `decoder_ids` is what the decoder of an encoder-decoder model reads. `lengths` are those of the
    texts of a packed row.
    """

    input_ids: torch.Tensor
    labels: torch.Tensor
    tokens: int
    """Tokens that are not padding."""
    mask: torch.Tensor | None = None
    decoder_ids: torch.Tensor | None = None
    lengths: tuple[int, ...] | None = None

    @property
    def label_tokens(self) -> int:
        return int(((self.labels if self.mask is not None else self.labels[:, 1:]) != IGNORE).sum())

    @property
    def computed_tokens(self) -> int:
        """Tokens the model computes, padding included."""
        return self.input_ids.numel() + (0 if self.decoder_ids is None else self.decoder_ids.numel())


def collate(rows: Sequence[Example], pad_id: int) -> MicroBatch:
    """Rows of one kind, filled up to the longest."""
    ids, labels = _padded([row.ids for row in rows], pad_id), _padded([row.labels for row in rows], IGNORE)
    tokens = sum(len(row) for row in rows)
    if not isinstance(rows[0], Filled | Paired):
        return MicroBatch(ids, labels, tokens)
    mask = _padded([np.ones_like(row.ids) for row in rows], 0)
    decoder_ids = _padded([row.decoder_ids for row in rows if isinstance(row, Paired)], pad_id)
    return MicroBatch(ids, labels, tokens, mask, decoder_ids if isinstance(rows[0], Paired) else None)


def pack(rows: Sequence[Example]) -> MicroBatch:
    """Rows for a causal model in one row, the longest first; a model that `kinj.models.packing` has passed keeps them apart."""
    rows = sorted(rows, key=len, reverse=True)
    ids, labels = (
        np.concatenate(parts, dtype=np.int64) for parts in zip(*((r.ids, r.labels) for r in rows), strict=True)
    )
    lengths = tuple(map(len, rows))
    labels[np.cumsum((0, *lengths[:-1]))] = IGNORE  # nothing predicts the first token of a text
    return MicroBatch(torch.from_numpy(ids)[None], torch.from_numpy(labels)[None], len(ids), lengths=lengths)


def _padded(rows: Sequence[NDArray[np.int32]], fill: int) -> torch.Tensor:
    table = np.full((len(rows), max(map(len, rows), default=0)), fill, dtype=np.int64)
    for line, row in zip(table, rows, strict=True):
        line[: len(row)] = row
    return torch.from_numpy(table)


def predictions(model: Any, batch: MicroBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (rows, positions, vocabulary) of a forward pass, and the label of each position.

    Of a packed row, only those of the positions that carry loss: the largest matrix product is not computed in vain.

    Args:
        model: a transformers model of any of the three kinds, or what wraps it.
    """
    device = next(model.parameters()).device
    ids, labels = batch.input_ids.to(device), batch.labels.to(device)
    if batch.lengths is not None:
        carries = (labels[0, 1:] != IGNORE).nonzero()[:, 0]
        logits = model(input_ids=ids, use_cache=False, logits_to_keep=carries, **_borders(batch.lengths, device)).logits
        return logits, labels[:, carries + 1]
    if batch.mask is None:
        return model(input_ids=ids, use_cache=False).logits[:, :-1], labels[:, 1:]
    mask = batch.mask.to(device)
    if batch.decoder_ids is None:
        return model(input_ids=ids, attention_mask=mask).logits, labels
    decoder_ids = batch.decoder_ids.to(device)
    return model(input_ids=ids, attention_mask=mask, decoder_input_ids=decoder_ids, use_cache=False).logits, labels


def _borders(lengths: tuple[int, ...], device: torch.device) -> dict[str, Any]:
    """Where the texts of a packed row begin, as transformers wants it: positions from 0 in each, and for flash attention ends."""
    positions = torch.cat([torch.arange(length) for length in lengths])[None].to(device)
    ends = torch.tensor((0, *lengths), dtype=torch.int32).cumsum(0, dtype=torch.int32).to(device)
    longest = max(lengths)
    return {
        "position_ids": positions,
        "cu_seq_lens_q": ends,
        "cu_seq_lens_k": ends,
        "max_length_q": longest,
        "max_length_k": longest,
    }
