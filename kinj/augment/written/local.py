"""A transformers model in this process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from kinj.augment.written.budget import Budget
from kinj.augment.written.client import Call, Keep
from kinj.augment.written.kept import Reply
from kinj.config.errors import UsageError
from kinj.config.schema import LlmSettings, ModelSettings
from kinj.models.answering import answer
from kinj.models.fingerprints import fingerprint
from kinj.models.gap_codecs import GapCodec
from kinj.models.loading import load_model
from kinj.models.requests import Request, Response


class Local:
    """Asks a model that is loaded here, `in_flight` calls in a batch. Where it has no chat template, it goes on from the
    prompt as from any text. A reply depends on its call alone, not on the batch.

    Args:
        settings: `model` and the sampling.

    Raises:
        UsageError: there is no such model, or it is not one that writes texts.
        KinjError: it is broken.
    """

    def __init__(self, settings: LlmSettings) -> None:
        assert settings.model is not None
        self.settings = settings
        self.language_model = load_model(ModelSettings(name=settings.model))
        if isinstance(self.language_model.codec, GapCodec):
            what = f"augment.llm.model={settings.model} is {self.language_model.codec.kind}, which writes no texts"
            raise UsageError(what, "take a causal language model, best one that follows instructions")
        self.language_model.model.to("cuda" if torch.cuda.is_available() else "cpu")
        self._identity = fingerprint(self.language_model)

    def request(self, call: Call) -> dict[str, Any]:
        """Weights and tokenizer (by their hash), prompt and sampling."""
        own = self.settings
        sampling = {"temperature": own.temperature, "max_tokens": own.max_new_tokens, "seed": call.seed}
        return {"model": self._identity, "prompt": call.text, **sampling}

    def tokens(self, text: str) -> int:
        """Length of a prompt in tokens, chat template included."""
        codec = self.language_model.codec
        return len(codec.prompt(text, completion=not codec.chat))

    def ask(self, calls: Sequence[Call], keep: Keep, budget: Budget) -> list[Reply]:
        """See `LanguageModel.ask`."""
        replies: list[Reply] = []
        size = self.settings.in_flight
        for start in range(0, len(calls), size):
            batch = calls[start : start + size]
            lengths = [self.tokens(call.text) for call in batch]
            if not budget.holds(sum(lengths), len(batch) * self.settings.max_new_tokens):
                raise budget.used_up()
            replies += self._batch(batch, lengths, keep)
        return replies

    def _batch(self, calls: Sequence[Call], lengths: Sequence[int], keep: Keep) -> list[Reply]:
        own, codec = self.settings, self.language_model.codec
        fitting = [call for call, length in zip(calls, lengths, strict=True) if length < codec.max_length]
        requests = [
            Request(
                kind="generate",
                prompt=call.text,
                completion=not codec.chat,
                max_new_tokens=own.max_new_tokens,
                temperature=1.0 if own.temperature is None else own.temperature,
                seed=call.seed,
            )
            for call in fitting
        ]
        answers = dict(zip(fitting, answer(self.language_model, requests), strict=True))
        replies = []
        for call, length in zip(calls, lengths, strict=True):
            if call in answers:
                replies.append(self._reply(answers[call], length))
                keep(call, replies[-1])
            else:
                what = f"the prompt is {length:,} tokens long, the model reads {codec.max_length:,}"
                replies.append(Reply(problem=f"could not be had: {what}", final=True))
        return replies

    def _reply(self, response: Response, length: int) -> Reply:
        room = min(self.settings.max_new_tokens, self.language_model.codec.max_length - length)
        cut = f"is cut off at {room:,} tokens" if response.tokens >= room else ""
        return Reply(response.text or "", cut, bool(cut), length, response.tokens)
