"""Which sentences say known facts and nothing else that counts, and what they become with other templates."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from kinj.augment.drafts import Piece, pick
from kinj.augment.entities import NUMBER_WORD
from kinj.augment.names import name_runs
from kinj.augment.passages import Sentence
from kinj.augment.people import Reference
from kinj.augment.relations import Template, Templates, forms_of
from kinj.data.records import Document, Fact

MOST_WORDS = 12
"""Words besides values and subject that a sentence may have: a longer one says more than its facts."""

_COUNTS = re.compile(
    r"[\d\"“”«»()\[\]<>|`*_;:?!]|\b(?:no|not|never|none|nobody|nothing|neither|nor|without)\b|n['’]t\b"
    rf"|\b{NUMBER_WORD}\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Statement:
    """A sentence that only states facts.

    Attributes:
        feminine: the gender, where the sentence speaks of its subject by a pronoun.
    """

    facts: Sequence[Fact]
    options: Sequence[Sequence[Template]]
    feminine: bool | None

    def drawn(self, document: Document, rng: random.Random, *, named: bool = False) -> list[Piece]:
        """The facts in newly drawn sentences; with names only, if `named`."""
        pieces: list[Piece] = []
        for fact, options in zip(self.facts, self.options, strict=True):
            value = document.text[fact.start : fact.end]
            forms = forms_of(fact.subject, None if named else self.feminine)
            before, after = pick(options, rng).around(value, forms)
            pieces += [f" {before}" if pieces else before, (fact.start, fact.end), after]
        return pieces


def statement(
    document: Document, sentence: Sentence, said: Reference, templates: Templates, *, value_first: bool = False
) -> Statement | None:
    """The sentence as a statement of its facts; None if it says more, or a relation has no template (with value first)."""
    facts = sorted((fact for fact in document.facts if sentence.holds(fact)), key=lambda fact: fact.start)
    if not facts or _says_more(document, sentence, said, facts):
        return None
    options = [
        [
            template
            for template in templates.get(fact.relation, ())
            if template.fits(document.text[fact.start : fact.end]) and (template.value_first or not value_first)
        ]
        for fact in facts
    ]
    by_pronoun = said.pronoun is not None and {fact.subject for fact in facts} == {said.pronoun.person}
    feminine = said.pronoun.feminine if said.pronoun and by_pronoun else None
    return Statement(facts, options, feminine) if all(options) else None


def _says_more(document: Document, sentence: Sentence, said: Reference, facts: Sequence[Fact]) -> bool:
    """Whether something would be lost besides small words: a name, number, quotation or negation, or many words."""
    end = sentence.start
    rest = []
    for fact in facts:
        if fact.start < end or fact.start == fact.end:
            return True  # values inside each other, or empty
        rest.append(document.text[end : fact.start])
        end = fact.end
    words = " ".join([*rest, document.text[end : sentence.end]])
    for subject in {fact.subject for fact in facts}:
        words = words.replace(subject, " ")
    return bool(
        said.unknown
        or not words.rstrip().endswith(".")
        or "\n" in words
        or _COUNTS.search(words)
        or name_runs(words)
        or len(words.split()) > MOST_WORDS
    )
