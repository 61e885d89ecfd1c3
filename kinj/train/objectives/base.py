"""The contract of an objective: what a record becomes, which of its tokens carry loss, and, where it differs, the loss."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch

from kinj.config.errors import KinjError
from kinj.config.schema import SpanObjectiveSettings
from kinj.data.records import Document, Question, Record
from kinj.models.batch import MicroBatch
from kinj.models.codec import Codec, Example
from kinj.models.gap_codecs import GapCodec
from kinj.train.objectives.gaps import gap_rows

Loss = Callable[[Any, MicroBatch], torch.Tensor]
"""(model, micro-batch) to the loss summed over its label tokens, in nats."""


class Fresh(Protocol):
    """A row that is drawn anew at every exposure."""

    def __len__(self) -> int:
        """Tokens of the row (at most, where draws differ); steps are cut by it."""
        ...

    def draw(self, rng: random.Random, progress: float) -> Example:
        """The row at one exposure.

        Args:
            rng: depends on seed, stage, source, record and exposure only, so a resumed run draws the same.
            progress: share of the stage that is over, in [0, 1).
        """
        ...


Row = Example | Fresh
"""What a stage is made of: a row that is always the same, or one drawn anew at every exposure."""


class Objective(Protocol):
    """What a stage teaches its records with. It builds rows through the codec only, which knows the kind of model."""

    needs: frozenset[str]
    """What the run must provide: nothing, or `start_model` (the model the run began with, frozen)."""

    def encode(self, records: Sequence[Record], codec: Codec) -> list[list[Row]]:
        """The rows of each record, several where it is too long for one. Called once for all records of a source.

        Raises:
            KinjError: a record is not what the objective can teach.
        """
        ...

    def loss(self, start_model: Any) -> Loss | None:
        """The loss, where it is not the mean cross-entropy of the labels. `start_model` is None unless needed."""
        ...


class ByKind:
    """An objective for documents; questions among the records are taught by their answers, as everywhere.

    Subclasses say what documents become.
    """

    needs: frozenset[str] = frozenset()

    def encode(self, records: Sequence[Record], codec: Codec) -> list[list[Row]]:
        """Two batches: all documents, all questions."""
        documents = {i: record for i, record in enumerate(records) if isinstance(record, Document)}
        questions = {i: record for i, record in enumerate(records) if isinstance(record, Question)}
        rows = dict(zip(documents, self.documents(list(documents.values()), codec), strict=True))
        rows |= zip(questions, answers(list(questions.values()), codec), strict=True)
        return [rows[i] for i in range(len(records))]

    def documents(self, documents: Sequence[Document], codec: Codec) -> list[list[Row]]:
        """The rows of each document: by default what the model is made for, the next token or gaps."""
        texts = [document.text for document in documents]
        if isinstance(codec, GapCodec):
            return [list(rows) for rows in gap_rows(texts, codec, SpanObjectiveSettings().words)]
        return next_tokens(texts, codec)

    def loss(self, start_model: Any) -> Loss | None:  # noqa: ARG002 - part of the contract
        """The usual one."""
        return None


def next_tokens(texts: Sequence[str], codec: Codec) -> list[list[Row]]:
    """Rows of plain texts."""
    return [list(rows) for rows in codec.documents(texts)]


def answers(questions: Sequence[Question], codec: Codec) -> list[list[Row]]:
    """One row per question: the prompt, and the first accepted answer with its end, which carry the loss."""
    return [[row] for row in codec.questions([(q.prompt, q.answers[0]) for q in questions])]


def room_for(overhead: int, copies: int, codec: Codec, objective: str) -> int:
    """How long a passage may be that stands `copies` times in a row beside `overhead` other tokens.

    Raises:
        KinjError: there is no room.
    """
    room = (codec.max_length - overhead) // copies
    if room < 1:
        raise KinjError(
            f"objective `{objective}` has no room for a passage: a row holds {codec.max_length:,} tokens, "
            f"{overhead:,} of them are taken by what stands around it",
            "shorten the separator and the request, or take a model with a longer context",
        )
    return room
