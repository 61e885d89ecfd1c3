"""EntiGraph: what the entities of a text have to do with one another (method card: docs/methods/entigraph.md).

After arXiv 2409.07431: entities first, then a text about every pair, then about triples, until the budget of views ends.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

from kinj.augment.written.base import Dialogue, Prompt
from kinj.augment.written.replies import Unusable, from_json, plain, strings
from kinj.augment.written.rewriting import NO_TITLE
from kinj.augment.written.views import view_of
from kinj.config.prompts import load_prompts
from kinj.config.schema import AugmentSettings
from kinj.data.records import Document

KINDS = {2: "pair", 3: "triple"}
PLACES = {
    "entities": ("document", "title"),
    "pair": ("document", "title", "first", "second"),
    "triple": ("document", "title", "first", "second", "third"),
}
ORDINALS = ("first", "second", "third")


def build(settings: AugmentSettings, seed: int) -> EntiGraph:
    """The method as the settings ask for it.

    Raises:
        UsageError: a prompt file that cannot be used.
    """
    return EntiGraph(settings, seed)


class EntiGraph:
    """Asks for entities, then for one text per pair (and, when all pairs are used, per triple), in random order.

    Args:
        settings: `entigraph` is used.
        seed: recorded in the views.

    Raises:
        UsageError: a prompt file that cannot be used.
    """

    name = "entigraph"
    preserves = "nothing"

    def __init__(self, settings: AugmentSettings, seed: int) -> None:
        self.seed = seed
        self.most = settings.entigraph.entities
        self.prompts = load_prompts(self.name, settings.entigraph.prompt, PLACES)

    def dialogue(self, document: Document, count: int, rng: random.Random) -> Dialogue:
        """The entities; then `count` of their pairs and triples at once. See `Written.dialogue`."""
        if not document.text.strip():
            return []
        title = document.title or NO_TITLE
        text = self.prompts.render("entities", document=document.text, title=title)
        (entities,) = yield [Prompt(text, _entities, sample=[f"entity {number}" for number in range(self.most)])]
        if entities is None:
            return []
        groups = list(itertools.islice(_groups(entities[: self.most], rng), count))
        answers = yield [self._prompt(document, title, group) for group in groups]
        return [
            view_of(document, f"{self.name}/{KINDS[len(group)]}", index, self.seed, answer)
            for index, (group, answer) in enumerate(zip(groups, answers, strict=True), start=1)
            if answer is not None
        ]

    def _prompt(self, document: Document, title: str, group: tuple[str, ...]) -> Prompt:
        named = dict(zip(ORDINALS, group, strict=False))
        return Prompt(self.prompts.render(KINDS[len(group)], document=document.text, title=title, **named), plain)


def _groups(entities: list[str], rng: random.Random) -> Iterator[tuple[str, ...]]:
    """All pairs in random order, then all triples in random order."""
    for size in KINDS:
        # random() alone is promised to give the same numbers in every version of Python.
        yield from sorted(itertools.combinations(entities, size), key=lambda _: rng.random())


def _entities(reply: str) -> list[str]:
    """The entities in a reply such as {"summary": "…", "entities": ["…", "…"]}."""
    found = from_json(reply)
    names = strings(found.get("entities") if isinstance(found, dict) else found, "entities")
    once = {name.casefold(): name for name in names}
    if len(once) < 2:
        raise Unusable("names fewer than two entities")
    return list(once.values())
