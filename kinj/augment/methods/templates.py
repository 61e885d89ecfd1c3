"""Sentences that state known facts, said with other templates (method card: docs/methods/templates.md)."""

from __future__ import annotations

import random
from collections.abc import Iterator

from kinj.augment.drafts import Draft, Drafting, Piece
from kinj.augment.passages import sentences_of
from kinj.augment.people import references
from kinj.augment.relations import read_templates
from kinj.augment.restating import statement
from kinj.config.schema import AugmentSettings, TemplatesSettings
from kinj.data.records import Document


def build(settings: AugmentSettings, seed: int) -> RelationTemplates:
    """The method as the settings ask for it.

    Raises:
        UsageError: the file of templates is missing or wrong.
    """
    return RelationTemplates(settings.templates, seed)


class RelationTemplates(Drafting):
    """Each view draws a sentence for every fact whose own sentence says nothing else; other sentences stay.

    Raises:
        UsageError: the file of templates is missing or wrong.
    """

    name = "templates"

    def __init__(self, settings: TemplatesSettings, seed: int = 0) -> None:
        super().__init__(seed)
        self.templates = read_templates("augment.templates.path", settings.path)

    def drafts(self, document: Document, rng: random.Random) -> Iterator[Draft]:
        """None where no sentence only states facts of relations with templates."""
        sentences = sentences_of(document)
        said = references(document, sentences)
        found = [statement(document, *pair, self.templates) for pair in zip(sentences, said, strict=True)]
        while any(found):
            pieces: list[Piece] = []
            end = 0
            for sentence, facts in zip(sentences, found, strict=True):
                if facts:
                    pieces += [(end, sentence.start), *facts.drawn(document, rng)]
                    end = sentence.end
            yield Draft([*pieces, (end, len(document.text))])
