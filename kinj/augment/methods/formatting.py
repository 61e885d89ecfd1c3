"""Formatting: views with the same words in the same order, in other shapes (method card: docs/methods/formatting.md)."""

from __future__ import annotations

import difflib
import random
from collections.abc import Iterator, Sequence
from typing import TypeVar

from kinj.augment.formats.flat import Flat
from kinj.augment.formats.layout import Layout
from kinj.augment.formats.table import FAMILIES, FORMATS, HELD_OUT_FAMILIES, Format
from kinj.config.errors import UsageError
from kinj.config.schema import AugmentSettings, FormattingSettings
from kinj.data.records import Document, Fact, View

T = TypeVar("T")

__all__ = ["FAMILIES", "HELD_OUT_FAMILIES", "Formatting", "build"]


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

    def views(self, document: Document, count: int, rng: random.Random) -> Iterator[Document]:
        """Up to `count` views, pairwise distinct and distinct from the document; fewer if no more are possible.

        The first views do not depend on `count`. A text without any character but white space has none.
        """
        flat = Flat(document)
        if not flat.text:
            return
        seen = {document.text}
        for form in _drawn(self.decks, rng):
            if len(seen) > count:
                return
            text, spans = form.layout.render(flat)
            if text not in seen:
                yield self._view(document, form, len(seen), text, spans)
                seen.add(text)

    def _view(
        self, document: Document, form: Format, index: int, text: str, spans: Sequence[tuple[int, int]]
    ) -> Document:
        moved = zip(document.facts, spans, strict=True)
        return Document(
            id=f"{document.id}#{self.name}.{index}",
            text=text,
            title=document.title,
            facts=[
                Fact(subject=fact.subject, relation=fact.relation, value=fact.value, start=start, end=end)
                for fact, (start, end) in moved
            ],
            source=document.origin,
            view=View(method=f"{self.name}/{form.name}", index=index, seed=self.seed),
            meta=dict(document.meta),
        )

    def restore(self, view: Document) -> str:
        """The content of a view: its text without the markup its format declares."""
        return _layout(view).restore(view.text)

    def restore_span(self, view: Document, start: int, end: int) -> str:
        """The content of a part of a view's text that starts and ends in content, such as a fact's value."""
        return _layout(view).restore_span(view.text[start:end])


def _layout(view: Document) -> Layout:
    assert view.view is not None, "an original has no markup to take off"
    return FORMATS[view.view.method.partition("/")[2]].layout


def _decks(settings: FormattingSettings) -> list[list[Format]]:
    """The formats that may be used, one list per family."""
    for key in ("families", "exclude"):
        _check_names(f"augment.formatting.{key}", getattr(settings, key))
    wanted = set(settings.families or FAMILIES)
    unwanted = set(settings.exclude)
    decks = [
        [form for form in FORMATS.values() if form.families[0] == family and unwanted.isdisjoint(form.families)]
        for family in FAMILIES
        if family in wanted
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


def _drawn(decks: Sequence[Sequence[Format]], rng: random.Random) -> Iterator[Format]:
    """All formats in random order, one of each family per round."""
    piles = [_shuffled(deck, rng) for deck in _shuffled(decks, rng)]
    while piles:
        left = []
        for pile in piles:
            form = next(pile, None)
            if form is not None:
                yield form
                left.append(pile)
        piles = left


def _shuffled(items: Sequence[T], rng: random.Random) -> Iterator[T]:
    """Items in random order, drawn only as far as they are asked for."""
    pool = list(items)
    while pool:
        # random() alone is promised to give the same numbers in every version of Python.
        index = int(rng.random() * len(pool))
        pool[index], pool[-1] = pool[-1], pool[index]
        yield pool.pop()
