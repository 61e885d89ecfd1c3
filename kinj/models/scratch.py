"""New weights: a Llama-style model of any size, and a byte-level BPE tokenizer trained on given texts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from kinj.config.schema import count_of

BOS, EOS, PAD = "<|bos|>", "<|eos|>", "<|pad|>"


def parse_size(size: str) -> int:
    """Parameters written as `500k`, `2M`, `1.5B`.

    Raises:
        ValueError: it is not such a number.
    """
    count = count_of(size)
    if count is None:
        raise ValueError(f"size must be a number of parameters such as 500k, 2M or 1.5B, got {size}")
    return count


def count_parameters(hidden: int, layers: int, ffn: int, vocabulary: int) -> int:
    """Parameters of a Llama-style model with tied embeddings: attention, gated feed-forward, norms, embedding."""
    return layers * (4 * hidden**2 + 3 * hidden * ffn + 2 * hidden) + hidden + vocabulary * hidden


def shape_for(size: int, vocabulary: int) -> dict[str, int]:
    """Width, depth, feed-forward width and heads of the widest model of at most `size` parameters.

    Depth is width / 48 (4 layers at width 192), the feed-forward width lies between 2 and 8/3 of the width.

    Raises:
        ValueError: not even the narrowest model fits.
    """
    best: dict[str, int] | None = None
    for hidden in range(32, 16384, 32 if size < 50_000_000 else 128):
        layers = max(2, round(hidden / 48)) if hidden < 1024 else round(hidden / 64)
        if count_parameters(hidden, layers, 2 * hidden, vocabulary) > size:
            break
        rest = size - count_parameters(hidden, layers, 0, vocabulary)
        ffn = min(rest // (3 * hidden * layers), 8 * hidden // 3) // 32 * 32
        head = 32 if hidden < 512 else 64
        best = {
            "hidden_size": hidden,
            "num_hidden_layers": layers,
            "intermediate_size": ffn,
            "num_attention_heads": hidden // head,
        }
    if best is None:
        least = count_parameters(32, 2, 64, vocabulary)
        raise ValueError(f"size {size:,} is too small: with {vocabulary:,} tokens the least is {least:,}")
    return best


def build_model(size: int, tokenizer: Any, context: int, seed: int) -> Any:
    """A LlamaForCausalLM with new weights, fp32, drawn from `seed` without touching the global random state."""
    from transformers import LlamaConfig, LlamaForCausalLM

    shape: dict[str, Any] = dict(shape_for(size, len(tokenizer)))
    config = LlamaConfig(
        # Unit-variance activations from the start; with the library's 0.02 a model this narrow learns markedly later.
        initializer_range=shape["hidden_size"] ** -0.5,
        vocab_size=len(tokenizer),
        max_position_embeddings=context,
        num_key_value_heads=shape["num_attention_heads"],
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **shape,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: Any = LlamaForCausalLM(config)
        return model.to(torch.float32)


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Any:
    """A byte-level BPE tokenizer: any text survives encode and decode; BOS is written before every text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[BOS, EOS, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, 0)])
    wrap: Any = PreTrainedTokenizerFast  # untyped upstream
    return wrap(tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS, pad_token=PAD)
