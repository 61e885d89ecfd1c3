"""Steps of about `batch_tokens` tokens, cut into micro-batches of rows of nearly equal length: little is computed in vain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch

from kinj.models.codec import IGNORE, Example

REAL_SHARE = 0.95
"""Least share of the tokens of a micro-batch that are not padding."""

T = TypeVar("T")
R = TypeVar("R", bound=Sized)


@dataclass(frozen=True)
class MicroBatch:
    """Rows of one forward pass, padded on the right. Causal attention never looks right, so no attention mask is needed.

    `input_ids` and `labels`: (rows, longest row), int64.
    """

    input_ids: torch.Tensor
    labels: torch.Tensor
    tokens: int
    """Tokens that are not padding."""

    @property
    def label_tokens(self) -> int:
        return int((self.labels[:, 1:] != IGNORE).sum())


def blank(batch: MicroBatch) -> MicroBatch:
    """The same micro-batch with nothing to learn: its loss and gradient are zero."""
    return replace(batch, labels=torch.full_like(batch.labels, IGNORE), tokens=0)


def cut_steps(rows: Sequence[tuple[T, R]], batch_tokens: int) -> Iterator[list[tuple[T, R]]]:
    """Consecutive rows of together at most `batch_tokens` tokens (a longer row makes a step of its own)."""
    step: list[tuple[T, R]] = []
    tokens = 0
    for item in rows:
        if step and tokens + len(item[1]) > batch_tokens:
            yield step
            step, tokens = [], 0
        step.append(item)
        tokens += len(item[1])
    if step:
        yield step


def micro_batches(rows: Sequence[Example], micro_tokens: int, pad_id: int) -> list[MicroBatch]:
    """Cuts the rows of a step, longest first, where a row would waste more than `1 - REAL_SHARE` or exceed `micro_tokens`."""
    groups: list[list[Example]] = []
    tokens = 0
    for row in sorted(rows, key=len, reverse=True):
        padded = len(groups[-1][0]) * (len(groups[-1]) + 1) if groups else 0
        if not groups or padded > micro_tokens or tokens + len(row) < REAL_SHARE * padded:
            groups.append([])
            tokens = 0
        groups[-1].append(row)
        tokens += len(row)
    return [_pad(group, pad_id) for group in groups]


def _pad(rows: list[Example], pad_id: int) -> MicroBatch:
    shape = (len(rows), len(rows[0]))
    ids, labels = np.full(shape, pad_id, dtype=np.int64), np.full(shape, IGNORE, dtype=np.int64)
    for i, row in enumerate(rows):
        ids[i, : len(row)], labels[i, : len(row)] = row.ids, row.labels
    return MicroBatch(torch.from_numpy(ids), torch.from_numpy(labels), sum(len(row) for row in rows))
