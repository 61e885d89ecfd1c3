"""`masked`: a passage with tokens masked, then the passage in full, which carries the loss (arXiv 2510.09885)."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kinj.config.errors import KinjError
from kinj.config.schema import MaskedObjectiveSettings, StageSettings
from kinj.data.records import Document
from kinj.models.codec import Codec, Example
from kinj.train.objectives.base import ByKind, Row, room_for

_RESERVED = re.compile(r"reserved|unused|extra_id", re.IGNORECASE)
_PLAIN = ("[]", "____", "_")


def build(stage: StageSettings) -> Masked:
    """The objective as `train.stages.NAME.masked` asks for it."""
    return Masked(stage.masked)


class Masked(ByKind):
    """Documents by masked reconstruction; a long one is split so that each part fits twice in a row."""

    def __init__(self, settings: MaskedObjectiveSettings) -> None:
        self.settings = settings

    def documents(self, documents: Sequence[Document], codec: Codec) -> list[list[Row]]:
        """One row for each part of each document."""
        before, between = codec.around(self.settings.request, self.settings.separator)
        room = room_for(len(before) + len(between) + 1, 2, codec, "masked")
        mask, other = mask_token(codec.tokenizer, self.settings.mask), None
        if self.settings.context == "random":
            other = sorted(set(range(len(codec.tokenizer))) - set(codec.tokenizer.all_special_ids))
        texts = codec.parts([document.text for document in documents], room)
        return [[MaskedRow(before, part, between, mask, other, codec, self.settings) for part in t] for t in texts]


@dataclass(frozen=True)
class MaskedRow:
    """One passage. `other` holds the tokens of the random context, where that control is wanted."""

    before: list[int]
    passage: list[int]
    between: list[int]
    mask: int
    other: list[int] | None
    codec: Codec
    settings: MaskedObjectiveSettings

    def __len__(self) -> int:
        return len(self.before) + len(self.between) + 2 * len(self.passage) + 1

    def draw(self, rng: random.Random, progress: float) -> Example:
        """The passage, each token masked with the probability of this exposure; its copy and the end carry the loss."""
        low, high = self.settings.ratio[0], self.settings.ratio[-1]
        rate = low + (high - low) * (progress if self.settings.schedule == "linear" else rng.random())
        if self.other is None:
            shown = [self.mask if rng.random() < rate else token for token in self.passage]
        else:
            shown = rng.choices(self.other, k=len(self.passage))
        return self.codec.pair([*self.before, *shown, *self.between], [*self.passage, self.codec.eos_id])


def mask_token(tokenizer: Any, wanted: str | None) -> int:
    """The id of the token that masks: the one wanted; else the tokenizer's own, a reserved one, or one of plain text.

    Raises:
        KinjError: what is wanted is not one token, or none was found.
    """
    if wanted is None and tokenizer.mask_token_id is not None:
        return int(tokenizer.mask_token_id)
    added = sorted((i, token) for token, i in tokenizer.get_added_vocab().items())
    reserved = [i for i, token in added if _RESERVED.search(token)]
    if wanted is None and reserved:
        return int(reserved[0])
    for text in _PLAIN if wanted is None else (wanted,):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        if len(ids) == 1 and ids[0] != tokenizer.unk_token_id:
            return int(ids[0])
    what = f"`{wanted}` is not one token" if wanted is not None else "no token for masks was found"
    raise KinjError(f"objective `masked`: {what} of this tokenizer", "name one: train.stages.NAME.masked.mask=TOKEN")
