"""Asks a model many things at once: dedupes, sorts by length, batches, halves the batch when memory runs out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

import torch

from kinj.config.errors import KinjError, UsageError
from kinj.models.asking import Asking, Budget, Engine, Keep, Progress, out_of_memory
from kinj.models.asking_causal import AskingCausal
from kinj.models.asking_gaps import AskingMasked, AskingSentinels
from kinj.models.codec import Codec
from kinj.models.gap_codecs import MaskCodec, SentinelCodec
from kinj.models.requests import Request, Response


class Asked(Protocol):
    """What is needed of a `kinj.models.loading.LanguageModel`."""

    @property
    def model(self) -> Any: ...
    @property
    def codec(self) -> Codec: ...


KINDS: dict[type[Codec], type[Asking[Any]]] = {
    Codec: AskingCausal,
    SentinelCodec: AskingSentinels,
    MaskCodec: AskingMasked,
}


def answer(
    language_model: Asked,
    requests: Sequence[Request],
    batch_tokens: int = 8192,
    progress: Progress | None = None,
    keep: Keep | None = None,
) -> list[Response]:
    """Answers requests of all kinds; in fp32 the answers do not depend on `batch_tokens`.

    Generation takes the likeliest tokens (or draws them, see `Request.temperature`). It ends at EOS (of the tokenizer or of
    the model's generation config), at one of the texts `stop`, after `max_new_tokens`, or where the model's context is full.
    The text is what was generated, without EOS and without surrounding white space; `logprob` and `tokens` count EOS too.
    Requests that differ only in `drafts`, `id` and `meta` are answered once. The model's training mode and the global random
    state are left as they were.

    Args:
        language_model: model and codec.
        requests: what to ask, in any order.
        batch_tokens: most tokens of a batch, padding and answer budget included; a longer single row goes alone.
        progress: called after every batch.
        keep: called after every batch with the answers that are now complete, without `id` and `meta`.

    Returns:
        One response per request, in the order of the requests.

    Raises:
        UsageError: a request of an unknown kind, or without its continuation.
        KinjError: a question does not fit the model's context, or memory does not suffice for a single row.
    """
    contents = [replace(request, id="", meta={}) for request in requests]
    unique = list(dict.fromkeys(contents))
    codec = language_model.codec
    engine: Engine | None = getattr(language_model, "engine", None)
    asking = KINDS[type(codec)] if engine is None else engine.asking
    work = asking(language_model.model, codec, Budget(batch_tokens), progress, keep, len(unique))
    by_kind: defaultdict[str, list[Request]] = defaultdict(list)
    for request in unique:
        by_kind[request.kind].append(request)
    solvers = {"generate": work.generate, "loglikelihood": work.loglikelihood, "rolling": work.rolling}
    unknown = sorted(set(by_kind) - set(solvers))
    if unknown:
        raise UsageError(f"no model can be asked for `{unknown[0]}`; there are {', '.join(solvers)}")
    with evaluating(language_model.model), _explaining_memory():
        for kind, group in by_kind.items():
            solvers[kind](group)
    return [
        replace(work.answers[content], request=request) for content, request in zip(contents, requests, strict=True)
    ]


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Evaluation mode without gradients; afterwards each module is in the mode it was in."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def _explaining_memory() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        raise KinjError(
            "memory does not suffice to ask this model a single question", "take a smaller model or another device"
        ) from error
