"""Values before their subjects (method card: docs/methods/reverse.md)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

from kinj.augment.drafts import Draft, Drafting, Piece, pick
from kinj.augment.entities import entities, merged, negations
from kinj.augment.passages import Sentence, sentences_of
from kinj.augment.people import Reference, references
from kinj.augment.relations import Templates, read_templates
from kinj.augment.restating import statement
from kinj.augment.turning import named, reversed_groups, turned, value_leads
from kinj.config.schema import AugmentSettings, ReverseSettings
from kinj.data.records import Document

Option = Callable[[random.Random], list[Piece]]
"""One way to write a sentence; where it has several forms, they are drawn."""


def build(settings: AugmentSettings, seed: int) -> Reverse:
    """The method as the settings ask for it.

    Raises:
        UsageError: the file of templates is missing or wrong.
    """
    return Reverse(settings.reverse, seed)


class Reverse(Drafting):
    """Sentences with the value first, or word groups in reverse order. Subjects are written out wherever that is certain.

    Raises:
        UsageError: the file of templates is missing or wrong.
    """

    name = "reverse"

    def __init__(self, settings: ReverseSettings, seed: int = 0) -> None:
        super().__init__(seed)
        self.settings = settings
        self.templates = read_templates("augment.reverse.path", settings.path)

    def drafts(self, document: Document, rng: random.Random) -> Iterator[Draft]:
        """None where no sentence can be turned."""
        sentences = sentences_of(document)
        said = references(document, sentences)
        if self.settings.how != "segments":
            ways = [_ways(document, *pair, self.templates) for pair in zip(sentences, said, strict=True)]
            if any(ways):
                yield from _sentences(document, sentences, said, ways, rng)
                return
        if self.settings.how != "sentences":
            yield from self._segments(document, sentences, said, rng)

    def _segments(
        self, document: Document, sentences: Sequence[Sentence], said: Sequence[Reference], rng: random.Random
    ) -> Iterator[Draft]:
        whole = merged([*entities(document), *negations(document.text)])
        longest = 1
        while sentences:
            written = [
                reversed_groups(document, sentence, reference, whole, longest, rng)
                for sentence, reference in zip(sentences, said, strict=True)
            ]
            yield Draft(_joined(document, sentences, written), "words" if longest == 1 else "groups")
            longest = self.settings.words


def _sentences(
    document: Document,
    sentences: Sequence[Sentence],
    said: Sequence[Reference],
    ways: Sequence[Sequence[Option]],
    rng: random.Random,
) -> Iterator[Draft]:
    while True:
        written = [
            pick(options, rng)(rng) if options else named(document.text, sentence, reference)
            for sentence, reference, options in zip(sentences, said, ways, strict=True)
        ]
        yield Draft(_joined(document, sentences, written), "sentences")


def _ways(document: Document, sentence: Sentence, said: Reference, templates: Templates) -> list[Option]:
    """How the facts of a sentence can be said with the value first. None for a sentence that does so already."""
    facts = [fact for fact in document.facts if sentence.holds(fact) and fact.end > fact.start]
    if not facts or all(value_leads(document.text, sentence, said, fact) for fact in facts):
        return []
    ways: list[Option] = []
    if len(facts) == 1 and (pieces := turned(document, sentence, said, facts[0])):
        ways.append(lambda _: pieces)
    if restated := statement(document, sentence, said, templates, value_first=True):
        ways.append(lambda rng: restated.drawn(document, rng, named=True))
    return ways


def _joined(document: Document, sentences: Sequence[Sentence], written: Sequence[Sequence[Piece]]) -> list[Piece]:
    """Sentences in their places, with what stands between them."""
    pieces: list[Piece] = []
    end = 0
    for sentence, parts in zip(sentences, written, strict=True):
        pieces += [(end, sentence.start), *parts]
        end = sentence.end
    return [*pieces, (end, len(document.text))]
