"""Statements that say the opposite: a negation taken away, or a word replaced by its opposite."""

from __future__ import annotations

from collections.abc import Iterator

from kinj.augment.audit.content import Content
from kinj.augment.audit.lexicon import stem
from kinj.augment.audit.negation import Negation, answered, opposite_of

_ENOUGH, _SHARE = 3, 0.8
"""Words around a negation, and share of them, that a statement without one must hold to count as the same statement."""


def flipped(original: Content, view: Content) -> Iterator[tuple[str, str]]:
    """What the original says and what the view says instead."""
    for mention in original.negations:
        if not mention.weak and (place := _affirmed(mention.value, view)) is not None:
            yield " ".join(original.text[mention.start : mention.end].split()), view.written(place)
    yield from ((ours, theirs) for theirs, ours in _opposites(view, original))
    yield from _opposites(original, view)


def _affirmed(negation: Negation, view: Content) -> int | None:
    """The sentence of the view that says the same without any negation, if there is one."""
    if answered(negation, [mention.value for mention in view.negations]):
        return None
    enough = (
        max(_ENOUGH, round(_SHARE * len(negation.window))) if len(negation.window) > _ENOUGH else len(negation.window)
    )
    for place, words in enumerate(view.sentences):
        if enough > 1 and negation.focus in words and len(negation.window & words) >= enough and not _asks(view, place):
            return place
    return None


def _asks(content: Content, sentence: int) -> bool:
    last = max((word.end for word in content.words if word.sentence == sentence), default=0)
    return content.text[last : last + 2].lstrip("\"' ").startswith("?")


def _opposites(one: Content, other: Content) -> Iterator[tuple[str, str]]:
    """Words of one text with a negative prefix where the other text has the word without it, and no negation of it."""
    for word in sorted(one.vocabulary - other.vocabulary):
        base = opposite_of(word)
        if base is None or base not in other.vocabulary or base in one.vocabulary:
            continue
        if not any(stem(base) in mention.value.window for mention in other.negations):
            yield word, base
