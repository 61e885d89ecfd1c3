"""A model behind an OpenAI-compatible address."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from kinj.augment.written.budget import Budget
from kinj.augment.written.client import Call, Keep
from kinj.augment.written.flight import Flight
from kinj.augment.written.kept import Reply
from kinj.augment.written.replies import whole
from kinj.config.errors import UnfinishedError, UsageError
from kinj.config.schema import LlmSettings
from kinj.config.secrets import REDACTED

if TYPE_CHECKING:
    from openai import APIError, AsyncOpenAI

CHARACTERS_PER_TOKEN = 4
"""Used to estimate before asking, and where an endpoint does not say how many tokens it read and wrote."""
NOT_A_REPLY = "is not what an OpenAI-compatible endpoint sends"
PROBE = Call("Reply with the word yes.", 0)
"""Asked after a failure: does the endpoint work, and only that one call does not?"""
PROBE_RETRIES = 2

_log = logging.getLogger("kinj")


class Endpoint:
    """Asks the endpoint that the settings name. Errors that may pass (429, 5xx, time-outs, lost connections) are retried by
    the `openai` client: exponential back-off with jitter, and `Retry-After` up to two minutes is honoured.

    Args:
        settings: address, model, sampling; `key_env` names the variable with the key.

    Raises:
        UsageError: the key is missing, or the `openai` package is.
    """

    def __init__(self, settings: LlmSettings) -> None:
        try:
            import openai  # noqa: F401 - only whether it is there; it is used where requests are sent
        except ModuleNotFoundError:
            raise UsageError("an endpoint needs the openai package", 'pip install "kinj[llm]"') from None
        self.settings = settings
        self._key = _key(settings.key_env)
        self._length = "max_tokens"
        self._seeded = True

    def request(self, call: Call) -> dict[str, Any]:
        """Address, model, message and sampling."""
        own = self.settings
        sampling = {"temperature": own.temperature, "max_tokens": own.max_new_tokens, "seed": call.seed}
        return {"url": own.url, "model": own.model, "messages": _messages(call), **sampling}

    def tokens(self, text: str) -> int:
        """About so many tokens: a quarter of the characters."""
        return -(-len(text) // CHARACTERS_PER_TOKEN)

    def ask(self, calls: Sequence[Call], keep: Keep, budget: Budget) -> list[Reply]:
        """Replies to all calls; see `LanguageModel.ask` and `Flight.land`."""
        return asyncio.run(self._ask(calls, keep, budget))

    async def _ask(self, calls: Sequence[Call], keep: Keep, budget: Budget) -> list[Reply]:
        from openai import AsyncOpenAI

        own = self.settings
        key = self._key or "none"
        async with AsyncOpenAI(base_url=own.url, api_key=key, timeout=own.timeout, max_retries=own.retries) as openai:
            return await Flight(partial(self._answer, openai, keep), self._need, own.in_flight, budget).land(calls)

    def _need(self, call: Call) -> tuple[int, int]:
        return self.tokens(call.text), self.settings.max_new_tokens

    async def _answer(self, openai: AsyncOpenAI, keep: Keep, call: Call) -> Reply:
        """The reply to a call, kept; or what is wrong with this one call where the endpoint answers others.

        Raises:
            UnfinishedError: the endpoint is down, refuses everything, or sends what is not a reply.
        """
        from openai import APIError, RateLimitError

        try:
            reply = await self._send(openai, call)
        except APIError as error:
            problem = self._explain(error)
            if isinstance(error, RateLimitError):  # not the call's fault: it will be answered another time
                raise problem from None
            await self._must_work(openai)
            return Reply(problem=f"could not be had: {problem.what}", final=True)
        if reply.problem == NOT_A_REPLY:
            await self._must_work(openai)
        keep(call, reply)
        return reply

    async def _must_work(self, openai: AsyncOpenAI) -> None:
        from openai import APIError

        retries = min(PROBE_RETRIES, openai.max_retries)
        for _ in range(1 + retries):
            try:
                reply = await self._send(openai.with_options(max_retries=retries), PROBE)
            except APIError as error:
                raise self._explain(error) from None  # the chain could show what the endpoint said about the key
            if reply.problem != NOT_A_REPLY:
                return
        raise UnfinishedError(f"what {self.settings.url} sends {NOT_A_REPLY}", "the address usually ends in /v1")

    async def _send(self, openai: AsyncOpenAI, call: Call) -> Reply:
        from openai import BadRequestError, UnprocessableEntityError

        while True:
            sent = self._parameters(call)
            try:
                raw = await openai.chat.completions.with_raw_response.create(**sent)
            except (BadRequestError, UnprocessableEntityError) as error:
                if not self._adapts(sent, error.message):
                    raise
            else:
                return self._read(call, raw.text)

    def _parameters(self, call: Call) -> dict[str, Any]:
        own = self.settings
        found: dict[str, Any] = {"model": own.model, "messages": _messages(call), self._length: own.max_new_tokens}
        if own.temperature is not None:
            found["temperature"] = own.temperature
        if self._seeded:
            found["seed"] = call.seed
        return found

    def _adapts(self, sent: dict[str, Any], problem: str) -> bool:
        """Whether a request was refused for a parameter that this endpoint calls something else, or does not know."""
        if "max_tokens" in sent and "max_completion_tokens" in problem:
            self._length = "max_completion_tokens"
            return True
        if "seed" in sent and "seed" in problem:
            if self._seeded:
                _log.warning(
                    "the endpoint takes no seed; replies that are kept stay as they are, new ones are left to chance"
                )
            self._seeded = False
            return True
        return False

    def _read(self, call: Call, body: str) -> Reply:
        try:
            content = json.loads(body)
            choices, usage = content["choices"] or [], content.get("usage") or {}
            choice = choices[0] if choices else {}
            message, finish = choice.get("message") or {}, choice.get("finish_reason")
            text = whole(message.get("content") or "")
            tokens_in = int(usage.get("prompt_tokens") or self.tokens(call.text))
            tokens_out = int(usage.get("completion_tokens") or self.tokens(text))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return Reply(problem=NOT_A_REPLY)
        problem = ""
        if not choices:
            problem = "has no choices"
        elif finish == "length":
            problem = f"is cut off at {self.settings.max_new_tokens:,} tokens (augment.llm.max_new_tokens)"
        elif finish == "content_filter" or message.get("refusal"):
            problem = "is a refusal"
        return Reply(text, problem, finish in ("length", "content_filter"), tokens_in, tokens_out)

    def _explain(self, error: APIError) -> UnfinishedError:
        """What to tell the user about an error that did not pass. The key is in none of it."""
        from openai import APIConnectionError, APIStatusError, APITimeoutError

        own = self.settings
        if isinstance(error, APITimeoutError):
            what, hint = f"did not answer within {own.timeout:g} s", "a higher limit: augment.llm.timeout=SECONDS"
        elif isinstance(error, APIConnectionError):
            what, hint = f"cannot be reached: {error.__cause__ or error}", "is the server running?"
        elif isinstance(error, APIStatusError):
            what, hint = (
                f"answers {error.status_code}: {error.message}",
                _HINTS.get(error.status_code, _SERVER if error.status_code >= 500 else ""),
            )
        else:
            what, hint = f"failed: {error}", ""
        if self._key:
            what = what.replace(self._key, REDACTED)
        shown = " ".join(what.split())[:400]
        return UnfinishedError(f"the endpoint {own.url} {shown}", hint.format(key_env=own.key_env, model=own.model))


_REFUSED = "check the key in the environment variable {key_env} and what it may do"
_SERVER = "the fault is the server's; its log may say more"
_HINTS = {
    401: _REFUSED,
    403: _REFUSED,
    404: "is augment.llm.model={model} right? the address usually ends in /v1",
    429: "wait, or send fewer at a time: augment.llm.in_flight=2",
}


def _messages(call: Call) -> list[dict[str, str]]:
    return [{"role": "user", "content": call.text}]


def _key(name: str | None) -> str | None:
    if name is None:
        return None
    key = os.environ.get(name, "").strip()
    if not key:
        raise UsageError(
            f"the endpoint's key is missing: the environment variable {name} is not set",
            f"set it (export {name}=…), or name another one: augment.llm.key_env=NAME\n"
            "an endpoint that wants no key: augment.llm.key_env=null",
        )
    if not re.fullmatch(r"[!-~]+", key):
        raise UsageError(f"the key in the environment variable {name} holds white space or letters that no key has")
    return key
