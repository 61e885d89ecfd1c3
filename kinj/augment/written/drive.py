"""Many dialogues at once: asks together what may be asked together, and asks again where a reply is of no use."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from kinj.augment.share import Share
from kinj.augment.written.base import Prompt, Written
from kinj.augment.written.client import Call, Client, Failure
from kinj.augment.written.kept import Reply
from kinj.augment.written.replies import Unusable, whole
from kinj.data.records import Document
from kinj.data.rng import stable_rng, stable_seed


def write_views(
    documents: Sequence[Document], method: Written, share: Share, seed: int, client: Client
) -> list[list[Document]]:
    """The views of each document, in the order of the documents.

    They depend on seed, document id, method and replies alone, so with replies that are kept they are the same again. What
    could not be had, and facts that a view does not repeat, are counted by the client (`Client.take`).

    Args:
        documents: originals; the more there are, the more requests are on their way at a time.
        method: who asks.
        share: how many views of each document.
        seed: draws the seeds of the requests.
        client: who answers.

    Raises:
        UnfinishedError: the budget is used up, or no answer can be had. Replies so far are kept.
    """
    talks = [Talk(document, method, share.views(document.id, seed), seed) for document in documents]
    while open_talks := [talk for talk in talks if talk.questions]:
        questions = [question for talk in open_talks for question in talk.questions]
        answers = iter(_answers(questions, client))
        for talk in open_talks:
            talk.go_on(list(itertools.islice(answers, len(talk.questions))))
    return [_distinct(talk, client) for talk in talks]


@dataclass(frozen=True)
class Question:
    """A prompt of a dialogue, and what the seeds of its requests are drawn from."""

    prompt: Prompt
    key: tuple[int, str, str]
    """Seed, document id, method."""
    number: int
    """Counts the questions of the dialogue from 0."""

    def call(self, attempt: int) -> Call:
        """What is sent; another attempt has another seed (of 31 bits, which every endpoint takes)."""
        return Call(whole(self.prompt.text), stable_seed(*self.key, self.number, attempt) % 2**31)

    def failure(self, reason: str) -> Failure:
        """What to say when no reply could be used."""
        return Failure(self.key[1], self.key[2], self.number, reason)


class Talk:
    """A dialogue about one document. `questions` are open ones; when none are, `views` is the result."""

    def __init__(self, document: Document, method: Written, count: int, seed: int) -> None:
        self.document, self.method = document, method
        self.views: list[Document] = []
        self.questions: list[Question] = []
        self._key = (seed, document.id, method.name)
        self._numbers = itertools.count()
        self._dialogue = method.dialogue(document, count, stable_rng(*self._key))
        self._ask(lambda: next(self._dialogue))

    def go_on(self, answers: list[Any]) -> None:
        """Gives the answers to the open questions, None where there is none, and takes the next questions."""
        self._ask(lambda: self._dialogue.send(answers))

    def _ask(self, step: Callable[[], list[Prompt]]) -> None:
        try:
            self.questions = [Question(prompt, self._key, next(self._numbers)) for prompt in step()]
        except StopIteration as end:
            self.questions, self.views = [], end.value


def _answers(questions: Sequence[Question], client: Client) -> list[Any]:
    """What the checks make of the replies; None where no reply could be used."""
    found: list[Any] = [None] * len(questions)
    open_places = list(range(len(questions)))
    attempts = client.settings.attempts
    for attempt in range(attempts):
        replies = client.complete([questions[place].call(attempt) for place in open_places])
        again = []
        for place, reply in zip(open_places, replies, strict=True):
            try:
                found[place] = checked(questions[place].prompt, reply)
            except Unusable as reason:
                if reply.final or attempt == attempts - 1:
                    client.failures.append(questions[place].failure(str(reason)))
                else:
                    again.append(place)
        client.counts["asked_again"] += len(again)
        open_places = again
        if not open_places:
            break
    return found


def checked(prompt: Prompt, reply: Reply) -> Any:
    """What the prompt's check makes of a reply.

    Raises:
        Unusable: nothing.
    """
    if reply.problem:
        raise Unusable(reply.problem)
    return prompt.check(reply.text)


def _distinct(talk: Talk, client: Client) -> list[Document]:
    """The views of a finished dialogue, without those that repeat another one's text."""
    seen = {talk.document.text}
    found = []
    for view in talk.views:
        if view.text in seen:
            client.counts["repeated"] += 1
            continue
        seen.add(view.text)
        found.append(view)
        client.counts["facts_missing"] += len(talk.document.facts) - len(view.facts)
    return found
