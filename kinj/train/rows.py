"""From records to the rows of a source: what each record became, and what could not be used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean

from kinj.config.errors import KinjError
from kinj.config.schema import SourceSettings
from kinj.data.records import Record
from kinj.models.codec import Codec, Example
from kinj.train.objectives.base import Objective, Row


@dataclass
class Unit:
    """What counts as one in a mixture: an original with its views, or a question. Each view is one or more rows."""

    origin: str
    views: list[list[Row]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    weight: float = 1.0
    """Beside those of the source's other units, how often it is drawn."""


@dataclass
class Source:
    """One source of a stage, encoded."""

    name: str
    weight: float
    per: str | None
    units: list[Unit]
    split: int = 0
    """Documents that were longer than a row and became several."""
    untaught: int = 0
    """Records left out because none of their tokens carries loss."""
    power: float = 0.0
    """Exponent of the power law by which units are drawn."""
    share: float | None = None
    """Share of the stage's tokens that is drawn from here."""

    @cached_property
    def parts(self) -> list[tuple[list[int], float]]:
        """Places of the units that are drawn equally often, and the share of the source's draws that is theirs."""
        places: dict[float, list[int]] = {}
        for place, unit in enumerate(self.units):
            places.setdefault(unit.weight, []).append(place)
        whole = sum(weight * len(many) for weight, many in places.items())
        return [(many, weight * len(many) / whole) for weight, many in places.items()]

    @cached_property
    def tokens_per_exposure(self) -> float:
        """Mean over the draws of units, each view of a unit counting alike."""
        tokens = [fmean(sum(len(row) for row in view) for view in unit.views) for unit in self.units]
        return sum(share * fmean(tokens[place] for place in many) for many, share in self.parts)


def encode_source(
    name: str,
    records: Iterable[Record],
    codec: Codec,
    objective: Objective,
    settings: SourceSettings,
    long: str,
) -> Source:
    """Encodes the records of a source and groups the views of each original.

    Args:
        settings: of the source; what it says of how often is kept.
        long: `split` or `refuse` documents longer than a row.

    Raises:
        KinjError: the source is empty, nothing in it carries loss, a document is too long and `long` is `refuse`, or a record
            is not what the objective teaches.
    """
    records = list(records)
    if not records:
        raise KinjError(f"the source `{name}` of this stage is empty", "give it records, or set its weight to 0")
    units: dict[str, Unit] = {}
    source = Source(name, settings.weight, settings.per, [], power=settings.power, share=settings.share)
    for record, encoded in zip(records, objective.encode(records, codec), strict=True):
        if len(encoded) > 1:
            source.split += 1
            if long == "refuse":
                _refuse(record, encoded, codec)
        rows = [row for row in encoded if not (isinstance(row, Example) and row.label_tokens == 0)]
        if not rows:
            source.untaught += 1
            continue
        unit = units.setdefault(record.origin, Unit(record.origin, weight=settings.weight))
        unit.views.append(rows)
        unit.records.append(record)
    if not units:
        raise KinjError(
            f"no token of the source `{name}` carries loss, in none of its {len(records):,} records: nothing can be learned",
            "texts of a single token, and answers without one, teach nothing; look at the records, or set its weight to 0",
        )
    source.units = list(units.values())
    return source


def _refuse(record: Record, rows: Sequence[Row], codec: Codec) -> None:
    count = sum(len(row) for row in rows)
    raise KinjError(
        f"document {record.id} needs {count:,} tokens, a row holds {codec.max_length:,}",
        "split such documents with data.long=split, or take a model with a longer context",
    )
