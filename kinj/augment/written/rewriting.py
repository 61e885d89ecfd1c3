"""Methods that ask once per view: what differs is the prompt, its variants, and what is made of the reply."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kinj.augment.drafts import shuffled
from kinj.augment.written.base import Dialogue, Prompt
from kinj.augment.written.replies import plain
from kinj.augment.written.views import view_of
from kinj.config.prompts import PromptFile
from kinj.data.records import Document

Variant = tuple[str, Mapping[str, str]]
"""A name, and what it puts into the prompt's places."""

NO_TITLE = "(it has none)"


class Rewriting:
    """Asks for each view with one prompt, `ask`, in one of its variants.

    Args:
        name: of the method.
        prompts: its prompt file.
        decks: variants; each round takes one of every deck, so that few views already differ much.
        seed: recorded in the views.
    """

    preserves = "nothing"

    def __init__(self, name: str, prompts: PromptFile, decks: Sequence[Sequence[Variant]], seed: int) -> None:
        self.name, self.prompts, self.decks, self.seed = name, prompts, decks, seed

    def dialogue(self, document: Document, count: int, rng: random.Random) -> Dialogue:
        """One question per view; see `Written.dialogue`. A text without any character but white space has no views."""
        if not document.text.strip():
            return []
        drawn = [variant for variant, _ in zip(_drawn(self.decks, rng), range(count), strict=False)]
        answers = yield [self._prompt(document, places) for _, places in drawn]
        return [
            self.view(document, f"{self.name}/{variant}" if variant else self.name, index, answer)
            for index, ((variant, _), answer) in enumerate(zip(drawn, answers, strict=True), start=1)
            if answer is not None
        ]

    def _prompt(self, document: Document, places: Mapping[str, str]) -> Prompt:
        title = document.title or NO_TITLE
        return Prompt(self.prompts.render("ask", document=document.text, title=title, **places), self.check)

    def view(self, document: Document, method: str, index: int, answer: Any) -> Document:
        """The view that an answer makes."""
        return view_of(document, method, index, self.seed, self.text(answer))

    def check(self, reply: str) -> Any:
        """What the reply holds; see `Prompt.check`."""
        return plain(reply)

    def text(self, answer: Any) -> str:
        """The view's text."""
        return str(answer)


def _drawn(decks: Sequence[Sequence[Variant]], rng: random.Random) -> Iterator[Variant]:
    """Variants without end, one of each deck per round; a deck starts over when it is used up."""
    orders = [shuffled(deck, rng) for deck in decks]
    turn = 0
    while True:
        for deck in shuffled(orders, rng):
            yield deck[turn % len(deck)]
        turn += 1
