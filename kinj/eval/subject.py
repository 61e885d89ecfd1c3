"""What is asked: the model under test beside the one before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kinj.config.schema import Settings
from kinj.eval.asking import NotMeasuredError
from kinj.eval.base import SCHEMA
from kinj.eval.cache import AnswerCache
from kinj.eval.fitting import fitting
from kinj.models.fingerprints import fingerprint
from kinj.models.loading import LanguageModel
from kinj.models.requests import Request, Response
from kinj.models.served import ServedModel

EvalProgress = Callable[[str, int, int], None]
"""(probe, requests answered, requests in all)."""


class Subject:
    """The model under test, the one before it, and the answers known of both.

    Args:
        settings: `eval` is used here.
        after: the model under test.
        before: the model that changes are measured since, if any.
        cache: of answers to both.
        progress: called after every batch.
    """

    def __init__(
        self,
        settings: Settings,
        after: LanguageModel | ServedModel,
        before: LanguageModel | ServedModel | None,
        cache: AnswerCache,
        progress: EvalProgress | None,
    ) -> None:
        self.settings, self.after, self.before, self.cache, self.progress = settings, after, before, cache, progress
        self.model = _fingerprint(after)
        self.model_before = _fingerprint(before) if before else None

    def about(self) -> dict[str, Any]:
        """What results.json says of the models and how they were asked."""
        return {
            "schema": SCHEMA,
            "model": self.after.name,
            "fingerprint": self.model,
            "before": self.before.name if self.before else None,
            "batch_tokens": self.settings.eval.batch_tokens,
            **_place(self.after),
            "question_format": _question_format(self.after),
            "normalizer": self.settings.eval.normalizer,
            "max_new_tokens": self.settings.eval.max_new_tokens,
        }

    def can_answer(self, probe: str, requests: list[Request], notices: list[str]) -> tuple[list[Request], int]:
        """The requests that both models can answer, and how many questions are too long for one of them.

        Raises:
            NotMeasuredError: there are none.
        """
        codecs = [model.codec for model in (self.after, self.before) if isinstance(model, LanguageModel)]
        return fitting(probe, self._served(probe, requests, notices), codecs, notices)

    def _served(self, probe: str, requests: list[Request], notices: list[str]) -> list[Request]:
        """All of them, but where a model is served."""
        if isinstance(self.after, LanguageModel) and not isinstance(self.before, ServedModel):
            return requests
        kept = [request for request in requests if request.kind == "generate"]
        if not kept:
            raise NotMeasuredError("it needs log-probabilities, which a served model does not give")
        if len(kept) < len(requests):
            left = len(requests) - len(kept)
            notices.append(f"{probe}: {left:,} requests for log-probabilities are left out: a served model gives none")
        return kept

    def ask(self, probe: str, requests: list[Request]) -> tuple[list[Response], list[Response] | None]:
        """Answers of the model, and of the one before it where there is one."""
        progress, tokens = self.progress, self.settings.eval.batch_tokens
        report = None if progress is None else lambda done, total: progress(probe, done, total)
        after = self.cache.answer(self.after, self.model, requests, tokens, report)
        if self.before is None or self.model_before is None:
            return after, None
        return after, self.cache.answer(self.before, self.model_before, requests, tokens, report)

    def networks(self) -> tuple[LanguageModel, LanguageModel | None]:
        """The models themselves, for what looks into them.

        Raises:
            NotMeasuredError: one of them is served.
        """
        return _local(self.after), _local(self.before) if self.before else None


def _fingerprint(model: LanguageModel | ServedModel) -> str:
    return model.fingerprint if isinstance(model, ServedModel) else fingerprint(model)


def _question_format(model: LanguageModel | ServedModel) -> str:
    return model.codec.question_format if isinstance(model, LanguageModel) else "a user's turn"


def _place(model: LanguageModel | ServedModel) -> dict[str, str | None]:
    """Type and device of the weights, and what runs them (None: kinj itself); a served model's type is not known."""
    if isinstance(model, ServedModel):
        return {"dtype": None, "device": model.url, "engine": None}
    parameter = next(model.model.parameters())
    dtype, device = str(parameter.dtype).removeprefix("torch."), str(parameter.device)
    return {"dtype": dtype, "device": device, "engine": model.engine.name if model.engine else None}


def _local(model: LanguageModel | ServedModel) -> LanguageModel:
    if isinstance(model, ServedModel):
        raise NotMeasuredError("it looks into the network itself, which a served model does not show")
    return model
