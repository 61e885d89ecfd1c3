"""The work on one shard: records read, views made and checked, all written out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import chain

from kinj.augment.checks import Checks
from kinj.augment.engine import Engine
from kinj.augment.lines import line_of
from kinj.augment.packing import pack
from kinj.augment.questions import documents_only, question_views, text_of
from kinj.augment.report import AugmentReport
from kinj.augment.shards import Shard
from kinj.augment.store import Result
from kinj.augment.tokens import estimate_tokens
from kinj.augment.written.writer import Writer
from kinj.config.errors import KinjError
from kinj.config.schema import Settings
from kinj.data.forms import record_from_json
from kinj.data.records import Document, Question, Record
from kinj.data.rejects import SET_ASIDE, Gathered
from kinj.data.rows import read_object

SAMPLE = 5_000
"""Characters whose tokens are counted in a sampled shard, at least those of a document and its views."""


def is_sampled(shard: int) -> bool:
    """Whether tokens are counted in a shard: in numbers 0, 1, 4, 16, …, so that counting never takes long."""
    return shard == 0 or (shard.bit_count() == 1 and shard.bit_length() % 2 == 1)


class Worker:
    """Makes the output of shards, one by one and each on its own. Without a writer it travels between processes.

    Args:
        settings: `model.name`, `augment.audit`, `augment.duplicates`, `data.fields` and `run.on_error` are used.
        suffix: form of the records, such as `.jsonl.gz`.
        engine: makes the views.
        writer: asks a language model, where a method needs one; all documents of a shard at the same time.
    """

    def __init__(self, settings: Settings, suffix: str, engine: Engine, writer: Writer | None) -> None:
        self.settings, self.suffix, self.engine, self.writer = settings, suffix, engine, writer

    def __call__(self, shard: Shard) -> Result:
        """Everything that belongs in the output for a shard, or the first error in it."""
        report = AugmentReport()
        checks = Checks(self.settings.augment.audit, report)
        rejects = Gathered(self.settings.run.on_error)
        try:
            lines = self._lines(self._records(shard, rejects, report), checks)
            counted = self._sampled(lines, report) if is_sampled(shard.index) else chain.from_iterable(lines)
            together = BytesIO()
            together.writelines(counted)  # line by line, so that the memory of one document's serves the next ones
            data = pack(together.getvalue(), self.suffix)
        except KinjError as error:
            return Result(error=error)
        rejected, left_out = rejects.take()
        report.left_out = shard.left_out + left_out
        report.rejected = report.left_out[SET_ASIDE]
        sides = {"rejected": b"".join([*shard.rejected, *rejected]), "audit": b"".join(checks.aside)}
        return Result(data, sides, report)

    def _records(self, shard: Shard, rejects: Gathered, report: AugmentReport) -> Iterator[Record]:
        drop = self.settings.augment.duplicates == "drop"
        refused = documents_only(self.engine.chains)
        for record, repeated in shard.records(self.settings.data.fields, rejects, refused):
            report.repeated += repeated
            report.removed += repeated and drop
            if not (repeated and drop):
                yield record

    def _lines(self, records: Iterable[Record], checks: Checks) -> Iterator[list[bytes]]:
        """The lines of each record and its views."""
        if self.writer is None:
            for record in records:
                yield [line_of(record), *self._view_lines(record, checks)]
            return
        read = [record for record in records if isinstance(record, Document)]  # others are refused
        for document, made in zip(read, self.engine.ask(read, self.writer, checks.report), strict=True):
            yield [line_of(record) for record in (document, *self.engine.views(document, checks, made))]

    def _view_lines(self, record: Record, checks: Checks) -> list[bytes]:
        if isinstance(record, Question):
            return [line_of(view) for view in question_views(record, self.engine, checks)]
        return self.engine.lines(record, checks)

    def _sampled(self, groups: Iterable[list[bytes]], report: AugmentReport) -> Iterator[bytes]:
        """The lines, with the tokens of the first records and their views counted on the way."""
        left = SAMPLE
        for lines in groups:
            if left > 0:
                texts = [text_of(record_from_json(read_object(line))) for line in lines]
                counts = estimate_tokens(self.settings.model.name, texts)
                report.tokens_in += counts[0]
                report.tokens_out += sum(counts)
                left -= sum(map(len, texts))
            yield from lines
