"""What adapters share: pools that keep account, the `limit`, and turning rows into records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from kinj.config.errors import KinjError
from kinj.config.schema import DataSettings
from kinj.data.base import Account, DataSet
from kinj.data.forms import Json, RecordError
from kinj.data.records import Document, Question, Record
from kinj.data.rejects import Place, Rejects
from kinj.data.writers import to_json

_R = TypeVar("_R", bound=Record)
Rows = Iterable[tuple[Place, Json]]
BEYOND_LIMIT = "beyond data.limit"


class Reading:
    """One reading of a pool: what it left out, and where bad rows go."""

    def __init__(self, settings: DataSettings, rejects: Rejects) -> None:
        self.settings = settings
        self.rejects = rejects
        self.left_out: Counter[str] = Counter()

    def records(self, rows: Rows, build: Callable[[int, Json], Iterable[_R]]) -> Iterator[_R]:
        """The records that `build` makes of every row and its number (from 0); a row it refuses is rejected as a whole."""
        for index, (place, row) in enumerate(rows):
            try:
                made = list(build(index, row))
            except KeyError as error:
                reason = f"has no key {error}; it has: {', '.join(row) or 'nothing'}"
                self.rejects.reject(place, reason, to_json(row), f"are these the original files of {self.settings.name}?")
            except (RecordError, TypeError, ValueError, AttributeError) as error:
                self.rejects.reject(place, getattr(error, "reason", f"is not a row of {self.settings.name} ({error})"), to_json(row))
            else:
                yield from made

    def first(self, records: Iterable[_R]) -> Iterator[_R]:
        """The records of the first `data.limit` originals; the rest is counted as left out."""
        kept: set[str] = set()
        for record in records:
            origin = record.origin
            if self.settings.limit is None or origin in kept or len(kept) < self.settings.limit:
                kept.add(origin)
                yield record
            else:
                self.left_out[BEYOND_LIMIT] += 1

    def about(self, questions: Iterable[Question], documents: Callable[[], Iterable[Document]]) -> Iterator[Question]:
        """The questions about some documents; those about no document of the benchmark, or one beyond the limit, are counted."""
        known = list(dict.fromkeys(document.origin for document in documents()))
        kept = set(known[: self.settings.limit])
        for question in questions:
            if question.document in kept:
                yield question
            else:
                self.left_out[BEYOND_LIMIT if question.document in known else "about no document here"] += 1


class Pools:
    """Builds a data set pool by pool; each pool keeps an account that starts anew at every reading."""

    def __init__(self, settings: DataSettings, rejects: Rejects) -> None:
        self.settings = settings
        self.rejects = rejects
        self.data = DataSet(settings.name, {})

    def add(self, name: str, read: Callable[[Reading], Iterable[Record]], where: str = "") -> None:
        """Adds a pool.

        Args:
            read: yields its records, and counts in the reading what it leaves out.
            where: the files, for the account.
        """
        account = Account(f"{self.settings.name}: {name}" + (f" ({where})" if where else ""))

        def records() -> Iterator[Record]:
            account.used = 0
            account.left_out.clear()
            if account not in self.data.accounts:
                self.data.accounts.append(account)
            before = self.rejects.left_out.copy()
            reading = Reading(self.settings, self.rejects)
            for record in read(reading):
                account.used += 1
                yield record
            account.left_out.update(reading.left_out)
            account.left_out.update(self.rejects.left_out - before)
            if not account.used:
                raise KinjError(f"{account}", f"the pool `{name}` is empty: are these the original files?")

        self.data.pools[name] = records
