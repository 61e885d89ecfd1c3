"""Compares a view with its original: `audit`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from kinj.augment.audit.content import Content, content_of_original
from kinj.augment.audit.facts import fact_changes
from kinj.augment.audit.frames import exchanged
from kinj.augment.audit.matching import amount_in, date_in, name_in, negation_in, quote_in
from kinj.augment.audit.mentions import HOWS, KINDS, Change, Mention
from kinj.augment.audit.polarity import flipped
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
    notes = content_of_original(_notes(original)) if original.title or original.facts else None
    found = [
        *fact_changes(original, view, ours, whole=whole),
        *_unanswered(ours, theirs, notes, whole=whole),
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


def _notes(document: Document) -> str:
    """What is known about a document besides its text."""
    facts = (part for fact in document.facts for part in (fact.subject, fact.value))
    return "\n\n".join(dict.fromkeys([document.title or "", *facts]))


_ENOUGH_AROUND = 2
"""Words around a lost and an added mention that must be the same before one is taken for the other, changed."""


class _Family(NamedTuple):
    """Mentions that are compared with one another."""

    of: Callable[[Content], Sequence[Mention[Any]]]
    in_original: Callable[[Any, Content], bool]
    in_view: Callable[[Any, Content], bool]


_FAMILIES = (
    _Family(
        lambda content: content.amounts,
        lambda amount, original: amount_in(amount, original, of_view=True),
        lambda amount, view: amount_in(amount, view, of_view=False),
    ),
    _Family(lambda content: content.dates, date_in, date_in),
    _Family(lambda content: content.names, name_in, name_in),
    _Family(lambda content: content.quotes, quote_in, quote_in),
    _Family(lambda content: content.negations, negation_in, negation_in),
)


def _unanswered(view: Content, original: Content, notes: Content | None, *, whole: bool) -> Iterable[Change]:
    """Mentions without an answer in the other text; those that stand among the same words are one change."""
    for family in _FAMILIES:
        added = [m for m in family.of(view) if not m.weak and not family.in_original(m.value, original)]
        if notes is not None:
            added = [m for m in added if not family.in_original(m.value, notes)]
        if not added and not whole:
            continue
        lost = [m for m in family.of(original) if not family.in_view(m.value, view)]
        for mention in {m.value: m for m in reversed(added)}.values():
            partner = _partner(mention, lost, view, original)
            if partner is None:
                yield Change(mention.kind, "added", "", _written(view, mention))
            else:
                lost.remove(partner)
                yield Change(mention.kind, "changed", _written(original, partner), _written(view, mention))
        if whole:
            yield from (Change(m.kind, "lost", _written(original, m), "") for m in lost if not m.weak)


def _partner(
    added: Mention[Any], lost: Sequence[Mention[Any]], view: Content, original: Content
) -> Mention[Any] | None:
    """The lost mention of the same kind with most words around it in common with the added one; None if too few are."""
    same = [m for m in lost if m.kind == added.kind and (not m.weak or m.kind in ("number", "date"))]
    if not same:
        return None
    here = view.around(added)
    common, place = max((len(here & original.around(mention)), -place) for place, mention in enumerate(same))
    return same[-place] if common >= min(_ENOUGH_AROUND, max(1, len(here) // 2)) else None


def _written(content: Content, mention: Mention[Any]) -> str:
    return " ".join(content.text[mention.start : mention.end].split())


__all__ = ["HOWS", "KINDS", "Change", "audit"]
