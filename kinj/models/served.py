"""A model behind an OpenAI-compatible address, asked for whole answers; it gives no log-probabilities of given texts."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kinj.config.errors import UnfinishedError, UsageError
from kinj.config.secrets import REDACTED
from kinj.models.asking import Keep, Progress, cut
from kinj.models.requests import Request, Response

if TYPE_CHECKING:
    from openai import OpenAI

PREFIX = "openai:"
KEY = "OPENAI_API_KEY"
"""Environment variable with the key; an endpoint that wants none gets a placeholder."""
STOPS = 4
"""Most stop texts of a request in OpenAI's interface; texts are cut here in any case."""


@dataclass(frozen=True)
class ServedModel:
    """A served model. `name` is what the user typed: `openai:MODEL@URL`."""

    name: str
    model: str
    url: str
    in_flight: int = 8
    """Most requests on their way at a time."""

    @property
    def fingerprint(self) -> str:
        """Stands for the weights, which nobody here can see: other weights under the same name and address go unnoticed."""
        return hashlib.sha256(repr((self.model, self.url)).encode()).hexdigest()[:32]

    def answer(
        self, requests: Sequence[Request], progress: Progress | None = None, keep: Keep | None = None
    ) -> list[Response]:
        """Answers requests of kind `generate`, as `kinj.models.answering.answer` does; `logprob` covers no tokens.

        Errors that may pass (429, 5xx, time-outs, lost connections) are retried by the `openai` client.

        Raises:
            UnfinishedError: the endpoint fails; what was answered so far was kept.
            UsageError: the `openai` package is missing.
        """
        unique = list(dict.fromkeys(replace(request, id="", meta={}) for request in requests))
        found: dict[Request, Response] = {}
        client = self._client()
        with ThreadPoolExecutor(self.in_flight) as pool:
            futures = [pool.submit(self._ask, client, request) for request in unique]
            try:
                for future in as_completed(futures):
                    response = future.result()
                    found[response.request] = response
                    if keep:
                        keep([response])
                    if progress:
                        progress(len(found), len(unique))
            except BaseException as error:
                pool.shutdown(cancel_futures=True)
                for future in futures:  # what was on its way when another one failed
                    if keep and future.done() and not future.cancelled() and future.exception() is None:
                        keep([r for r in [future.result()] if r.request not in found])
                raise self._explained(error, len(found), len(unique)) from None
        return [replace(found[replace(request, id="", meta={})], request=request) for request in requests]

    def _client(self) -> OpenAI:
        try:
            from openai import OpenAI
        except ModuleNotFoundError:
            raise UsageError("a served model needs the openai package", 'pip install "kinj[llm]"') from None
        return OpenAI(base_url=self.url, api_key=os.environ.get(KEY) or "none")

    def _ask(self, client: OpenAI, request: Request) -> Response:
        told = [(("user", question), ("assistant", said)) for question, said in request.shots]
        turns = [*(turn for pair in told for turn in pair), ("user", request.prompt)]
        messages: Any = [{"role": role, "content": text} for role, text in turns]
        options: dict[str, Any] = {"stop": list(request.stop[:STOPS])} if request.stop else {}
        if request.temperature:
            options["seed"] = request.seed
        reply = client.chat.completions.create(
            model=self.model,
            messages=messages,
            temperature=request.temperature,
            max_tokens=request.max_new_tokens,
            **options,
        )
        if isinstance(reply, str) or not reply.choices:
            raise ValueError("what it sends is no completion")
        text = reply.choices[0].message.content or ""
        return Response(request=request, text=cut(text, request.stop).strip(), greedy=request.temperature == 0)

    def _explained(self, error: BaseException, done: int, total: int) -> BaseException:
        """An error of the endpoint in words, without the key; any other one as it is."""
        from openai import OpenAIError

        if not isinstance(error, (OpenAIError, AttributeError, ValueError)):
            return error
        text = " ".join(str(error).split())[:300] or type(error).__name__
        if os.environ.get(KEY):
            text = text.replace(os.environ[KEY], REDACTED)
        return UnfinishedError(
            f"the endpoint {self.url} failed after {done:,} of {total:,} answers: {text}",
            f"is {self.model} its model, the address right (it usually ends in /v1), the key in {KEY}? Answers so far are kept.",
        )


def served(name: str, in_flight: int) -> ServedModel | None:
    """The served model that a name stands for; None where it stands for another kind of model.

    Raises:
        UsageError: it begins like one and is none.
    """
    if not name.startswith(PREFIX):
        return None
    match = re.fullmatch(r"openai:(.+?)@(https?://.+)", name)
    if match is None:
        raise UsageError(
            f"{name} names no served model", "write openai:MODEL@URL, for example openai:llama@http://localhost:8000/v1"
        )
    return ServedModel(name, match[1], match[2], in_flight)
