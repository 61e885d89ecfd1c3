"""Batching: every row once, hardly any padding, no step above its budget."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kinj.config.schema import DataSettings, ModelSettings
from kinj.data import open_data
from kinj.data.records import Document
from kinj.models.codec import IGNORE, Codec, Example
from kinj.models.gap_codecs import Paired
from kinj.models.tokenizers import load_tokenizer
from kinj.train.batching import REAL_SHARE, cut_steps, micro_batches, packed_batches

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


def real_shares(data: DataSettings, pool: str, batch_tokens: int) -> tuple[float, float, float]:
    """Share of tokens that are not padding, packed and padded; and padded micro-batches a step."""
    codec = Codec(load_tokenizer("tiny"), ModelSettings(name="tiny"), 512)
    texts = [record.text for record in open_data(data).pool(pool) if isinstance(record, Document)]
    rows = [(None, row) for rows in codec.documents(texts) for row in rows]
    steps = [[row for _, row in step] for step in cut_steps(rows, batch_tokens)]
    packed = [batch for step in steps for batch in packed_batches(step, 16384)]
    padded = [batch for step in steps for batch in micro_batches(step, 16384, codec.pad_id)]
    shares = [sum(b.tokens for b in batches) / sum(b.computed_tokens for b in batches) for batches in (packed, padded)]
    return shares[0], shares[1], len(padded) / len(steps)


@pytest.mark.parametrize("batch_tokens", [1024, 4096])
def test_at_least_97_percent_of_the_tokens_of_biographies_are_real(batch_tokens: int) -> None:
    packed, padded, passes = real_shares(DataSettings(), "documents", batch_tokens)
    assert packed == 1
    assert padded >= 0.97
    assert passes <= 6


@pytest.mark.shared
@pytest.mark.parametrize("batch_tokens", [1024, 4096])
def test_at_least_97_percent_of_the_tokens_of_films_are_real(batch_tokens: int, shared_data: Path) -> None:
    films = DataSettings(name="wiki2023", path=str(shared_data / "wiki2023_film"))
    packed, padded, passes = real_shares(films, "train_documents", batch_tokens)
    assert packed == 1
    assert padded >= 0.97
    assert passes <= 12
