"""Statements that say the opposite: a negation taken away, or a word replaced by its opposite."""

from __future__ import annotations

from collections.abc import Iterator

from kinj.augment.audit.content import Content
from kinj.augment.audit.negation import Negation, answered, opposite_of
from kinj.augment.audit.sentence import Sentence
from kinj.data.reading.lexicon import stem

_ENOUGH, _SHARE = 3, 0.9
"""Words around a negation, and share of them, that a statement without one must hold to count as the same statement."""
_ENOUGH_BESIDE = 1
"""Other words that the sentences of a word and of its opposite must share."""


def flipped(original: Content, view: Content) -> Iterator[tuple[str, str]]:
    """What the original says and what the view says instead."""
    for known in original.without(view):
        for mention in known.negations:
            if not mention.weak and (sentence := _affirmed(mention.value, view)) is not None:
                yield known.text[mention.start : mention.end], sentence.text
    yield from ((ours, theirs) for theirs, ours in _opposites(view, original))
    yield from _opposites(original, view)


def _affirmed(negation: Negation, view: Content) -> Sentence | None:
    """The sentence of the view that says the same without any negation, if there is one."""
    if answered(negation, view.negations):
        return None
    size = len(negation.window)
    enough = max(_ENOUGH, round(_SHARE * size)) if size > _ENOUGH else size
    for sentence in view.sentences if enough > 1 else ():
        stems = sentence.stems
        asks = sentence.text.rstrip("\"' ").endswith("?")
        if negation.focus in stems and len(negation.window & stems) >= enough and not asks:
            return sentence
    return None


def _opposites(one: Content, other: Content) -> Iterator[tuple[str, str]]:
    """Words of one text with a negative prefix where the other says the same of the word without it, not negated."""
    for word in sorted(one.vocabulary - other.vocabulary):
        base = opposite_of(word)
        if base is None or base not in other.vocabulary or base in one.vocabulary:
            continue
        negated = any(stem(base) in negation.window for negation in other.negations)
        if not negated and len(_beside(word, one) & _beside(base, other)) >= _ENOUGH_BESIDE:
            yield word, base


def _beside(word: str, content: Content) -> frozenset[str]:
    """The stems of the sentences that hold a word, its own left out."""
    own = stem(word)
    return frozenset(s for part in content.sentences if word in part.vocabulary for s in part.stems if s != own)
