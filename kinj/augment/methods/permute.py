"""Sentences in another order, with names carried forward (method card: docs/methods/permute.md)."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from kinj.augment.drafts import Draft, Drafting, Piece, Span, replaced
from kinj.augment.names import name_runs
from kinj.augment.order import Chunk, blocks_of, drawn_order
from kinj.augment.passages import Sentence, sentences_of
from kinj.augment.people import Reference, references, titled
from kinj.config.schema import AugmentSettings
from kinj.data.records import Document


def build(settings: AugmentSettings, seed: int) -> Permute:  # noqa: ARG001 - it has no settings
    """The method; there is nothing to set."""
    return Permute(seed)


class Permute(Drafting):
    """Draws orders that no sentence loses its meaning in. A pronoun that no longer follows its person becomes the name."""

    name = "permute"

    def drafts(self, document: Document, rng: random.Random) -> Iterator[Draft]:
        """None where no sentence can change its place."""
        text, sentences = document.text, sentences_of(document)
        said = references(document, sentences)
        blocks = blocks_of(text, sentences, said, topics(document))
        if all(len(block) == 1 for block in blocks):
            return
        while True:
            orders = [drawn_order(block, rng) for block in blocks]
            yield Draft([(0, len(text))] if orders == blocks else _written(text, sentences, said, blocks, orders))


def topics(document: Document) -> list[str]:
    """What a document is about: the subjects of its facts, its title, and the first name in its text."""
    first = [document.text[start:end] for start, end in name_runs(document.text)[:1]]
    return [topic for topic in [*(fact.subject for fact in document.facts), titled(document), *first] if topic]


def _written(
    text: str,
    sentences: Sequence[Sentence],
    said: Sequence[Reference],
    blocks: Sequence[Sequence[Chunk]],
    orders: Sequence[Sequence[Chunk]],
) -> list[Piece]:
    """The chunks in their new order. What stands between two of them (a space, a line break) stays where it is."""
    pieces: list[Piece] = []
    person: str | None = None
    end = 0
    for block, order in zip(blocks, orders, strict=True):
        for slot, chunk in zip(block, order, strict=True):
            pieces.append((end, sentences[slot.sentences[0]].start))
            written, person = _carried(text, sentences, said, chunk.sentences, person)
            pieces += written
            end = sentences[slot.sentences[-1]].end
    return [*pieces, (end, len(text))]


def _carried(
    text: str, sentences: Sequence[Sentence], said: Sequence[Reference], numbers: Sequence[int], person: str | None
) -> tuple[list[Piece], str | None]:
    """A chunk, naming the person where the sentence before did not speak of them; and of whom its last sentence speaks."""
    changes: list[tuple[Span, str]] = []
    for number in numbers:
        reference = said[number]
        if (pronoun := reference.pronoun) and pronoun.person != person:
            changes.append(((pronoun.start, pronoun.end), pronoun.named(text)))
        person = _spoken_of(reference, person)
    return replaced(sentences[numbers[0]].start, sentences[numbers[-1]].end, changes), person


def _spoken_of(reference: Reference, before: str | None) -> str | None:
    """The one person a pronoun in the next sentence can stand for."""
    if reference.others or reference.unknown or len(reference.named) > 1:
        return None
    if reference.pronoun:
        return reference.pronoun.person
    return reference.named[0] if reference.named else before
