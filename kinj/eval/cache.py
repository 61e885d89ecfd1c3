"""Answers kept by content: the same question to the same weights is never asked twice."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from kinj.data.files import atomic_write
from kinj.models.answering import answer
from kinj.models.asking import Progress
from kinj.models.loading import LanguageModel
from kinj.models.requests import Request, Response


class AnswerCache:
    """Answers in one JSON Lines file.

    Answers of models other than those asked in this process are dropped when it is saved: they are of weights that are gone.

    Args:
        path: the file; None keeps answers in memory only.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._answers: dict[str, dict[str, Any]] = {}
        self._models: set[str] = set()
        if path is not None and path.exists():
            self._answers = {row["key"]: row for row in map(orjson.loads, path.read_bytes().splitlines())}

    def answer(
        self,
        language_model: LanguageModel,
        model: str,
        requests: Sequence[Request],
        batch_tokens: int,
        progress: Progress | None = None,
    ) -> list[Response]:
        """As `kinj.models.answering.answer`; only what is not known yet is asked. `model` is the model's fingerprint."""
        self._models.add(model)
        keys = [_key(model, request) for request in requests]
        missing = [request for key, request in zip(keys, requests, strict=True) if key not in self._answers]
        for response in answer(language_model, missing, batch_tokens, progress):
            known = {
                "text": response.text,
                "logprob": response.logprob,
                "tokens": response.tokens,
                "greedy": response.greedy,
            }
            key = _key(model, response.request)
            self._answers[key] = {"key": key, "model": model, **known}
        if missing:
            self._save()
        return [_response(request, self._answers[key]) for key, request in zip(keys, requests, strict=True)]

    def _save(self) -> None:
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        rows = [row for row in self._answers.values() if row["model"] in self._models]
        atomic_write(self.path, b"".join(orjson.dumps(row) + b"\n" for row in rows))


def _key(model: str, request: Request) -> str:
    content = [
        model,
        request.kind,
        request.prompt,
        request.continuation,
        request.max_new_tokens if request.kind == "generate" else 0,
        request.completion,
        *([request.temperature, request.seed] if request.temperature else []),
        *([request.shots, request.stop] if request.shots or request.stop else []),
    ]
    return hashlib.sha256(repr(content).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _response(request: Request, row: dict[str, Any]) -> Response:
    return Response(
        request=request, text=row["text"], logprob=row["logprob"], tokens=row["tokens"], greedy=row["greedy"]
    )
