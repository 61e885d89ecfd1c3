"""Compares a view with its original: `audit`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from kinj.augment.audit.changes import HOWS, KINDS, Change
from kinj.augment.audit.content import Content, content_of_original
from kinj.augment.audit.facts import fact_changes
from kinj.augment.audit.frames import exchanged
from kinj.augment.audit.matching import amount_in, date_in, name_in, negation_in, quote_in
from kinj.augment.audit.polarity import flipped
from kinj.augment.audit.sentence import Sentence
from kinj.data.reading.mentions import Mention
from kinj.data.records import Document


def audit(original: Document, view: Document, *, whole: bool = True) -> list[Change]:
    """Everything of the audited kinds that the view lost, changed or added, in order of kind and place.

    Args:
        original: its title and facts may be used by the view, but need not be.
        view: a text written from it.
        whole: whether the view should hold all that the original says. A question with its answer, or one statement,
            does not; what is missing there is no offence.
    """
    ours, theirs = Content(view.text), content_of_original(original.text)
    known = content_of_original(_known(original))
    found = [
        *fact_changes(original, view, ours, whole=whole),
        *_unanswered(ours, theirs, known, whole=whole),
        *_quotes_changed(ours, theirs, whole=whole),
        *(Change(kind, "changed", a, b) for kind, a, b in exchanged(theirs, ours)),
        *(Change("negation", "changed", a, b) for a, b in flipped(theirs, ours)),
    ]
    return sorted(_once(found), key=lambda change: KINDS.index(change.kind))


def _once(found: Iterable[Change]) -> list[Change]:
    """Each change once. A negation may be found by its words and by its sentence; the sentence then says it all."""
    changes = list(dict.fromkeys(found))
    sentences = [change for change in changes if change.kind == "negation" and change.how == "changed"]

    def said(change: Change) -> bool:
        return change.kind == "negation" and any(
            other is not change and change.original in other.original and change.view in other.view
            for other in sentences
        )

    return [change for change in changes if not said(change)]


def _known(document: Document) -> str:
    """Everything a document says: its text, its title, the subjects and values of its facts."""
    facts = (part for fact in document.facts for part in (fact.subject, fact.value))
    return "\n\n".join(dict.fromkeys(filter(None, [document.text, document.title, *facts])))


_ENOUGH_AROUND = 2
"""Words around a lost and an added mention that must be the same before one is taken for the other, changed."""


class _Family(NamedTuple):
    """Mentions that are compared with one another."""

    of: Callable[[Sentence], Sequence[Mention[Any]]]
    in_original: Callable[[Any, Content], bool]
    in_view: Callable[[Any, Content], bool]


_FAMILIES = (
    _Family(
        lambda sentence: sentence.amounts,
        lambda amount, original: amount_in(amount, original, of_view=True),
        lambda amount, view: amount_in(amount, view, of_view=False),
    ),
    _Family(lambda sentence: sentence.dates, date_in, date_in),
    _Family(lambda sentence: sentence.names, name_in, name_in),
    _Family(lambda sentence: sentence.negations, negation_in, negation_in),
)

Place = tuple[Sentence, Mention[Any]]


def _unanswered(view: Content, original: Content, known: Content, *, whole: bool) -> Iterator[Change]:
    """Mentions without an answer in the other text (or in what else is known about the original).

    A lost and an added one that stand among the same words are one change.
    """
    new, gone = view.without(original), original.without(view)
    for family in _FAMILIES:
        added = [
            (sentence, mention)
            for sentence in new
            for mention in family.of(sentence)
            if not mention.weak and not family.in_original(mention.value, known)
        ]
        if not added and not whole:
            continue
        lost = [(s, m) for s in gone for m in family.of(s) if not family.in_view(m.value, view)]
        for place in {place[1].value: place for place in reversed(added)}.values():
            partner = _partner(place, lost, view, original)
            if partner is None:
                yield Change(place[1].kind, "added", "", _written(place))
            else:
                lost.remove(partner)
                yield Change(place[1].kind, "changed", _written(partner), _written(place))
        if whole:
            yield from (Change(p[1].kind, "lost", _written(p), "") for p in lost if not p[1].weak)


def _partner(added: Place, lost: Sequence[Place], view: Content, original: Content) -> Place | None:
    """The lost mention of the same kind with most words around it in common with the added one; None if too few are."""
    kind = added[1].kind
    same = [place for place in lost if place[1].kind == kind and (not place[1].weak or kind in ("number", "date"))]
    if not same:
        return None
    here = _around(added, view)
    common, best = max((len(here & _around(there, original)), -index) for index, there in enumerate(same))
    return same[-best] if common >= min(_ENOUGH_AROUND, max(1, len(here) // 2)) else None


def _around(place: Place, content: Content) -> frozenset[str]:
    """The stems of the words near a mention. A sentence of few words (`In 1802.`) is about what the one before it says."""
    sentence, mention = place
    near = sentence.around(mention)
    index = content.sentences.index(sentence)
    return near if len(near) >= _ENOUGH_AROUND or not index else near | content.sentences[index - 1].stems


def _written(place: Place) -> str:
    sentence, mention = place
    return sentence.text[mention.start : mention.end]


def _quotes_changed(view: Content, original: Content, *, whole: bool) -> Iterator[Change]:
    """Quoted strings whose words do not stand in the other text; two that share half of their words are one change."""
    lost = [mention for mention in original.quotes if not quote_in(mention.value, view)]
    for mention in view.quotes:
        if quote_in(mention.value, original):
            continue
        words = set(mention.value)
        partner = next((m for m in lost if 2 * len(words & set(m.value)) >= min(len(words), len(set(m.value)))), None)
        if partner is None:
            yield Change("quote", "added", "", " ".join(view.plain[mention.start : mention.end].split()))
        else:
            lost.remove(partner)
            texts = (original.plain[partner.start : partner.end], view.plain[mention.start : mention.end])
            yield Change("quote", "changed", *(" ".join(text.split()) for text in texts))
    if whole:
        for mention in lost:
            yield Change("quote", "lost", " ".join(original.plain[mention.start : mention.end].split()), "")


__all__ = ["HOWS", "KINDS", "Change", "audit"]
