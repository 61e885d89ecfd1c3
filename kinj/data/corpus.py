"""The data set `corpus`: the user's own documents, questions and replay."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from kinj.config.errors import UsageError
from kinj.config.schema import DataSettings, FieldSettings
from kinj.data.base import DataSet
from kinj.data.files import Ids, read_documents, read_questions, read_records
from kinj.data.pools import BEYOND_LIMIT, Pools, Reading
from kinj.data.records import Document, Question, Record
from kinj.data.rejects import Rejects
from kinj.data.rows import CORPUS_HINT, find

Reader = Callable[[str, FieldSettings, Rejects, Ids], Iterator[Record]]


def data_set(settings: DataSettings, rejects: Rejects) -> DataSet:
    """Pools `documents`, `questions` and `replay`, each where the setting of that name lists a source.

    Raises:
        UsageError: there are neither documents nor questions, or a source does not exist.
    """
    if not settings.documents and not settings.questions:
        raise UsageError("data=corpus has no documents: pass data.documents=[FILE]", CORPUS_HINT)
    for source in [*settings.documents, *settings.questions, *settings.replay]:
        if not source.startswith("hf:"):
            find(source)
    pools = Pools(settings, rejects)
    if settings.documents:
        pools.add("documents", lambda reading: reading.first(_documents(reading)), _where(settings.documents))
    if settings.questions:
        pools.add("questions", _questions, _where(settings.questions))
    if settings.replay:
        pools.add("replay", lambda reading: _all(settings.replay, read_records, reading), _where(settings.replay))
    return pools.data


def _all(sources: Sequence[str], read: Reader, reading: Reading) -> Iterator[Record]:
    ids = Ids()
    for source in sources:
        yield from read(source, reading.settings.fields, reading.rejects, ids)


def _documents(reading: Reading) -> Iterator[Document]:
    return (
        record for record in _all(reading.settings.documents, read_documents, reading) if isinstance(record, Document)
    )


def _questions(reading: Reading) -> Iterator[Question]:
    """All questions, or with `data.limit` those about the first documents and about none in particular."""
    limit, kept = reading.settings.limit, None
    if limit is not None and reading.settings.documents:
        kept = {None, *islice(dict.fromkeys(document.origin for document in _documents(reading)), limit)}
    for record in _all(reading.settings.questions, read_questions, reading):
        if isinstance(record, Question) and (kept is None or record.document in kept):
            yield record
        else:
            reading.left_out[BEYOND_LIMIT] += 1


def _where(sources: Sequence[str]) -> str:
    return ", ".join(sources)
