"""The codec: one BOS at most, EOS learned, prompts a prefix of training rows, long texts split and never cut."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinj.config.errors import KinjError
from kinj.config.schema import ModelSettings
from kinj.models.codec import IGNORE, Codec
from kinj.models.scratch import train_tokenizer
from tests.conftest import TEXTS

TOKENIZER = train_tokenizer(TEXTS, 400)
TEMPLATE = "{% for m in messages %}<|bos|>[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}[assistant] "


def variants() -> dict[str, Any]:
    chat, plain, pad_is_eos = (train_tokenizer(TEXTS, 400) for _ in range(3))
    chat.chat_template = TEMPLATE
    plain._tokenizer.post_processor = None  # writes no BOS, as GPT-2 and Qwen
    pad_is_eos.pad_token = pad_is_eos.eos_token
    from tokenizers import processors

    plain._tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return {"bos": TOKENIZER, "chat": chat, "plain": plain, "pad_is_eos": pad_is_eos}


VARIANTS = variants()


@pytest.mark.parametrize("kind", VARIANTS)
def test_prompt_is_what_a_training_row_starts_with(kind: str) -> None:
    codec = Codec(VARIANTS[kind], ModelSettings(), 128)
    prompt, row = codec.prompt("Where was Ada Byron born?"), codec.question("Where was Ada Byron born?", "London")
    assert row.ids[: len(prompt)].tolist() == prompt
    assert (row.labels[: len(prompt)] == IGNORE).all()
    assert (row.labels[len(prompt) :] == row.ids[len(prompt) :]).all()
    assert codec.decode(row.ids[len(prompt) :].tolist()).strip() == "London"
    assert row.ids.tolist().count(codec.tokenizer.bos_token_id) == (0 if kind == "plain" else 1)


@pytest.mark.parametrize("kind", VARIANTS)
def test_eos_carries_loss_even_where_it_is_the_padding_token(kind: str) -> None:
    codec = Codec(VARIANTS[kind], ModelSettings(), 128)
    row = codec.question("Who?", "Ada")
    assert row.ids[-1] == row.labels[-1] == codec.eos_id


def test_a_document_starts_with_bos_and_every_token_carries_loss() -> None:
    codec = Codec(TOKENIZER, ModelSettings(), 128)
    (row,) = codec.document(TEXTS[0])
    assert row.ids[0] == TOKENIZER.bos_token_id
    assert row.labels[0] == IGNORE
    assert (row.labels[1:] == row.ids[1:]).all()
    assert codec.decode(row.ids.tolist()) == TEXTS[0]


@given(st.text(max_size=300), st.integers(16, 60))
def test_splitting_loses_nothing(text: str, room: int) -> None:
    codec = Codec(TOKENIZER, ModelSettings(), room)
    rows = codec.document(text)
    assert all(len(row) <= room for row in rows)
    assert [i for row in rows for i in row.ids[1:].tolist()] == codec.encode([text])[0]


def test_splits_come_after_sentences() -> None:
    codec = Codec(TOKENIZER, ModelSettings(), 40)
    rows = codec.document(" ".join(TEXTS[:2] * 3))
    texts = [codec.decode(row.ids.tolist()) for row in rows]
    assert len(texts) > 2
    assert all(text.rstrip().endswith(".") for text in texts)


def test_a_question_is_never_cut() -> None:
    with pytest.raises(KinjError, match="questions are never cut"):
        Codec(TOKENIZER, ModelSettings(), 20).question("Why? " * 20, "because")


@pytest.mark.parametrize("kind", VARIANTS)
def test_the_beginning_of_a_text_is_put_as_it_is(kind: str) -> None:
    codec = Codec(VARIANTS[kind], ModelSettings(), 128)
    (document,) = codec.document("Ada Byron was born in London.")
    start = codec.prompt("Ada Byron was born in ", completion=True)
    assert document.ids[: len(start)].tolist() == start


def test_braces_in_a_question_survive() -> None:
    codec = Codec(TOKENIZER, ModelSettings(), 128)
    assert "{x} {prompt}" in codec.decode(codec.prompt("what is {x} {prompt}?"))


def test_a_tokenizer_without_eos_is_refused() -> None:
    tokenizer = train_tokenizer(TEXTS, 400)
    tokenizer.eos_token = None
    with pytest.raises(KinjError, match="no end-of-text token"):
        Codec(tokenizer, ModelSettings(), 128)
