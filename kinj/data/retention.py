"""What a model should not lose, beside any data set: the pools of `data.retention`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from kinj.config.errors import UsageError
from kinj.config.schema import DataSettings
from kinj.data.base import DataSet
from kinj.data.choices import choice_question
from kinj.data.files import Ids, read_documents
from kinj.data.forms import Json
from kinj.data.pools import Pools, Reading
from kinj.data.records import Document, Question
from kinj.data.rejects import Rejects, stem
from kinj.data.rows import find, read_rows

QUESTIONS, TEXTS = "retention_questions", "retention_texts"
"""Names of the pools."""


def add_retention(data: DataSet, settings: DataSettings, rejects: Rejects) -> DataSet:
    """The data set with the pools that `data.retention` asks for; the settings' files are looked for now and read later.

    Raises:
        UsageError: a file does not exist.
    """
    chosen = settings.retention
    for key, sources in (("questions", chosen.questions), ("texts", chosen.texts)):
        for source in sources:
            _check(key, source)
    pools = Pools(settings, rejects, data)
    if chosen.questions:
        pools.add(QUESTIONS, _questions, ", ".join(chosen.questions))
    if chosen.texts:
        pools.add(TEXTS, _texts, ", ".join(chosen.texts))
    return data


def _check(key: str, source: str) -> None:
    if source.startswith("hf:"):
        return
    try:
        find(source)
    except UsageError as error:
        raise UsageError(f"data.retention.{key}: {source} does not exist") from error


def _questions(reading: Reading) -> Iterator[Question]:
    for source in reading.settings.retention.questions:
        yield from reading.records(read_rows(source, reading.rejects), partial(_question, stem(source)))


def _question(file: str, number: int, row: Json) -> list[Question]:
    return [choice_question(row, file, number)]


def _texts(reading: Reading) -> Iterator[Document]:
    """The documents of each source; `meta.file` says which it is."""
    ids = Ids()
    for source in reading.settings.retention.texts:
        for document in read_documents(source, reading.settings.fields, reading.rejects, ids):
            document.meta["file"] = stem(source)
            yield document
