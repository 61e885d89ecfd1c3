"""Steps of about `batch_tokens` tokens, cut into micro-batches of rows of nearly equal length: little is computed in vain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from dataclasses import replace
from typing import TypeVar

import torch

from kinj.models.batch import MicroBatch, collate
from kinj.models.codec import IGNORE, Example

REAL_SHARE = 0.95
"""Least share of the tokens of a micro-batch that are not padding."""

T = TypeVar("T")
R = TypeVar("R", bound=Sized)


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
    tokens, widths = 0, tuple[int, ...]()
    for row in sorted(rows, key=lambda row: row.widths, reverse=True):
        wider = tuple(map(max, row.widths, widths))
        padded = sum(wider) * (len(groups[-1]) + 1) if groups else 0
        if not groups or padded > micro_tokens or tokens + len(row) < REAL_SHARE * padded:
            groups.append([])
            tokens, wider = 0, row.widths
        groups[-1].append(row)
        tokens, widths = tokens + len(row), wider
    return [collate(group, pad_id) for group in groups]
