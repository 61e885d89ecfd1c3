"""From a name to a model that can be trained and asked: shipped, new, a run, a folder or a Hub id."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

import torch

from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import LoraSettings, ModelSettings
from kinj.models import adapters
from kinj.models.asking import Engine
from kinj.models.codec import Codec
from kinj.models.combining import Pair, combine
from kinj.models.expressions import Amounts, amounts
from kinj.models.kinds import codec_for, kind_of
from kinj.models.places import base_of, locate, refuse_damaged, unreadable
from kinj.models.scratch import build_model, parse_size
from kinj.models.tokenizers import Texts, scratch_tokenizer, stored_tokenizer

NEAR = 0.8
"""Share of the parameters asked for that new weights have at least; less is said."""

_log = logging.getLogger(__name__)


@dataclass
class LanguageModel:
    """A model, its tokenizer and the codec between them. `name` is what the user asked for; without an `engine`, kinj asks it."""

    model: Any
    tokenizer: Any
    codec: Codec
    name: str
    engine: Engine | None = None

    @property
    def device(self) -> torch.device:
        device: torch.device = next(self.model.parameters()).device
        return device

    @property
    def parameters(self) -> int:
        """Number of parameters, tied ones counted once."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def trained(self) -> int:
        """Number of parameters that training changes."""
        return sum(parameter.numel() for parameter in self.model.parameters() if parameter.requires_grad)


def load_model(
    settings: ModelSettings,
    seed: int = 0,
    texts: Texts | None = None,
    max_tokens: int | None = None,
    *,
    start: bool = False,
) -> LanguageModel:
    """Loads a model, or makes one. Adapters are loaded beside the base model that they name.

    Args:
        settings: `model` of the settings.
        seed: draws the weights of a `scratch` model, and of new adapters.
        texts: yields the texts that `model.tokenizer=train` learns from.
        max_tokens: longest row; by default the model's context, at most 2,048.
        start: training begins with it: adapters it has are merged into its weights, and new ones added (`model.lora`).

    Raises:
        UsageError: the model is of a kind that cannot be used, or is not there, or reads less than `max_tokens`.
        KinjError: it is there and broken (no tokenizer, no weights, or other weights than kinj wrote).
    """
    if settings.name == "scratch":
        tokenizer = scratch_tokenizer(settings, texts)
        model = _new(settings, tokenizer, seed)
    else:
        tokenizer, model = _stored(settings, seed, start)
    if settings.attention is not None:
        _set_attention(model, settings)
    model.eval()
    return LanguageModel(model, tokenizer, codec_for(model, tokenizer, settings, max_tokens), settings.name)


def _set_attention(model: Any, settings: ModelSettings) -> None:
    try:
        model.set_attn_implementation(settings.attention)
    except (ValueError, ImportError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UsageError(f"model.attention={settings.attention}: {settings.name} cannot have it: {reason}") from error


def _stored(settings: ModelSettings, seed: int, start: bool) -> Pair:
    folder = locate(settings.name)
    if found := amounts(settings.name):
        return _combined(settings, found)
    if folder is not None:
        refuse_damaged(folder)
    if folder is not None and adapters.is_adapters(folder):
        revision = adapters.written_config(folder).get("revision")
        tokenizer, model = _pretrained(replace(settings, name=base_of(folder), revision=revision))
        if not start:
            adapters.load(model, folder)
        elif settings.lora.rank:
            raise UsageError(
                f"model.name={settings.name} is itself adapters; new ones need a base of their own",
                "merge them first (model.lora.merge=true) and start from RUN/merged",
            )
        else:
            model = adapters.merged(model, folder)
        return tokenizer, model
    tokenizer, model = _pretrained(settings)
    if start and settings.lora.rank:
        base = str(folder.resolve()) if folder else settings.name
        adapters.attach(model, settings.lora, base, settings.revision, seed)
    return tokenizer, model


def _combined(settings: ModelSettings, found: Amounts) -> Pair:
    """Adds up models in fp32; adapters are merged into their base first."""
    if settings.lora.rank:
        raise UsageError(
            f"model.name={settings.name}: adapters must name one model as their base, and this is an expression",
            "train without them (model.lora.rank=0), or start from one model",
        )
    plain = replace(settings, dtype="float32", lora=LoraSettings())
    tokenizer, model = combine(found, lambda name: _stored(replace(plain, name=name), seed=0, start=True))
    return tokenizer, model.to(getattr(torch, settings.dtype))


def _new(settings: ModelSettings, tokenizer: Any, seed: int) -> Any:
    """New weights. Widths are few where models are small: where two sizes come out as one, a law in size should not be misled."""
    try:
        wanted = parse_size(settings.size)
        model = build_model(wanted, tokenizer, settings.context, seed)
    except ValueError as error:
        raise UsageError(f"model.{error}") from error
    if (made := model.num_parameters()) < NEAR * wanted:
        what = "model.size=%s: the largest shape below it, with this vocabulary, has %s parameters"
        _log.warning(what, settings.size, f"{made:,}")
    return model


def _pretrained(settings: ModelSettings) -> Pair:
    import transformers

    folder = locate(settings.name)
    where = str(folder or settings.name)
    options: dict[str, Any] = {"revision": settings.revision or "main", "trust_remote_code": settings.trust_remote_code}
    try:
        config = transformers.AutoConfig.from_pretrained(where, **options)
    except Exception as error:
        raise unreadable(settings.name, folder, "config", error) from error
    kind = kind_of(settings.name, config)
    tokenizer = stored_tokenizer(settings.name, folder, settings)
    try:
        model: Any = getattr(transformers, kind).from_pretrained(
            where, dtype=getattr(torch, settings.dtype), use_safetensors=True, **options
        )
    except Exception as error:
        raise unreadable(settings.name, folder, "weights", error) from error
    rows: int = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > rows:
        raise KinjError(
            f"{settings.name}: the tokenizer has {len(tokenizer):,} tokens, the model embeds {rows:,}; they do not match"
        )
    return tokenizer, model
