"""From records to rows of tokens: which objective each record is trained with, and which facts each row holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kinj.config.errors import KinjError
from kinj.data.records import Document, Question, Record
from kinj.models.codec import Codec, Example


@dataclass
class Unit:
    """What counts as one in a mixture: an original with its views, or a question. Each view is one or more rows."""

    origin: str
    views: list[list[Example]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)


@dataclass
class Source:
    """One source of a stage, encoded."""

    name: str
    weight: float
    per: str | None
    units: list[Unit]
    split: int = 0
    """Documents that were longer than a row and became several."""


def encode_source(
    name: str, records: Iterable[Record], codec: Codec, objective: str, *, weight: float, per: str | None, long: str
) -> Source:
    """Encodes the records of a source and groups the views of each original.

    Args:
        objective: `auto` (next token on documents, answer only on questions), `next_token` or `answer` for all.
        long: `split` or `refuse` documents longer than a row.

    Raises:
        KinjError: the source is empty, a document is too long and `long` is `refuse`, or the objective does not fit.
    """
    records = list(records)
    if not records:
        raise KinjError(f"the source `{name}` of this stage is empty", "give it records, or set its weight to 0")
    units: dict[str, Unit] = {}
    split = 0
    for record, rows in zip(records, _encode(records, codec, objective), strict=True):
        if len(rows) > 1:
            split += 1
            if long == "refuse":
                count = sum(len(row) for row in rows)
                raise KinjError(
                    f"document {record.id} has {count:,} tokens, a row holds {codec.max_length:,}",
                    "split such documents with data.long=split, or take a model with a longer context",
                )
        unit = units.setdefault(record.origin, Unit(record.origin))
        unit.views.append(rows)
        unit.records.append(record)
    return Source(name, weight, per, list(units.values()), split)


def _encode(records: Sequence[Record], codec: Codec, objective: str) -> list[list[Example]]:
    """Rows of each record, encoded in two batches: all next-token texts, all question-answer pairs."""
    as_text = {
        i: _text(r)
        for i, r in enumerate(records)
        if objective == "next_token" or (objective == "auto" and isinstance(r, Document))
    }
    as_pair = {i: _pair(r) for i, r in enumerate(records) if i not in as_text}
    rows: dict[int, list[Example]] = dict(zip(as_text, codec.documents(list(as_text.values())), strict=True))
    rows |= {i: [row] for i, row in zip(as_pair, codec.questions(list(as_pair.values())), strict=True)}
    return [rows[i] for i in range(len(records))]


def _text(record: Record) -> str:
    return record.text if isinstance(record, Document) else f"{record.prompt} {record.answers[0]}"


def _pair(record: Record) -> tuple[str, str]:
    if isinstance(record, Question):
        return record.prompt, record.answers[0]
    raise KinjError(f"objective `answer` needs questions, and {record.id} is a document", "use objective: auto")
