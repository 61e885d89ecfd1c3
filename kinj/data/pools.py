"""What adapters share: pools that keep account, the `limit`, and turning rows into records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from kinj.config.errors import KinjError
from kinj.config.schema import DataSettings
from kinj.data.base import Account, DataSet
from kinj.data.files import Ids
from kinj.data.forms import Json, RecordError
from kinj.data.records import Document, Question, Record
from kinj.data.rejects import Place, Rejects
from kinj.data.writers import to_json

_R = TypeVar("_R", bound=Record)
Rows = Iterable[tuple[Place, Json]]
BEYOND_LIMIT = "beyond data.limit"
ORIGINALS = "are these the original files?"


class Reading:
    """One reading of a pool: what it left out, and where bad rows go."""

    def __init__(self, settings: DataSettings, rejects: Rejects) -> None:
        self.settings = settings
        self.rejects = rejects
        self.left_out: Counter[str] = Counter()
        self._ids = Ids()

    def records(self, rows: Rows, build: Callable[[int, Json], Iterable[_R]]) -> Iterator[_R]:
        """The records that `build` makes of every row and its number (from 0); a row it refuses, or whose ids were met
        before, is rejected as a whole."""
        for index, (place, row) in enumerate(rows):
            try:
                made = list(build(index, row))
                for record in made:
                    self._ids.add(record.id, place)
            except RecordError as error:
                self.rejects.reject(place, error.reason, to_json(row), error.hint)
            else:
                yield from made

    def first(
        self, records: Iterable[_R], unit: Callable[[_R], str | None] = lambda record: record.origin
    ) -> Iterator[_R]:
        """The records of the first `data.limit` units (by default originals with their views); the rest is counted."""
        kept: set[str | None] = set()
        for record in records:
            key = unit(record)
            if self.settings.limit is None or key in kept or len(kept) < self.settings.limit:
                kept.add(key)
                yield record
            else:
                self.left_out[BEYOND_LIMIT] += 1

    def about(self, questions: Iterable[Question], documents: Callable[[], Iterable[Document]]) -> Iterator[Question]:
        """The questions about some documents; those about no document of the benchmark, or one beyond the limit, are counted."""
        known = dict.fromkeys(document.origin for document in documents())
        kept = set(islice(known, self.settings.limit))
        for question in questions:
            if question.document in kept:
                yield question
            else:
                self.left_out[BEYOND_LIMIT if question.document in known else "about no document here"] += 1


class Pools:
    """Builds a data set pool by pool, or adds to one; each pool keeps an account that starts anew at every reading."""

    def __init__(self, settings: DataSettings, rejects: Rejects, data: DataSet | None = None) -> None:
        self.settings = settings
        self.rejects = rejects
        self.data = data or DataSet(settings.name, {})

    def add(self, name: str, read: Callable[[Reading], Iterable[Record]], where: str = "") -> None:
        """Adds a pool.

        Args:
            read: yields its records, and counts in the reading what it leaves out.
            where: the files, for the account.
        """
        account = Account(f"{self.settings.name}: {name}" + (f" ({where})" if where else ""))
        aside: Counter[str] = Counter()  # a bad line counts at its first reading only, so these are kept

        def records() -> Iterator[Record]:
            if account not in self.data.accounts:
                self.data.accounts.append(account)
            account.used, reading = 0, Reading(self.settings, self.rejects)
            before = self.rejects.left_out.copy()
            try:
                for record in read(reading):
                    account.used += 1
                    yield record
            finally:
                aside.update(self.rejects.left_out - before)
                account.left_out = reading.left_out + aside
            if not account.used:
                raise KinjError(f"{account}: nothing to read", f"are these the original files of {self.settings.name}?")

        self.data.pools[name] = records


def text_of(row: Json, key: str) -> str:
    """The text under a key.

    Raises:
        RecordError: there is none, or it is empty.
    """
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise RecordError(f"has no text under `{key}`; it has: {', '.join(row) or 'nothing'}", ORIGINALS)
    return value


def texts_of(row: Json, key: str) -> list[str]:
    """One or more texts under a key; a single one becomes a list, numbers become texts.

    Raises:
        RecordError: there is none, or one is empty.
    """
    value = row.get(key)
    values = value if isinstance(value, list) else [] if value is None else [value]
    texts = [item if isinstance(item, str) else str(item) for item in values if isinstance(item, str | int | float)]
    if not texts or len(texts) < len(values) or not all(text.strip() for text in texts):
        found = ", ".join(row) or "nothing"
        raise RecordError(f"has no texts under `{key}`, or an empty one; it has: {found}", ORIGINALS)
    return texts


def rest_of(row: Json, *keys: str) -> Json:
    """Everything of a row but some keys, for `meta`."""
    return {key: value for key, value in row.items() if key not in keys}
