"""Text drawn from a model, and how far another model has moved from it there, token by token."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from kinj.data.rng import stable_seed
from kinj.models.codec import Codec
from kinj.models.loading import LanguageModel
from kinj.models.passes import Draw, Ending, Scored, checked, generate, kept_logits, read_prefixes

LENGTH = 128
"""Most tokens of a passage; passages are the units of an interval, so there should be dozens."""
BATCH = 32
"""Passages drawn at a time. The text does not depend on it."""


def draw_passages(language_model: LanguageModel, tokens: int, seed: int) -> list[list[int]]:
    """Token ids of passages drawn from a causal model at temperature 1, from nothing: after BOS (after EOS, which parts the texts
    that models are trained on, where the tokenizer writes no BOS).

    A passage ends with EOS or after `LENGTH` tokens; each has randomness of its own.

    Args:
        tokens: at least so many in all.
        seed: randomness of the text.
    """
    found: list[list[int]] = []
    while (missing := tokens - sum(map(len, found))) > 0:
        count = min(BATCH, -(-missing // LENGTH))
        found += _draw(language_model, range(len(found), len(found) + count), seed)
    return found


def _draw(language_model: LanguageModel, numbers: Sequence[int], seed: int) -> list[list[int]]:
    model, codec = language_model.model, language_model.codec
    draws = [
        Draw(1.0, torch.Generator().manual_seed(stable_seed(seed, "passage", number) % 2**63)) for number in numbers
    ]
    ending = Ending(min(LENGTH, codec.max_length - len(opening(codec))), codec.stops)
    with torch.inference_mode():
        state = read_prefixes(model, [opening(codec)] * len(draws), codec.pad_id)
        done = generate(state, [Scored([]) for _ in draws], [ending] * len(draws), draws)
    return [passage.tokens for passage in done]


def opening(codec: Codec) -> list[int]:
    """What stands before a passage drawn from nothing."""
    return codec.bos or [codec.eos_id]


def same_vocabulary(one: LanguageModel, other: LanguageModel) -> bool:
    """Whether two models read and expect the same tokens, so that what they expect can be compared."""
    tokenizers = (model.tokenizer.backend_tokenizer.to_str() for model in (one, other))
    sizes = (model.model.get_output_embeddings().weight.shape[0] for model in (one, other))
    return len(set(tokenizers)) == len(set(sizes)) == 1


@dataclass(frozen=True)
class Drift:
    """Of each token of a passage, in nats: the loss of both models, and KL(start || model) of what they expect in its place."""

    start_loss: list[float]
    loss: list[float]
    divergence: list[float]


def drift(start: LanguageModel, language_model: LanguageModel, passages: Iterable[Sequence[int]]) -> list[Drift]:
    """How far a model is from another one of the same vocabulary, over all of which it is summed. Both read the same tokens.

    Raises:
        KinjError: an output is not a number.
    """
    with torch.inference_mode():
        return [_drift(_expected(start, ids), _expected(language_model, ids), ids) for ids in passages]


def _expected(language_model: LanguageModel, ids: Sequence[int]) -> Tensor:
    """Log-probabilities (tokens, vocabulary) of what comes in the place of each token of a passage."""
    row = torch.tensor([[*opening(language_model.codec), *ids]], device=language_model.device)
    logits = kept_logits(language_model.model, len(ids) + 1, input_ids=row)[0, :-1]
    return checked(log_softmax(logits.double(), -1))


def _drift(start: Tensor, model: Tensor, ids: Sequence[int]) -> Drift:
    model, places = model.to(start.device), torch.tensor(ids, device=start.device)[:, None]
    terms = torch.where(start == -torch.inf, 0, start.exp() * (start - model))  # 0 log 0 = 0
    # No divergence is below 0; rounding may be.
    start_loss, loss = ((-expected.gather(1, places)[:, 0]).tolist() for expected in (start, model))
    return Drift(start_loss, loss, terms.sum(-1).clamp(min=0).tolist())
