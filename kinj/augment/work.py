"""The work on one shard: documents read, views made and checked, records written out."""

from __future__ import annotations

from collections.abc import Iterator

from kinj.augment.checks import Checks
from kinj.augment.engine import Engine
from kinj.augment.packing import pack
from kinj.augment.part import Result
from kinj.augment.report import AugmentReport
from kinj.augment.shards import Shard
from kinj.augment.share import Share
from kinj.augment.tokens import count_tokens
from kinj.config.errors import KinjError
from kinj.config.schema import Settings
from kinj.data.files import record_to_json, to_json
from kinj.data.records import Document
from kinj.data.rejects import SET_ASIDE, Gathered

SAMPLE = 8
"""Documents whose tokens are counted in a shard, together with those of their views. Of shards with larger numbers only
those are sampled whose number is a power of two, so that counting never takes long."""


class Worker:
    """Makes the output of shards, one by one and each on its own. It travels between processes.

    Args:
        settings: `seed`, `augment`, `data.fields` and `run.on_error` are used.
        suffix: form of the records, such as `.jsonl.gz`.
        share: views of each document.

    Raises:
        UsageError: an unknown method, or settings that a method cannot work with.
    """

    def __init__(self, settings: Settings, suffix: str, share: Share) -> None:
        self.settings, self.suffix = settings, suffix
        self.engine = Engine(settings.augment, settings.seed, share)

    def __call__(self, shard: Shard) -> Result:
        """Everything that belongs in the output for a shard, or the first error in it."""
        report = AugmentReport()
        checks = Checks(self.settings.augment.audit, report)
        rejects = Gathered(self.settings.run.on_error)
        try:
            sampled = SAMPLE if shard.index & (shard.index - 1) == 0 else 0
            lines = b"".join(
                self._lines(document, checks, number < sampled)
                for number, document in enumerate(self._documents(shard, rejects, report))
            )
            data = pack(lines, self.suffix)
        except KinjError as error:
            return Result(error=error)
        rejected, left_out = rejects.take()
        report.left_out = shard.left_out + left_out
        report.rejected = report.left_out[SET_ASIDE]
        sides = {"rejected": b"".join([*shard.rejected, *rejected]), "audit": b"".join(checks.aside)}
        return Result(data, sides, report)

    def _documents(self, shard: Shard, rejects: Gathered, report: AugmentReport) -> Iterator[Document]:
        drop = self.settings.augment.duplicates == "drop"
        for document, repeated in shard.documents(self.settings.data.fields, rejects):
            report.repeated += repeated
            report.removed += repeated and drop
            if not (repeated and drop):
                yield document

    def _lines(self, document: Document, checks: Checks, sampled: bool) -> bytes:
        records = [document, *self.engine.views(document, checks)]
        if sampled:
            counts = count_tokens(self.settings.model.name, [record.text for record in records])
            checks.report.tokens_in += counts[0]
            checks.report.tokens_out += sum(counts)
        return b"".join(to_json(record_to_json(record)) + b"\n" for record in records)
