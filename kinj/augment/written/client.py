"""Asks a language model, and never twice the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kinj.augment.written.budget import Budget
from kinj.augment.written.kept import KeptReplies, Reply, key_of
from kinj.config.errors import UnfinishedError, UsageError
from kinj.config.schema import LlmSettings


@dataclass(frozen=True)
class Call:
    """A prompt as it is sent; another seed asks for another reply."""

    text: str
    seed: int


Keep = Callable[[Call, Reply], None]
"""Puts a reply that was paid for where nothing can take it away."""


class LanguageModel(Protocol):
    """Where calls are answered: an endpoint, or a model in this process."""

    def request(self, call: Call) -> dict[str, Any]:
        """Everything the reply depends on, without secrets."""
        ...

    def tokens(self, text: str) -> int:
        """Length of a text, measured or (at an endpoint, whose tokenizer is not known) estimated."""
        ...

    def ask(self, calls: Sequence[Call], keep: Keep, budget: Budget) -> list[Reply]:
        """Replies in the order of the calls; each one that was paid for is kept as soon as it is there.

        Raises:
            UnfinishedError: the budget is used up, or no answer can be had. What is on its way is kept first.
        """
        ...


@dataclass(frozen=True)
class Failure:
    """Something that was asked for and could not be had: for which document, by which method, as which of its questions
    (from 0), and why."""

    document: str
    method: str
    question: int
    reason: str


class Client:
    """A language model with a memory and a budget.

    Attributes:
        counts: what happened since they were last taken (`take`).
        failures: what could not be had since then.
        paid: replies that were asked for by this client, not known before.
    """

    def __init__(self, model: LanguageModel, kept: KeptReplies, settings: LlmSettings) -> None:
        self.model, self.kept, self.settings = model, kept, settings
        self.budget = Budget(settings, kept)
        self.counts: Counter[str] = Counter()
        self.failures: list[Failure] = []
        self.paid = 0

    def known(self, call: Call) -> Reply | None:
        """The reply to a call that was made before."""
        return self.kept.get(key_of(self.model.request(call)))

    def complete(self, calls: Sequence[Call]) -> list[Reply]:
        """The reply to each call; only what is not known yet is asked.

        Raises:
            UnfinishedError: the budget is used up, or no answer can be had.
        """
        keys = [key_of(self.model.request(call)) for call in calls]
        missing = {key: call for key, call in zip(keys, calls, strict=True) if key not in self.kept}
        asked = dict(zip(missing, self._ask(list(missing.values())), strict=True))
        replies = [self.kept.get(key) or asked[key] for key in keys]
        self.counts["requests"] += len(replies)
        self.counts["tokens_in"] += sum(reply.tokens_in for reply in replies)
        self.counts["tokens_out"] += sum(reply.tokens_out for reply in replies)
        return replies

    def _ask(self, calls: Sequence[Call]) -> list[Reply]:
        if not calls:
            return []
        try:
            return self.model.ask(calls, self._keep, self.budget)
        except UnfinishedError as error:
            told = bool(self.kept.path and len(self.kept))
            kept = f"all {len(self.kept):,} replies so far are kept in {self.kept.path}" if told else ""
            # `from None`: the chain could show what an endpoint said about the key.
            raise UnfinishedError(error.what, "\n".join(filter(None, [error.hint, kept]))) from None

    def _keep(self, call: Call, reply: Reply) -> None:
        self.kept.put(key_of(self.model.request(call)), reply)
        self.paid += 1

    def take(self) -> tuple[Counter[str], list[Failure]]:
        """Counts and failures since the last time."""
        taken = self.counts, self.failures
        self.counts, self.failures = Counter(), []
        return taken

    def close(self) -> None:
        """Lets another run use the file of replies."""
        self.kept.close()


def open_client(settings: LlmSettings, kept: KeptReplies) -> Client:
    """The client that the settings describe.

    Raises:
        UsageError: no model is named, the key is missing, or the model cannot be had.
    """
    if settings.model is None:
        raise UsageError(
            "no language model is named to write the views",
            "at an endpoint: augment.llm.url=http://127.0.0.1:8000/v1 augment.llm.model=NAME\n"
            "on this machine: augment.llm.model=FOLDER",
        )
    if settings.url is not None:
        from kinj.augment.written.endpoint import Endpoint

        return Client(Endpoint(settings), kept, settings)
    from kinj.augment.written.local import Local

    return Client(Local(settings), kept, settings)
