"""Steps of about `batch_tokens` tokens, cut into micro-batches in which little or nothing is computed in vain.

A micro-batch is packed (all its texts in one row, no padding) where the model reads such rows right, else it holds rows of
nearly equal length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch

from kinj.config.errors import UsageError
from kinj.models.batch import MicroBatch, collate, pack
from kinj.models.codec import IGNORE, Codec, Example
from kinj.models.gap_codecs import GapCodec

REAL_SHARE = 0.97
"""Least share of the tokens of a padded micro-batch that are not padding."""

T = TypeVar("T")
R = TypeVar("R", bound=Sized)


@dataclass(frozen=True)
class Layout:
    """How the rows of a micro-batch stand: one after another in a single row, or side by side and padded. `why` is for the user."""

    packed: bool
    why: str

    @property
    def name(self) -> str:
        """As `train.batching` calls it."""
        return "packed" if self.packed else "padded"


def layout_for(wanted: str, model: Any, codec: Codec) -> Layout:
    """The layout that `train.batching` asks for; `auto` packs wherever the model reads packed rows right, which is tried out.

    Raises:
        UsageError: `packed` is asked for, and the model cannot.
    """
    if wanted == "padded":
        return Layout(False, "train.batching=padded")
    from kinj.models.packing import let_pack  # heavy

    problem = f"{codec.kind} reads in both directions" if isinstance(codec, GapCodec) else let_pack(model)
    if problem is None:
        return Layout(True, f"tried out with this model (attention: {model.config._attn_implementation})")
    if wanted == "packed":
        raise UsageError(f"train.batching=packed: this model cannot: {problem}", "leave train.batching at auto")
    return Layout(False, problem)


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


def packed_batches(rows: Sequence[Example], micro_tokens: int) -> list[MicroBatch]:
    """The rows of a step in as few packed ones of at most `micro_tokens` tokens as their order allows."""
    return [pack([row for _, row in group]) for group in cut_steps([(None, row) for row in rows], micro_tokens)]


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
