"""`span`: a text with a few words replaced by a sentinel, then those words, which carry the loss (arXiv 2505.12306)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from kinj.config.schema import SpanObjectiveSettings, StageSettings
from kinj.data.records import Document
from kinj.models.codec import Codec, Example
from kinj.models.gap_codecs import GapCodec
from kinj.train.objectives.base import ByKind, Row, room_for
from kinj.train.objectives.gaps import draw_run, gap_rows, words

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
        if isinstance(codec, GapCodec):
            texts = [document.text for document in documents]
            return [list(rows) for rows in gap_rows(texts, codec, self.settings.words)]
        before, between = codec.around(self.settings.request, self.settings.separator)
        frame = len(before) + len(between) + len(codec.encode([self.settings.sentinel])[0]) + _SLACK
        parted = codec.parts([document.text for document in documents], room_for(frame, 1, codec, "span"))
        rows: list[list[Row]] = []
        for document, parts in zip(documents, parted, strict=True):
            shown = [document.text] if len(parts) == 1 else [codec.decode(part) for part in parts]
            made = [
                SpanRow(text, words(text), before, between, codec, self.settings, frame + len(part))
                for text, part in zip(shown, parts, strict=True)
            ]
            rows.append([row for row in made if row.words])
        return rows


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
        start, end = draw_run(self.words, self.settings.words, rng)
        shown = self.text[:start] + self.settings.sentinel + self.text[end:]
        context, target = self.codec.encode([shown, f" {self.text[start:end]}"])
        return self.codec.pair([*self.before, *context, *self.between], target)
