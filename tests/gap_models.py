"""Small random models that fill gaps, saved as the Hub holds them, with small tokenizers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from transformers import BertConfig, BertForMaskedLM, BertTokenizer, T5Config, T5ForConditionalGeneration, T5Tokenizer

TOWNS = ("Rome", "Kyiv", "Lima", "Oslo")
NAMES = ("Ada", "Bo", "Cy", "Di")
FACTS = [f"{name} was born in {town}." for name, town in zip(NAMES, TOWNS, strict=True)]
QUESTIONS = [f"Where was {name} born?" for name in NAMES]
_WORDS = sorted(
    set(re.findall(r"\w+|[.?:]", " ".join([*FACTS, *QUESTIONS, "Question: Answer: Who Nobody knows why it is so or"])))
)
_CHARACTERS = sorted("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


def t5_tokenizer() -> Any:
    """T5's own: pieces with a mark for the space before them, and sentinels."""
    special = ["<pad>", "</s>", "<unk>"]
    pieces = [(f"▁{word}", -2.0) for word in _WORDS] + [(text, -9.0) for text in ["▁", *".?:", *_CHARACTERS]]
    sentinels = [(f"<extra_id_{i}>", 0.0) for i in reversed(range(4))]
    return T5Tokenizer(vocab=[*((name, 0.0) for name in special), *pieces, *sentinels], extra_ids=4)


def bert_tokenizer() -> Any:
    """BERT's own: word pieces between [CLS] and [SEP]."""
    names = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *_WORDS,
        *_CHARACTERS,
        *(f"##{text}" for text in _CHARACTERS),
    ]
    return BertTokenizer(vocab={name: i for i, name in enumerate(dict.fromkeys(names))}, do_lower_case=False)


def save(kind: str, folder: Path) -> Path:
    """A random T5 (`t5`) or BERT (`bert`) in a folder."""
    tokenizer = t5_tokenizer() if kind == "t5" else bert_tokenizer()
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model: Any = _t5(len(tokenizer)) if kind == "t5" else _bert(len(tokenizer), tokenizer.pad_token_id)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _t5(vocabulary: int) -> Any:
    shape = {"d_model": 48, "d_kv": 16, "d_ff": 96, "num_layers": 2, "num_heads": 3}
    config = T5Config(vocab_size=vocabulary, decoder_start_token_id=0, dropout_rate=0.0, **shape)
    return T5ForConditionalGeneration(config)


def _bert(vocabulary: int, pad: int) -> Any:
    shape = {
        "hidden_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "intermediate_size": 96,
        "initializer_range": 0.15,
    }
    config = BertConfig(
        vocab_size=vocabulary,
        pad_token_id=pad,
        max_position_embeddings=96,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        **shape,
    )
    return BertForMaskedLM(config)
