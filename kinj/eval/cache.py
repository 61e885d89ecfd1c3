"""Answers kept by content: the same question to the same weights is never asked twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import orjson

from kinj.config.errors import KinjError
from kinj.data.files import atomic_write
from kinj.models.answering import answer
from kinj.models.asking import Progress
from kinj.models.loading import LanguageModel
from kinj.models.requests import Request, Response
from kinj.models.served import ServedModel


class AnswerCache:
    """Answers in one JSON Lines file, to which each batch is added as it is answered: what was interrupted goes on there.

    Once all is answered, the file is written anew. Answers of models other than those asked in this process are dropped then:
    they are of weights that are gone.

    Args:
        path: the file; None keeps answers in memory only.

    Raises:
        KinjError: the file is broken. A last line that was cut off by an interruption is no fault; it is asked again.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._answers = _read(path) if path is not None and path.exists() else {}
        self._models: set[str] = set()

    def answer(
        self,
        language_model: LanguageModel | ServedModel,
        model: str,
        requests: Sequence[Request],
        batch_tokens: int,
        progress: Progress | None = None,
    ) -> list[Response]:
        """As `kinj.models.answering.answer`; only what is not known yet is asked. `model` is the model's fingerprint."""
        self._models.add(model)
        keys = [_key(model, request) for request in requests]
        missing = [request for key, request in zip(keys, requests, strict=True) if key not in self._answers]

        def keep(responses: Sequence[Response]) -> None:
            self._add([_row(model, response) for response in responses])

        if isinstance(language_model, ServedModel):
            found = language_model.answer(missing, progress, keep)
        else:
            found = answer(language_model, missing, batch_tokens, progress, keep)
        for response in found:
            row = _row(model, response)
            self._answers[row["key"]] = row
        if missing:
            self._save()
        return [_response(request, self._answers[key]) for key, request in zip(keys, requests, strict=True)]

    def _add(self, rows: list[dict[str, Any]]) -> None:
        """Adds rows at the end of the file; they outlive this process."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(_lines(rows))

    def _save(self) -> None:
        if self.path is None:
            return
        rows = [row for row in self._answers.values() if row["model"] in self._models]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(self.path, _lines(rows))


def _lines(rows: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """The answers in a file. A last line that was cut off is removed from it."""
    whole, _, rest = path.read_bytes().rpartition(b"\n")
    try:
        rows = [orjson.loads(line) for line in whole.splitlines()]
    except orjson.JSONDecodeError as error:
        raise KinjError(f"{path} is broken: {error}", "delete it; its questions are then asked again") from error
    if rest:
        atomic_write(path, _lines(rows))
    return {row["key"]: row for row in rows}


def _row(model: str, response: Response) -> dict[str, Any]:
    known = {"text": response.text, "logprob": response.logprob, "tokens": response.tokens, "greedy": response.greedy}
    return {"key": _key(model, response.request), "model": model, **known}


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
