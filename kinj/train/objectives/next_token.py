"""`next_token`: every record as plain text, loss on every token; of a question, prompt and answer in a row."""

from __future__ import annotations

from collections.abc import Sequence

from kinj.config.schema import StageSettings
from kinj.data.records import Document, Record
from kinj.models.codec import Codec
from kinj.train.objectives.base import ByKind, Row, next_tokens


def build(stage: StageSettings) -> NextToken:  # noqa: ARG001 - it has no settings
    """The objective; there is nothing to set."""
    return NextToken()


class NextToken(ByKind):
    """Plain text."""

    def encode(self, records: Sequence[Record], codec: Codec) -> list[list[Row]]:
        """All records in one batch."""
        return next_tokens([_text(record) for record in records], codec)


def _text(record: Record) -> str:
    return record.text if isinstance(record, Document) else f"{record.prompt} {record.answers[0]}"
