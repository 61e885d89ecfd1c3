"""A stage made ready: its records read, encoded and mixed, its steps planned."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from kinj.config.check import stage_optim
from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import OptimSettings, Settings, SourceSettings
from kinj.data.base import DataSet
from kinj.data.files import read_records
from kinj.data.records import Record
from kinj.data.rng import stable_rng
from kinj.models.codec import Codec, Example
from kinj.train.batching import cut_steps
from kinj.train.mixture import Draw, Mixture
from kinj.train.multiplex import Part, Treated, joined
from kinj.train.objectives import registry
from kinj.train.objectives.base import Fresh, Objective, Row
from kinj.train.rows import Source, encode_source
from kinj.train.unread import unread_by_model, unread_of_sam

Rows = list[tuple[Draw, Row]]
Choose = Callable[[str, str, SourceSettings, Sequence[Record]], list[Record]]
"""(stage, name of the source, its settings, its records) to those that are trained on, as they are trained on."""
Augment = Callable[[Sequence[Record], Sequence[str], int], list[Record]]
"""(records, methods, views) to the records and their views."""


@dataclass
class Stage:
    """A stage ready to run."""

    name: str
    mixture: Mixture
    objective: Objective
    optim: OptimSettings
    steps: int
    notices: list[str]

    def plan(self) -> Iterator[tuple[float, Rows]]:
        """Every step of the stage in order: the epoch it begins at (a fraction), and its rows."""
        done, epoch = 0, 0
        while done < self.steps:
            steps = list(cut_steps(self.mixture.epoch(epoch), self.optim.batch_tokens))
            for index, rows in enumerate(steps[: self.steps - done]):
                yield epoch + index / len(steps), rows
            done, epoch = done + len(steps), epoch + 1

    def examples(self, rows: Rows, number: int) -> list[Example]:
        """The rows of step `number` of the stage as they are seen at this exposure."""
        return [row if isinstance(row, Example) else self._drawn(draw, row, number) for draw, row in rows]

    def _drawn(self, draw: Draw, row: Fresh, number: int) -> Example:
        record = draw.unit.records[draw.view]
        rng = stable_rng(*self.mixture.key, draw.source, record.id, draw.exposure, draw.part)
        return row.draw(rng, number / self.steps)


def prepare_stage(
    name: str,
    settings: Settings,
    data: DataSet,
    codec: Codec,
    augment: Augment | None,
    choose: Choose | None = None,
) -> Stage:
    """Reads, chooses, augments and encodes the sources of a stage.

    Args:
        choose: picks the questions of a source with `select`; without it all are kept, and that is said.

    Raises:
        UsageError: a pool is missing, or views are asked for where no augmenter was given.
        KinjError: a source is empty or a record does not fit.
    """
    stage = settings.train.stages[name]
    reader = _Reader(name, settings, data, codec, augment, choose)
    found = [reader.read(key, source) for key, source in stage.data.items()]
    sources = [source for source in found if source is not None]
    there = {source.name for source in sources}
    # A source that is drawn per record of one that was left out goes with it.
    sources = [
        source for source in sources if source.per is None or source.per in there or source.per not in stage.data
    ]
    if not sources:
        raise KinjError(
            f"stage `{name}` has nothing to train on", "\n".join([*reader.notices, "leave it out of train.order"])
        )
    mixture = Mixture(sources, settings.seed, name)
    optim = stage_optim(settings, name)
    steps = stage.steps or _count_steps(mixture, stage.epochs or 1.0, optim.batch_tokens)
    rows = [len(step) for step in cut_steps(mixture.epoch(0), optim.batch_tokens)] if optim.sam.rho > 0 else []
    notices = [*reader.notices, *unread_by_model(name, settings, codec), *unread_of_sam(name, optim, steps, rows)]
    return Stage(name, mixture, registry.build(stage.objective, stage), optim, steps, notices)


@dataclass
class _Reader:
    """Makes the sources of one stage and notes what the user must be told."""

    stage: str
    settings: Settings
    data: DataSet
    codec: Codec
    augment: Augment | None
    choose: Choose | None
    notices: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.treated = Treated(self.settings, self.data) if self.settings.train.multiplex else None

    def read(self, key: str, source: SourceSettings) -> Source | None:
        """A source, or None where it has nothing to give."""
        parts = self.treated.parts(self.stage, key) if self.treated else []
        if all(part.weight == 0 for part in [one.source for one in parts] or [source]):
            return None
        records = records_of(key, source, self.settings, self.data)
        if records is None:
            self._note("no replay; nothing protects what the model knows (data.replay=FILE gives it texts to keep)")
            return None
        records = self._chosen(key, source, _first(records, source.first))
        if source.select.keep and not records:
            classes = " or ".join(source.select.keep)
            self._note(f"no question of `{key}` is known {classes}, so the source is left out")
            return None
        encoded = self._in_parts(key, records, source, parts) if parts else self._encoded(key, records, source)
        if encoded.split:
            self._note(
                f"{encoded.split:,} documents of `{key}` were split at {self.codec.max_length:,} tokens (none cut)"
            )
        if encoded.untaught:
            self._note(f"{encoded.untaught:,} records of `{key}` were left out: none of their tokens carries loss")
        return encoded

    def _in_parts(self, key: str, records: list[Record], source: SourceSettings, parts: Sequence[Part]) -> Source:
        """The source where groups of its documents are taught differently."""
        assert self.treated
        self.treated.check(self.stage, key, records)
        found = []
        for part in (part for part in parts if part.source.weight > 0):
            own = records if part.data is self.data else records_of(key, source, self.settings, part.data) or []
            if own := part.of(_first(own, source.first)):
                found.append(self._encoded(key, own, part.source))
        return joined(found, [record.origin for record in records])

    def _encoded(self, key: str, records: list[Record], source: SourceSettings) -> Source:
        if source.augment:
            records = _augmented(records, source, self.augment)
        stage = self.settings.train.stages[self.stage]
        objective = registry.build(source.objective or stage.objective, stage)
        return encode_source(key, records, self.codec, objective, source, self.settings.data.long)

    def _chosen(self, key: str, source: SourceSettings, records: list[Record]) -> list[Record]:
        if not source.select.keep:
            return records
        if self.choose is None:
            self._note(f"what `{key}` holds is decided when the stage starts; all of it counts here")
            return records
        return self.choose(self.stage, key, source, records)

    def _note(self, text: str) -> None:
        self.notices.append(f"stage `{self.stage}`: {text}")


def _first(records: list[Record], share: float) -> list[Record]:
    """The records of the first `share` of the originals, at least one."""
    origins = list(dict.fromkeys(record.origin for record in records))
    kept = set(origins[: max(1, math.floor(share * len(origins) + 1e-9))])
    return [record for record in records if record.origin in kept]


def records_of(key: str, source: SourceSettings, settings: Settings, data: DataSet) -> list[Record] | None:
    """The records of a source; None where it is the replay of a data set that has none.

    Raises:
        UsageError: there is no such pool, or no such file.
    """
    if source.path is not None:
        return list(read_records(source.path, settings.data.fields))
    pool = source.pool or key
    if pool == "replay" and pool not in data.pools:
        return None
    if pool not in data.pools:
        setting = f"train.stages.STAGE.data.{key}"
        raise UsageError(
            f"data={data.name} has no pool `{pool}`; it has: {', '.join(sorted(data.pools))}",
            f"{setting}.path=FILE reads records of your own for it, in each stage that names it; "
            f"{setting}.weight=0 leaves it out",
        )
    return data.pool(pool)


def _augmented(records: list[Record], source: SourceSettings, augment: Augment | None) -> list[Record]:
    if augment is None:
        raise UsageError(
            "this call has no augmenter, and a source asks for views", "augment the corpus first: kinj augment"
        )
    return augment(records, source.augment, source.views)


def _count_steps(mixture: Mixture, epochs: float, batch_tokens: int) -> int:
    """Steps of `epochs` passes; the last, partial one counts its share of steps, rounded up."""
    counts = [len(list(cut_steps(mixture.epoch(epoch), batch_tokens))) for epoch in range(math.ceil(epochs))]
    part = epochs - math.floor(epochs)
    if part:
        counts[-1] = math.ceil(part * counts[-1])
    return sum(counts)
