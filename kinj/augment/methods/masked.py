"""Masked reconstruction pairs: a text with parts masked, and the text in full (method card: docs/methods/masked.md)."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from kinj.augment.drafts import Draft, Drafting, Span, pick, replaced
from kinj.augment.entities import entities
from kinj.config.schema import AugmentSettings, MaskedSettings
from kinj.data.records import Document

_POSSESSIVE = re.compile(r"['’]s\b")
_WORD = re.compile(r"\w+(?:['’-]\w+)*")


def build(settings: AugmentSettings, seed: int) -> Masked:
    """The method as the settings ask for it."""
    return Masked(settings.masked, seed)


class Masked(Drafting):
    """Each view draws a share of the parts to mask, and then the parts; the text in full follows.

    A fact stands in the full text.
    """

    name = "masked"

    def __init__(self, settings: MaskedSettings, seed: int = 0) -> None:
        super().__init__(seed)
        self.settings = settings

    def drafts(self, document: Document, rng: random.Random) -> Iterator[Draft]:
        """None where there is nothing to mask."""
        parts = self._parts(document)
        everything = (0, len(document.text))
        low, high = self.settings.ratio
        while parts:
            share = low + (high - low) * rng.random()
            chosen = [part for part in parts if rng.random() < share] or [pick(parts, rng)]
            masks = [(part, self.settings.mask) for part in chosen]
            yield Draft([*replaced(*everything, masks), self.settings.separator, everything], self.settings.units)

    def _parts(self, document: Document) -> list[Span]:
        if self.settings.units == "entities":
            return [_with_ending(document.text, part) for part in entities(document)]
        return [match.span() for match in _WORD.finditer(document.text)]


def _with_ending(text: str, part: Span) -> Span:
    """The entity with its possessive ending."""
    start, end = part
    return start, end + (2 if _POSSESSIVE.match(text, end) else 0)
