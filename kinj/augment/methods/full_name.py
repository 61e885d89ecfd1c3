"""Full names in place of pronouns (method card: docs/methods/full_name.md)."""

from __future__ import annotations

import random
from collections.abc import Iterator

from kinj.augment.drafts import Draft, Drafting, replaced
from kinj.augment.passages import sentences_of
from kinj.augment.people import references
from kinj.config.schema import AugmentSettings
from kinj.data.records import Document


def build(settings: AugmentSettings, seed: int) -> FullName:  # noqa: ARG001 - it has no settings
    """The method; there is nothing to set."""
    return FullName(seed)


class FullName(Drafting):
    """The first view names the person in every sentence that can be; the others in some of them, drawn at random."""

    name = "full_name"

    def drafts(self, document: Document, rng: random.Random) -> Iterator[Draft]:
        """None where no pronoun certainly stands for a person."""
        found = references(document, sentences_of(document))
        changes = [((p.start, p.end), p.named(document.text)) for p in (said.pronoun for said in found) if p]
        chosen = changes
        while changes:
            yield Draft(replaced(0, len(document.text), chosen), "every" if chosen == changes else "some")
            chosen = [change for change in changes if rng.random() < 0.5]
