"""`span`: a text with a few words replaced by a sentinel, then those words, which carry the loss (arXiv 2505.12306)."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from kinj.config.schema import SpanObjectiveSettings, StageSettings
from kinj.data.records import Document
from kinj.models.codec import Codec, Example
from kinj.train.objectives.base import ByKind, Row, room_for

_WORD = re.compile(r"\S+")
_SLACK = 8
"""Tokens kept free in a row, since a text may be cut into a few more tokens with a gap in it than without."""


def build(stage: StageSettings) -> Spans:
    """The objective as `train.stages.NAME.span` asks for it."""
    return Spans(stage.span)


class Spans(ByKind):
    """Documents by their missing words."""

    def __init__(self, settings: SpanObjectiveSettings) -> None:
        self.settings = settings

    def documents(self, documents: Sequence[Document], codec: Codec) -> list[list[Row]]:
        """One row for each document, or for each part of a long one."""
        before, between = codec.around(self.settings.request, self.settings.separator)
        frame = len(before) + len(between) + len(codec.encode([self.settings.sentinel])[0]) + _SLACK
        texts = codec.parts([document.text for document in documents], room_for(frame, 1, codec, "span"))
        rows: list[list[Row]] = []
        for document, parts in zip(documents, texts, strict=True):
            shown = [document.text] if len(parts) == 1 else [codec.decode(part) for part in parts]
            made = [
                SpanRow(text, _words(text), before, between, codec, self.settings, frame + len(part))
                for text, part in zip(shown, parts, strict=True)
            ]
            rows.append([row for row in made if row.words])
        return rows


def _words(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in _WORD.finditer(text)]


@dataclass(frozen=True)
class SpanRow:
    """One text and where its words stand."""

    text: str
    words: list[tuple[int, int]]
    before: list[int]
    between: list[int]
    codec: Codec
    settings: SpanObjectiveSettings
    longest: int

    def __len__(self) -> int:
        return self.longest

    def draw(self, rng: random.Random, progress: float) -> Example:  # noqa: ARG002 - part of the contract
        """Every run of 1 to `words` words is equally likely to be the one that is missing."""
        start, end = self._span(rng)
        shown = self.text[:start] + self.settings.sentinel + self.text[end:]
        context, target = self.codec.encode([shown, f" {self.text[start:end]}"])
        return self.codec.pair([*self.before, *context, *self.between], target)

    def _span(self, rng: random.Random) -> tuple[int, int]:
        count = len(self.words)
        # Runs of n words: count - n + 1 of them.
        lengths = range(1, min(self.settings.words, count) + 1)
        (length,) = rng.choices(lengths, weights=[count - n + 1 for n in lengths])
        first = rng.randrange(count - length + 1)
        return self.words[first][0], self.words[first + length - 1][1]
