"""Known facts: the view must say their values, at the places where it says it does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from kinj.augment.audit.changes import Change
from kinj.augment.audit.content import Content, content_of_value
from kinj.augment.audit.matching import amount_in, date_in
from kinj.augment.audit.quotes import quoted_words
from kinj.data.records import Document, Fact

Key = tuple[str, str]


def fact_changes(original: Document, view: Document, said: Content, *, whole: bool) -> Iterator[Change]:
    """Facts whose value the view does not say, says differently, or that the original does not have.

    Args:
        original: facts that are known; without any there is nothing to check.
        view: its facts' offsets lie in its own text.
        said: the content of the view's text.
        whole: whether a fact that is missing is an offence.
    """
    known, found = _by_key(original.facts), _by_key(view.facts)
    for key, facts in found.items():
        for fact in facts:
            here = view.text[fact.start : fact.end]
            if key not in known:
                if original.facts:
                    yield Change("fact", "added", "", here)
            elif not any(_equal(theirs.value, here) for theirs in known[key]):
                yield Change("fact", "changed", known[key][0].value, here)
    for key, facts in known.items():
        if whole and key not in found:
            yield from (Change("fact", "lost", fact.value, "") for fact in facts if not _stated(fact.value, said))


def _by_key(facts: Sequence[Fact]) -> dict[Key, list[Fact]]:
    found: defaultdict[Key, list[Fact]] = defaultdict(list)
    for fact in facts:
        found[fact.subject, fact.relation].append(fact)
    return found


def _equal(value: str, here: str) -> bool:
    return value == here or _stated(value, content_of_value(here))


def _stated(value: str, said: Content) -> bool:
    """Whether a text holds the value's words, or its dates and numbers in another form."""
    if f" {' '.join(quoted_words(value))} " in said.running:
        return True
    meant = content_of_value(value)
    dates = [mention.value for part in meant.sentences for mention in part.dates]
    if not dates and not meant.amounts:
        return False
    return all(date_in(readings, said) for readings in dates) and all(
        amount_in(amount, said, of_view=False) for amount in meant.amounts
    )
