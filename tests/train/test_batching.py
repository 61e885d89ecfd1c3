"""Batching: every row once, hardly any padding, no step above its budget."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from kinj.models.codec import IGNORE, Example
from kinj.models.gap_codecs import Paired
from kinj.train.batching import REAL_SHARE, cut_steps, micro_batches

lengths = st.lists(st.integers(2, 200), min_size=1, max_size=60)


def row(length: int, mark: int = 1) -> Example:
    ids = np.full(length, mark, dtype=np.int32)
    labels = ids.copy()
    labels[0] = IGNORE
    return Example(ids, labels)


@given(lengths, st.integers(64, 1000))
def test_micro_batches_hold_every_row_once_and_little_padding(sizes: list[int], micro_tokens: int) -> None:
    rows = [row(n, mark) for mark, n in enumerate(sizes, 1)]
    batches = micro_batches(rows, micro_tokens, pad_id=0)
    found = [int(ids[0]) for batch in batches for ids in batch.input_ids]
    assert sorted(found) == list(range(1, len(rows) + 1))
    for batch in batches:
        assert batch.tokens >= REAL_SHARE * batch.input_ids.numel()
        assert batch.input_ids.numel() <= micro_tokens or len(batch.input_ids) == 1
        assert int((batch.input_ids != 0).sum()) == batch.tokens
        assert int((batch.labels != IGNORE).sum()) == batch.tokens - len(batch.input_ids)
    assert sum(batch.label_tokens for batch in batches) == sum(n - 1 for n in sizes)


pairs = st.lists(st.tuples(st.integers(2, 100), st.integers(2, 30)), min_size=1, max_size=60)


@given(pairs, st.integers(64, 1000))
def test_rows_of_two_parts_are_put_together_by_both_lengths(sizes: list[tuple[int, int]], micro_tokens: int) -> None:
    rows = [
        Paired(*(np.full(length, mark, dtype=np.int32) for length in (read, said, said)))
        for mark, (read, said) in enumerate(sizes, 1)
    ]
    batches = micro_batches(rows, micro_tokens, pad_id=0)
    assert sorted(int(ids[0]) for batch in batches for ids in batch.input_ids) == list(range(1, len(rows) + 1))
    for batch in batches:
        assert batch.mask is not None
        assert batch.decoder_ids is not None
        assert torch.equal(batch.mask, (batch.input_ids != 0).long())
        assert batch.tokens == int(batch.mask.sum()) + batch.label_tokens
        assert batch.tokens >= REAL_SHARE * batch.computed_tokens
        assert batch.computed_tokens <= micro_tokens or len(batch.input_ids) == 1
        assert torch.equal(batch.labels != IGNORE, batch.decoder_ids != 0)


@given(lengths, st.integers(100, 1000))
def test_steps_keep_the_order_and_the_budget(sizes: list[int], budget: int) -> None:
    rows = [(i, row(n)) for i, n in enumerate(sizes)]
    steps = list(cut_steps(rows, budget))
    assert [item for step in steps for item in step] == rows
    assert all(len(step) == 1 or sum(len(r) for _, r in step) <= budget for step in steps)
