"""Sentences with the value of a fact before its subject, and texts with their word groups in reverse order."""

from __future__ import annotations

import random
import re
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

from kinj.augment.drafts import Piece, Span, replaced
from kinj.augment.entities import merged
from kinj.augment.names import is_opener
from kinj.augment.order import finished
from kinj.augment.passages import Sentence
from kinj.augment.people import Reference
from kinj.data.records import Document, Fact

_SEVERAL_CLAUSES = re.compile(
    r"[,;:()\"“”–—]|\b(?:and|or|but|nor|that|which|who|whom|whose|when|where|while|as|if|because|than|then|not|never)\b"
)
_POSSESSED = re.compile(r"['’]s? [a-z][a-z ]* (is|was) $")
_WITH_PREPOSITION = re.compile(r" (in|at|on|by|for|from|to|with) $")
_COPULA = re.compile(r"\b(?:is|was|are|were|be|been)$")
_PAST = re.compile(
    r"\b(?:was|were|had|did|\w+ed|began|came|grew|led|left|made|met|moved|spent|taught|took|went|won|wrote)\b"
)
_WORD = re.compile(r"\S+")
_END_MARK = re.compile(r"[.!?…]+$")


def named(text: str, sentence: Sentence, said: Reference) -> list[Piece]:
    """The sentence with the full name in place of its pronoun, if that is certain."""
    change = [((p.start, p.end), p.named(text)) for p in [said.pronoun] if p]
    return replaced(sentence.start, sentence.end, change)


def turned(document: Document, sentence: Sentence, said: Reference, fact: Fact) -> list[Piece] | None:
    """A sentence of one clause, *SUBJECT … VALUE.*, with the value first; None where the grammar is not certain.

    *His employer is V.* becomes *V is NAME's employer.*; *She was born in V.* becomes *It was in V that NAME was born.*
    """
    text = document.text
    pronoun = said.pronoun
    subject = pronoun.named(text) if pronoun else fact.subject
    opens = pronoun.start == sentence.start if pronoun else text.startswith(fact.subject, sentence.start)
    start = pronoun.end if pronoun else sentence.start + len(subject)
    between = text[start : fact.start]
    if not opens or fact.start < start or text[fact.end : sentence.end] != "." or _SEVERAL_CLAUSES.search(between):
        return None
    value: Span = (fact.start, fact.end)
    if copula := _POSSESSED.fullmatch(subject[len(fact.subject) :] + between):
        rest = text[start : fact.start - len(copula[1]) - 1].rstrip()
        return None if text[fact.start].islower() else [value, f" {copula[1]} {subject}{rest}."]
    place = _WITH_PREPOSITION.search(between)
    if place and not _COPULA.search(between[: place.start()]):
        verb = "was" if _PAST.search(between) else "is"
        return [f"It {verb} {place[1]} ", value, f" that {subject}{between[: place.start()]}."]
    return None


def value_leads(text: str, sentence: Sentence, said: Reference, fact: Fact) -> bool:
    """Whether the value stands before the subject already."""
    subject = said.pronoun.start if said.pronoun else text.find(fact.subject, sentence.start, sentence.end)
    return fact.end <= subject


def reversed_groups(
    document: Document, sentence: Sentence, said: Reference, whole: Sequence[Span], longest: int, rng: random.Random
) -> list[Piece]:
    """A finished sentence with its groups of words in reverse order; words keep theirs inside a group, as do entities.

    Args:
        document: the original.
        sentence: one of its sentences.
        said: whom it speaks of; a pronoun becomes the name if that is certain.
        whole: entities of the document in order, which are never cut.
        longest: most words in a group; lengths are drawn between 1 and this.
        rng: where they are drawn from.
    """
    text = document.text
    here = whole[bisect_left(whole, (sentence.start, 0)) : bisect_left(whole, (sentence.end, 0))]
    words = _words(text, sentence, here)
    if len(words) < 2 or not finished(text[sentence.start : sentence.end]) or _cut_short(text, sentence):
        return named(text, sentence, said)
    end = words[-1][1]
    cuts = [0]
    while cuts[-1] < len(words):
        cuts.append(cuts[-1] + 1 + int(rng.random() * longest))
    groups = [words[start:stop] for start, stop in pairwise(cuts)]
    for group in groups:
        group[-1] = _without_comma(document, group[-1])
    order = [word for group in reversed(groups) for word in group]
    pieces: list[Piece] = []
    for place, word in enumerate(order):
        pieces += _written(document, word, said, first=place == 0, opened=word[0] == sentence.start)
        if place + 1 < len(order):
            pieces.append(_gap(text, word, order[place + 1], here))
    return [*pieces, (end, sentence.end)]


def _cut_short(text: str, sentence: Sentence) -> bool:
    """Whether a quotation or a bracket goes on beyond the sentence."""
    words = text[sentence.start : sentence.end]
    return words.count('"') % 2 == 1 or any(
        words.count(a) != words.count(b) for a, b in ("“”", "()", "[]", "«»", "「」")
    )


def _words(text: str, sentence: Sentence, whole: Sequence[Span]) -> list[Span]:
    """Words with the marks on them, entities in one piece, without the mark that ends the sentence."""
    spans = [match.span() for match in _WORD.finditer(text, sentence.start, sentence.end)]
    words = merged([*spans, *((start, min(end, sentence.end)) for start, end in whole)])
    if words and (mark := _END_MARK.search(text, *words[-1])):
        start, end = words[-1]
        kept = max(mark.start(), whole[-1][1] if whole and whole[-1][1] <= end else start)
        words[-1] = (start, kept if kept > start else end)
    return words


def _without_comma(document: Document, word: Span) -> Span:
    """The last word of a group, without the comma after it: something else follows now."""
    start, end = word
    bare = end - (document.text[end - 1] in ",;:")
    in_value = any(fact.start < end and fact.end > bare for fact in document.facts)
    return word if in_value or bare == start else (start, bare)


def _written(document: Document, word: Span, said: Reference, *, first: bool, opened: bool) -> list[Piece]:
    """A word in its new place: named, or with the small or capital letter that belongs there."""
    text = document.text
    start, end = word
    if said.pronoun and start <= said.pronoun.start < end:
        return replaced(start, end, [((said.pronoun.start, said.pronoun.end), said.pronoun.named(text))])
    if any(fact.start < end and start < fact.end for fact in document.facts):
        return [word]
    letter = text[start]
    if first and letter.islower():
        return [letter.upper(), (start + 1, end)]
    if opened and not first and is_opener(text[start:end]):
        return [letter.lower(), (start + 1, end)]
    return [word]


def _gap(text: str, word: Span, following: Span, whole: Sequence[Span]) -> str:
    """A comma between two entities that were not neighbours, so that two names do not read as one."""
    apart = word[1] > following[0] or bool(text[word[1] : following[0]].strip())
    both = _has_entity(word, whole) and _has_entity(following, whole)
    return ", " if apart and both and text[word[1] - 1].isalnum() else " "


def _has_entity(word: Span, whole: Sequence[Span]) -> bool:
    before = bisect_left(whole, (word[1], 0))
    return before > 0 and whole[before - 1][1] > word[0]
