"""The input cut into shards, which are worked off one by one. Where it is cut depends on the input and the settings alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import orjson
import xxhash

from kinj.augment.engine import FACT_HINT, misplaced_fact
from kinj.augment.identities import Identities
from kinj.augment.questions import QUESTION_HINT
from kinj.config.errors import KinjError
from kinj.config.schema import DataSettings, FieldSettings
from kinj.data.files import Place, Rejects, nothing_in, to_line
from kinj.data.forms import Json, RecordError, record_from_json
from kinj.data.records import Question, Record
from kinj.data.rejects import Gathered
from kinj.data.rows import CORPUS_HINT, has_lines, read_lines, read_object, read_rows

RECORDS = 512
"""Most records in a shard."""
OUTPUT_BYTES = 4 << 20
"""About how much a shard's output should be; it is held in memory."""

Spot = tuple[str, int | None, str]
"""The fields of a `Place`; making a million places would take seconds."""


@dataclass
class Shard:
    """A piece of the input: lines that hold a record each, and what only a look at everything before them can tell.

    `names` are the ids of texts without one that occur again, `wrong` says why records cannot be used, `repeated` are
    those with the text of an earlier one (questions: with all that makes one); their keys and items count lines from 0.
    `rejected` and `left_out` are what the reading itself set aside.
    """

    index: int
    lines: list[bytes] = field(default_factory=list)
    spots: list[Spot] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    wrong: dict[int, tuple[str, str]] = field(default_factory=dict)
    repeated: list[int] = field(default_factory=list)
    rejected: list[bytes] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def digest(self) -> str:
        """Stands for everything in it. The same input in another place or file gives the same."""
        told = (sorted(self.names.items()), sorted(self.wrong.items()), self.repeated, sorted(self.left_out.items()))
        return xxhash.xxh3_128_hexdigest(b"".join([*self.lines, *self.rejected, repr(told).encode()]))

    def records(
        self, fields: FieldSettings, rejects: Rejects, documents_only: str = ""
    ) -> Iterator[tuple[Record, bool]]:
        """Its records, and whether each has the text of an earlier one. Those that cannot be used go to `rejects`.

        Args:
            documents_only: see `sound_record`.

        Raises:
            BadRecord: one cannot be used and the policy is to stop.
        """
        repeated = set(self.repeated)
        for number, line in enumerate(self.lines):
            try:
                if number in self.wrong:
                    raise RecordError(*self.wrong[number])
                record = sound_record(read_object(line), fields, documents_only, self.names.get(number))
            except RecordError as error:
                rejects.reject(Place(*self.spots[number]), error.reason, line.rstrip(b"\r\n"), error.hint)
                continue
            yield record, number in repeated


def sound_record(form: Json, fields: FieldSettings, documents_only: str = "", name: str | None = None) -> Record:
    """The document or question that an object holds; a document's facts stand where they say.

    Args:
        documents_only: name of a method, if there is one, that can do nothing with questions.
        name: the record's id, where that does not follow from the object alone.

    Raises:
        RecordError: it holds none, a fact stands elsewhere, or it is a question and there is such a method.
    """
    record = record_from_json(form, fields)
    record.id = name or record.id
    if isinstance(record, Question):
        if documents_only:
            raise RecordError(f"is a question, and {documents_only} writes views of documents only", QUESTION_HINT)
    elif problem := misplaced_fact(record):
        raise RecordError(f"({record.id}) {problem}", FACT_HINT)
    return record


class Shards:
    """All shards of the sources, read as they are asked for.

    Args:
        sources: files, folders or `hf:NAME[:split]`.
        settings: `fields` and `limit` are used.
        policy: what a bad line does: `stop` or `skip`.
        growth: how many times as large as its input a shard's output will be, about.
        most: most records in a shard, where `RECORDS` would be too many.
        documents_only: see `sound_record`.

    Attributes:
        error: what ended the reading too early. The shards before it count.
    """

    def __init__(
        self,
        sources: Sequence[str],
        settings: DataSettings,
        policy: str,
        growth: float,
        most: int | None = None,
        documents_only: str = "",
    ) -> None:
        self.sources, self.settings, self.documents_only = sources, settings, documents_only
        self.error: KinjError | None = None
        self._most = RECORDS if most is None else min(most, RECORDS)
        self._most_bytes = OUTPUT_BYTES / growth
        self._rejects = Gathered(policy)
        self._left = settings.limit

    def __iter__(self) -> Iterator[Shard]:
        identities = Identities(self.settings.fields)
        shard, size, forms = Shard(0), 0, []
        try:
            for spot, line, form in self._records():
                shard.lines.append(line)
                shard.spots.append(spot)
                forms.append(form)
                size += len(line)
                if size >= self._most_bytes or len(forms) == self._most:
                    yield self._closed(shard, forms, identities)
                    shard, size, forms = Shard(shard.index + 1), 0, []
        except KinjError as error:
            self.error = error
            return
        if forms or self._rejects.lines or self._rejects.left_out:
            yield self._closed(shard, forms, identities)

    def _closed(self, shard: Shard, forms: list[Json | None], identities: Identities) -> Shard:
        shard.names, shard.wrong, shard.repeated = identities.look_at(forms, shard.spots)
        shard.rejected, shard.left_out = self._rejects.take()
        return shard

    def _records(self) -> Iterator[tuple[Spot, bytes, Json | None]]:
        """Every record of all sources, up to the limit: where it is, its line, its object if the line holds one."""
        for source in self.sources:
            empty = True
            for spot, line, form in _lines(source) if has_lines(source) else self._rows(source):
                empty = False
                if self._left is not None:
                    if self._left == 0:
                        return
                    self._left -= self._counts(form)
                yield spot, line, form
            if empty:
                raise KinjError(nothing_in(source, self._rejects), CORPUS_HINT)

    def _rows(self, source: str) -> Iterator[tuple[Spot, bytes, Json | None]]:
        for place, form in read_rows(source, self._rejects):
            yield (place.source, place.number, place.unit), to_line(form), form

    def _counts(self, form: Json | None) -> bool:
        """Whether a record counts towards the limit: one that will be set aside does not."""
        try:
            return form is not None and bool(sound_record(form, self.settings.fields, self.documents_only))
        except RecordError:
            return False


def _lines(source: str) -> Iterator[tuple[Spot, bytes, Json | None]]:
    for number, line in read_lines(source):
        form: Json | None
        try:
            form = orjson.loads(line)
            if type(form) is not dict:
                form = None
        except orjson.JSONDecodeError:
            form = _second_look(line)
        yield (source, number, "line"), line, form


def _second_look(line: bytes) -> Json | None:
    try:
        return read_object(line)
    except RecordError:
        return None  # whoever works on the shard says why
