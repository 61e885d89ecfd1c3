"""Formatting: views with the same words in the same order, in other shapes (method card: docs/methods/formatting.md)."""

from __future__ import annotations

import difflib
import random
from collections import Counter
from collections.abc import Iterator, Sequence

from kinj.augment.base import Rendered, view_of
from kinj.augment.formats.flat import Flat
from kinj.augment.formats.table import COMBINATIONS, FAMILIES, FORMATS, HELD_OUT_FAMILIES, MET_FAMILIES, Format
from kinj.augment.formats.tokens import token_ids
from kinj.config.errors import UsageError
from kinj.config.schema import AugmentSettings, FormattingSettings
from kinj.data.records import Document

__all__ = ["FAMILIES", "HELD_OUT_FAMILIES", "MET_FAMILIES", "Formatting", "build"]

ERASED = "erased by the tokenizer"
"""Why a format was skipped: the document's tokens, or another view's, would have been repeated."""


def build(settings: AugmentSettings, seed: int) -> Formatting:
    """The method as the settings ask for it.

    Raises:
        UsageError: a family that does not exist, or no family left.
    """
    return Formatting(settings.formatting, seed)


class Formatting:
    """Draws formats family by family, so that few views already differ much.

    Args:
        settings: families to draw from and to leave out.
        seed: recorded in the views.

    Raises:
        UsageError: a family that does not exist, or no family left.
    """

    name = "formatting"
    preserves = "content"

    def __init__(self, settings: FormattingSettings, seed: int = 0) -> None:
        self.seed = seed
        self.decks = _decks(settings)
        self.tokenizer = settings.tokenizer
        self.skipped: Counter[str] = Counter()
        """Formats that were drawn and not used, by reason; the engine moves these counts to its report."""

    def views(self, document: Document, count: int, rng: random.Random) -> Iterator[Document]:
        """Up to `count` views, pairwise distinct and distinct from the document; fewer if no more are possible.

        Where a tokenizer is set, distinct as sequences of its tokens. The first views do not depend on `count`. A text
        without any character but white space has none.
        """
        for index, rendered in enumerate(self.renderings(document, count, rng), 1):
            yield view_of(self, document, rendered, index)

    def renderings(self, document: Document, count: int, rng: random.Random) -> Iterator[Rendered]:
        """What `views` makes records of."""
        flat = Flat(document)
        if not flat.text or count < 1:
            return
        texts = {len(document.text): [document.text]}  # by length: comparing with few is faster than hashing
        tokens, made = {self._tokens(document.text)}, 0
        for form in drawn(self.decks, rng):
            text, spans = form.layout.render(flat)
            alike = texts.setdefault(len(text), [])
            if text in alike:
                continue
            alike.append(text)
            if self.tokenizer is not None:
                found = self._tokens(text)
                if found in tokens:
                    self.skipped[ERASED] += 1
                    continue
                tokens.add(found)
            made += 1
            yield text, spans, form.name, flat.kept
            if made == count:
                return

    def _tokens(self, text: str) -> tuple[int, ...]:
        return token_ids(self.tokenizer, text) if self.tokenizer is not None else ()

    def restore(self, view: Document) -> str:
        """The content of a view: its text without the markup its format declares."""
        return self.restored(_variant(view), view.text)

    def restore_span(self, view: Document, start: int, end: int) -> str:
        """The content of a part of a view's text that starts and ends in content, such as a fact's value."""
        return self.restored_span(_variant(view), view.text[start:end])

    def restored(self, variant: str, text: str) -> str:
        """The content of a text in this format."""
        return FORMATS[variant].layout.restore(text)

    def restored_span(self, variant: str, text: str) -> str:
        """The content of a part of such a text."""
        return FORMATS[variant].layout.restore_span(text)


def _variant(view: Document) -> str:
    assert view.view is not None, "an original has no markup to take off"
    return view.view.method.partition("/")[2]


def _decks(settings: FormattingSettings) -> list[list[Format]]:
    """The formats that may be used, one list per family. Combinations are of the families that may be used."""
    for key in ("families", "exclude"):
        _check_names(f"augment.formatting.{key}", getattr(settings, key))
    drawn = set(settings.families or FAMILIES) - set(settings.exclude)
    combined = (drawn - {COMBINATIONS} or set(FAMILIES)) - set(settings.exclude) | {COMBINATIONS}
    decks = [
        [form for form in FORMATS.values() if form.families[0] == family and combined.issuperset(form.families)]
        for family in FAMILIES
        if family in drawn
    ]
    if not any(decks):
        raise UsageError("augment.formatting leaves no format family to draw from", f"there are: {', '.join(FAMILIES)}")
    return [deck for deck in decks if deck]


def _check_names(key: str, names: Sequence[str]) -> None:
    for name in names:
        if name not in FAMILIES:
            near = difflib.get_close_matches(name, FAMILIES, 1)
            guess = f"did you mean {near[0]}?\n" if near else ""
            raise UsageError(f"{key}: no format family `{name}`", f"{guess}there are: {', '.join(FAMILIES)}")


def drawn(decks: Sequence[Sequence[Format]], rng: random.Random) -> Iterator[Format]:
    """All formats in random order, one of each family per round."""
    draw = rng.random  # it alone is promised to give the same numbers in every version of Python
    taken: list[tuple[Sequence[Format], int]] = []
    pool, numbers = list(decks), [draw() for _ in decks]
    for left, number in zip(range(len(pool), 0, -1), numbers, strict=True):
        place = int(number * left)
        deck, pool[place] = pool[place], pool[left - 1]
        index = int(draw() * len(deck))
        taken.append((deck, index))
        yield deck[index]
    piles = [_without(deck, index) for deck, index in taken]  # only now: most documents need one round
    while piles := [pile for pile in piles if pile]:
        for pile in piles:
            index = int(draw() * len(pile))
            yield pile[index]
            pile[index] = pile[-1]
            pile.pop()


def _without(deck: Sequence[Format], index: int) -> list[Format]:
    """The rest of a deck, the last format in the place of the one that is taken out."""
    rest = list(deck)
    rest[index] = rest[-1]
    rest.pop()
    return rest
