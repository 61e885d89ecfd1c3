"""Several treatments in one run: which documents get which, and what a source becomes where they differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from kinj.config import multiplex
from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import Settings, SourceSettings
from kinj.data import open_data
from kinj.data.base import DataSet
from kinj.data.files import read_records
from kinj.data.records import Document, Record
from kinj.data.rng import stable_seed
from kinj.train.rows import Source


def groups(documents: Iterable[str], count: int) -> dict[str, int]:
    """The group of each document: disjoint groups of equal size (or one more), whatever the order of the documents.

    Raises:
        UsageError: there are fewer documents than groups.
    """
    ranked = sorted(set(documents), key=lambda name: (stable_seed("group", name), name))
    if len(ranked) < count:
        raise UsageError(
            f"train.multiplex has {count} treatments, and there are {len(ranked)} documents",
            "fewer values, or more data",
        )
    return {name: rank % count for rank, name in enumerate(ranked)}


def treatment_by_document(documents: Iterable[str], count: int, seed: int) -> dict[str, int]:
    """The treatment of each document: group g gets treatment (g + seed) mod count, so that groups take turns over seeds."""
    return {name: (group + seed) % count for name, group in groups(documents, count).items()}


@dataclass(frozen=True)
class Part:
    """Documents of a source that are taught alike: how, from which data, and which of them."""

    source: SourceSettings
    data: DataSet
    documents: frozenset[str]

    def of(self, records: Sequence[Record]) -> list[Record]:
        """The records that are about these documents."""
        return [record for record in records if document_of(record) in self.documents]


def document_of(record: Record) -> str:
    """Id of the original document that a record is, is a view of, or asks about."""
    return record.origin if isinstance(record, Document) else record.document or record.origin


class Treated:
    """The treatments of a run.

    Args:
        settings: of the run; `train.multiplex` names at least two treatments.
        data: its data set; the documents of its pool `documents` are split.

    Raises:
        UsageError: it has no such pool, or too few documents.
    """

    def __init__(self, settings: Settings, data: DataSet) -> None:
        self.settings, self.data = settings, data
        self.treatments = multiplex.treatments(settings)
        names = [document_of(record) for record in data.pool(multiplex.POOL)]
        self.of_document = treatment_by_document(names, len(self.treatments), settings.seed)
        self._settings = [multiplex.settings_of(settings, treatment) for treatment in self.treatments]

    def parts(self, stage: str, key: str) -> list[Part]:
        """What a source falls into; a single part where all treatments teach it alike, none where no treatment is about it."""
        found: list[tuple[SourceSettings, Settings, set[str]]] = []
        own = self.settings.train.stages[stage].data[key]
        for number, treated in enumerate(self._settings):
            source = treated.train.stages[stage].data[key]
            members = {name for name, treatment in self.of_document.items() if treatment == number}
            for other, settings, documents in found:
                if other == source and settings.data == treated.data:
                    documents |= members
                    break
            else:
                found.append((source, treated, members))
        texts = multiplex.draws_documents(key, own) and any(s.data != self.settings.data for _, s, _ in found)
        if not texts and all(source == own for source, _, _ in found):
            return []
        return [Part(source, self._data(s), frozenset(documents)) for source, s, documents in found]

    def _data(self, treated: Settings) -> DataSet:
        return self.data if treated.data == self.settings.data else open_data(treated.data)

    def check(self, stage: str, key: str, records: Iterable[Record]) -> None:
        """Refuses a source whose records are about other documents.

        Raises:
            UsageError: with the first such record.
        """
        stranger = next((record.id for record in records if document_of(record) not in self.of_document), None)
        if stranger is not None:
            raise UsageError(
                f"train.multiplex varies the source `{key}` of stage `{stage}`, whose record {stranger} is about none of the "
                f"documents of the pool `{multiplex.POOL}`",
                "only what is taught about those documents can differ between them",
            )


def check_treatments(settings: Settings, data: DataSet) -> None:
    """Reads what the treatments are about, as training would, before anything runs.

    Raises:
        UsageError: too few documents, or a source whose records are about others.
    """
    treated = Treated(settings, data)
    for stage in settings.train.order:
        for key, source in settings.train.stages[stage].data.items():
            if treated.parts(stage, key):
                path = source.path
                found = read_records(path, settings.data.fields) if path else data.pool(source.pool or key)
                treated.check(stage, key, found)


def joined(parts: Sequence[Source], order: Iterable[str]) -> Source:
    """The parts of a source as one, its units in a given order of their origins.

    Raises:
        KinjError: there is none.
    """
    if not parts:
        raise KinjError("every treatment leaves this source out", "give one of them a weight above 0")
    units = {unit.origin: unit for part in parts for unit in part.units}
    whole = parts[0]
    whole.units = [units[origin] for origin in dict.fromkeys(order) if origin in units]
    whole.weight = fmean(unit.weight for unit in whole.units)
    whole.split, whole.untaught = sum(part.split for part in parts), sum(part.untaught for part in parts)
    return whole
