"""Whether a mention of one text is answered in another: one rule per kind, the same in both directions but for numbers."""

from __future__ import annotations

from kinj.augment.audit.content import Content
from kinj.augment.audit.negation import Negation, answered
from kinj.data.reading.amounts import Amount, same_amount
from kinj.data.reading.dates import Readings, When, said
from kinj.data.reading.names import Name, initials, related, roman


def amount_in(amount: Amount, other: Content, *, of_view: bool) -> bool:
    """Whether the other text has the number, or one that equals it, or shows it as part of a date or a name.

    Args:
        amount: of the view or of the original.
        other: the other text.
        of_view: which of them; only a view's number may be the rounder one.
    """
    if amount in other.amounts:
        return True
    for theirs in other.amounts:
        if same_amount(theirs, amount) if of_view else same_amount(amount, theirs):
            return True
    return amount.unit is None and (_in_date(amount.value, other) or _in_name(amount.value, other))


def _in_date(number: float, other: Content) -> bool:
    return any(
        number in (when.year, when.day) or (when.span == 100 and when.year == (number - 1) * 100)
        for when in other.whens
    )


def _in_name(number: float, other: Content) -> bool:
    """`World War Two` for `World War II`."""
    return any(roman(word) == number for word in other.name_words)


def date_in(readings: Readings, other: Content) -> bool:
    """Whether one reading follows from the other text's dates; years and days may also stand there as numbers."""
    if any(when in other.whens for when in readings):
        return True
    return any(said(when, [*other.whens, *_as_dates(when, other)]) for when in readings)


def _as_dates(when: When, other: Content) -> list[When]:
    numbers = {amount.value for amount in other.amounts if amount.unit is None}
    found = [When(year=when.year)] if when.year in numbers and when.span == 1 else []
    return [*found, When(day=when.day)] if when.day in numbers else found


def name_in(name: Name, other: Content) -> bool:
    """Whether every sure word of the name stands in the other text, as it is, related, or in an acronym."""
    missing = [word for word in name.sure if not _known(word, other)]
    if not missing:
        return True
    return any(len(words) > 1 and initials(words) in other.name_words for words in (name.words, name.title))


def _known(word: str, other: Content) -> bool:
    if word in other.vocabulary or word in other.name_words or word in other.acronyms:
        return True
    if any(related(word, theirs) for theirs in other.name_words):
        return True
    if any(_same_beginning(word, theirs) for theirs in other.small_words):
        return True
    value = roman(word)
    return bool(value) and any(amount.value == value for amount in other.amounts)


def _same_beginning(word: str, theirs: str) -> bool:
    """`Endosymbiosis` opens a sentence where the other text has `endosymbiotic`: a word, not a name."""
    shared = int(max(5, 0.6 * max(len(word), len(theirs))))
    return word[:5] == theirs[:5] and word[:shared] == theirs[:shared]


def quote_in(words: tuple[str, ...], other: Content) -> bool:
    """Whether the quoted words stand somewhere in the other text, in this order, in quotation marks or not."""
    return f" {' '.join(words)} " in other.running


def negation_in(negation: Negation, other: Content) -> bool:
    """Whether the other text negates something about the same."""
    if answered(negation, other.negations):
        return True
    return not negation.window.isdisjoint(other.opposites)
