"""Reading and writing records: JSON lines, `.gz`, `.zst`, Parquet, folders of text, `hf:NAME[:split]`. See docs/data.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from kinj.config.errors import KinjError
from kinj.config.schema import FieldSettings
from kinj.data.forms import Json, RecordError, document_from_json, question_from_json, record_from_json, record_to_json
from kinj.data.records import Document, Question, Record
from kinj.data.rejects import SET_ASIDE, BadRecord, Place, Rejects
from kinj.data.rows import CORPUS_HINT, read_rows
from kinj.data.writers import atomic_folder, atomic_open, atomic_write, to_json, to_line, write_records

__all__ = [
    "BadRecord",
    "Ids",
    "Place",
    "Rejects",
    "atomic_folder",
    "atomic_open",
    "atomic_write",
    "nothing_in",
    "read_documents",
    "read_questions",
    "read_records",
    "record_from_json",
    "record_to_json",
    "to_json",
    "to_line",
    "write_records",
]

_R = TypeVar("_R", Document, Question, Record)


class Ids:
    """The ids met so far and where, over one or several sources."""

    def __init__(self) -> None:
        self._places: dict[str, Place] = {}

    def add(self, identity: str, place: Place) -> None:
        """Notes an id.

        Raises:
            RecordError: it was met before.
        """
        first = self._places.setdefault(identity, place)
        if first is not place:
            where = f"{first.unit} {first.number:,}" if first.source == place.source and first.number else str(first)
            raise RecordError(
                f"has the id `{identity}` of {where}", "ids must differ; leave `id` out to get one from the text"
            )

    def free(self, identity: str) -> str:
        """The id itself, or with `-2`, `-3`, … where it is taken: for texts without an id that occur again."""
        number, candidate = 1, identity
        while candidate in self._places:
            number += 1
            candidate = f"{identity}-{number}"
        return candidate


def read_documents(
    source: str, fields: FieldSettings | None = None, rejects: Rejects | None = None, ids: Ids | None = None
) -> Iterator[Document]:
    """The documents of a source, in order.

    Args:
        source: a file, a folder of `.txt` and `.md` files, or `hf:NAME[:split]`.
        fields: which keys of the user's objects hold what.
        rejects: takes bad lines; by default the first one stops the reading.
        ids: ids met in earlier sources; they must not occur again.

    Raises:
        UsageError: the source does not exist or cannot be reached.
        BadRecord: a line cannot be used and the policy is to stop.
        KinjError: the source is damaged, or there is no record in it.
    """
    return _read(source, document_from_json, fields, rejects, ids)


def read_questions(
    source: str, fields: FieldSettings | None = None, rejects: Rejects | None = None, ids: Ids | None = None
) -> Iterator[Question]:
    """The questions of a source, in order; arguments and errors as in `read_documents`."""
    return _read(source, question_from_json, fields, rejects, ids)


def read_records(
    source: str, fields: FieldSettings | None = None, rejects: Rejects | None = None, ids: Ids | None = None
) -> Iterator[Record]:
    """Documents and questions of a source, in order; arguments and errors as in `read_documents`."""
    return _read(source, record_from_json, fields, rejects, ids)


def _read(
    source: str,
    build: Callable[[Json, FieldSettings], _R],
    fields: FieldSettings | None,
    rejects: Rejects | None,
    ids: Ids | None,
) -> Iterator[_R]:
    source, fields = str(source), fields or FieldSettings()
    rejects, ids = rejects or Rejects(), ids or Ids()
    found = False
    for place, form in read_rows(source, rejects):
        try:
            record = build(form, fields)
            if form.get(fields.id) is None:
                record.id = ids.free(record.id)
            ids.add(record.id, place)
        except RecordError as error:
            rejects.reject(place, error.reason, to_json(form), error.hint)
            continue
        found = True
        yield record
    if not found:
        raise KinjError(nothing_in(source, rejects), CORPUS_HINT)


def nothing_in(source: str, rejects: Rejects) -> str:
    """Says that a source holds no record, and what was passed over in it."""
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in sorted(rejects.left_out.items()))
    if rejects.left_out[SET_ASIDE]:
        see = f": see {', '.join(map(str, rejects.files))}" if rejects.files else ""
        return f"{source} holds no record that can be used ({left_out}{see})"
    return f"{source} is empty" + (f" ({left_out})" if left_out else "")
