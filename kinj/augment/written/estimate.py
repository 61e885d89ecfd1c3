"""What a job would ask and cost, before anything is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kinj.augment.engine import Engine
from kinj.augment.run import read_sound
from kinj.augment.share import Share
from kinj.augment.written.base import Written
from kinj.augment.written.client import Client
from kinj.augment.written.drive import Question, Talk, checked
from kinj.augment.written.replies import Unusable
from kinj.augment.written.writer import client_for, replies_path
from kinj.config.errors import UsageError
from kinj.config.schema import LlmSettings, Settings
from kinj.data.records import Document


@dataclass
class Estimate:
    """Requests that are still to be made, and tokens: of their prompts, of replies about as long as their prompts, and of
    replies as long as `max_new_tokens` allows. `known` are requests that were answered before."""

    settings: LlmSettings
    known: int = 0
    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    longest: int = 0

    def cost(self, tokens_out: int) -> float:
        """Money for the prompts and so many tokens of replies."""
        return (self.tokens_in * self.settings.price_in + tokens_out * self.settings.price_out) / 1e6

    def to_json(self) -> dict[str, float]:
        """Plain values for `--json`."""
        numbers = {name: value for name, value in vars(self).items() if name != "settings"}
        return numbers | {"cost": self.cost(self.tokens_out), "cost_at_most": self.cost(self.longest)}

    def __str__(self) -> str:
        known = f" ({self.known:,} more are answered already)" if self.known else ""
        tokens = (
            f"{self.tokens_in:,} tokens of prompts, about {self.tokens_out:,} (at most {self.longest:,}) of replies"
        )
        priced = self.settings.price_in + self.settings.price_out > 0
        cost = (
            f", cost about {self.cost(self.tokens_out):,.2f} (at most {self.cost(self.longest):,.2f})" if priced else ""
        )
        return f"about {self.requests:,} requests{known}: {tokens}{cost}"


def estimate_files(sources: Sequence[str], output: Path, settings: Settings) -> Estimate:
    """The estimate for all documents of some files, with the replies that are kept for their output.

    Raises:
        UsageError: it is beyond the budget; no model is named; the key is missing; a prompt file that cannot be used.
    """
    engine = Engine(settings.augment, settings.seed)
    methods = {method.name: method for method in engine.written.values()}  # two chains may ask the same
    replies = replies_path(settings.augment, output)
    client = client_for(settings.augment, replies if replies and replies.exists() else None)
    try:
        # Bad lines are met, and dealt with, when the records are read in earnest.
        lenient = replace(settings, run=replace(settings.run, on_error="skip"))
        # Questions are bad lines here: a language model is asked about documents only.
        documents = (record for record in read_sound(sources, lenient) if isinstance(record, Document))
        found = estimate(documents, methods.values(), engine.share, settings.seed, client)
        refuse_beyond_budget(found, client)
    finally:
        client.close()
    return found


def estimate(
    documents: Iterable[Document], methods: Collection[Written], share: Share, seed: int, client: Client
) -> Estimate:
    """Goes through the dialogues of all documents without asking: with the replies that are kept, and where there is none,
    with what the method takes it to be. Requests asked again because a reply is of no use are not foreseen."""
    found = Estimate(client.settings)
    for document in documents:
        for method in methods:
            talk = Talk(document, method, share.views(document.id, seed), seed)
            while talk.questions:
                talk.go_on([_answer(question, client, found) for question in talk.questions])
    return found


def _answer(question: Question, client: Client, found: Estimate) -> Any:
    for attempt in range(client.settings.attempts):
        call = question.call(attempt)
        reply = client.known(call)
        if reply is None:
            tokens = client.model.tokens(call.text)
            found.requests += 1
            found.tokens_in += tokens
            found.tokens_out += min(tokens, client.settings.max_new_tokens)
            found.longest += client.settings.max_new_tokens
            return question.prompt.sample
        found.known += 1
        try:
            return checked(question.prompt, reply)
        except Unusable:
            if reply.final:
                break
    return None


def refuse_beyond_budget(found: Estimate, client: Client) -> None:
    """Stops before anything is asked if the estimate is beyond the budget, unless `augment.llm.cut` is set.

    Raises:
        UsageError: it is.
    """
    if client.settings.cut or client.budget.holds(found.tokens_in, found.tokens_out):
        return
    tokens, cost = client.budget.after()
    spent = f"; {tokens:,} tokens ({cost:,.2f}) are spent already" if tokens else ""
    raise UsageError(
        f"the budget ({client.budget.limit()}) does not suffice: {found}{spent}. Nothing was asked",
        "raise it, take fewer documents (data.limit=N) or views (-k N),\n"
        "or start anyway and stop when it is used up, with everything kept: augment.llm.cut=true",
    )
