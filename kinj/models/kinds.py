"""The three kinds of language models: causal, encoder-decoder (T5) and masked (BERT), and the codec of each."""

from __future__ import annotations

from typing import Any

from kinj.config.errors import UsageError
from kinj.config.schema import ModelSettings
from kinj.models.codec import Codec
from kinj.models.gap_codecs import MaskCodec, SentinelCodec

CAUSAL, ENCODER_DECODER, MASKED = "AutoModelForCausalLM", "AutoModelForSeq2SeqLM", "AutoModelForMaskedLM"
"""Each kind by the class of transformers that loads it."""
SUPPORTED = (
    "causal language models (GPT-2, Llama, Qwen, Mistral …), encoder-decoder models with sentinels (T5 …) and masked language "
    "models (BERT, RoBERTa …)"
)
LONGEST_ROW = 2048
"""Longest row by default, in tokens, also where the model could read more: attention costs grow with its square."""


def kind_of(name: str, config: Any) -> str:
    """The kind of a stored model, by its configuration.

    Raises:
        UsageError: it is none of the three.
    """
    classes: list[str] = config.architectures or []
    if config.is_encoder_decoder:
        return ENCODER_DECODER
    if any(kind.endswith(("ForCausalLM", "LMHeadModel")) for kind in classes):
        return CAUSAL
    if any(kind.endswith("ForMaskedLM") for kind in classes):
        return MASKED
    raise UsageError(
        f"model.name={name} is a {', '.join(classes) or config.model_type}; kinj trains and asks {SUPPORTED}"
    )


def codec_for(model: Any, tokenizer: Any, settings: ModelSettings, max_tokens: int | None) -> Codec:
    """The codec of a model.

    Args:
        model: a transformers model of one of the three kinds.
        max_tokens: longest row; by default the model's context, at most `LONGEST_ROW`.

    Raises:
        UsageError: the model reads less than `max_tokens`.
        KinjError: the tokenizer has not the special tokens that this kind needs.
    """
    masked = type(model).__name__.endswith("ForMaskedLM")
    context = _context(model)
    if max_tokens and context and max_tokens > context:
        raise UsageError(
            f"data.max_tokens={max_tokens:,} is more than model.name={settings.name} reads: {context:,} tokens",
            f"leave it out, or set at most {context}; longer documents are split (data.long=split), none is cut",
        )
    longest = max_tokens or min(context or LONGEST_ROW, LONGEST_ROW)
    if model.config.is_encoder_decoder:
        named = [getattr(part, "decoder_start_token_id", None) for part in (model.config, model.generation_config)]
        start = next((identity for identity in named if identity is not None), tokenizer.pad_token_id)  # as in T5
        return SentinelCodec(tokenizer, settings, longest, start)
    return MaskCodec(tokenizer, settings, longest) if masked else Codec(tokenizer, settings, longest)


def _context(model: Any) -> int | None:
    """Most tokens a model reads; None where its positions have no end. RoBERTa counts positions from its padding token on."""
    positions: int | None = getattr(model.config, "max_position_embeddings", None)
    if positions is None:
        return None
    tables = [module for name, module in model.named_modules() if name.endswith("embeddings.position_embeddings")]
    unused = [table.padding_idx + 1 for table in tables if table.padding_idx is not None]
    return positions - max(unused, default=0)
