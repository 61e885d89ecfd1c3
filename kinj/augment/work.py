"""The work on one shard: documents read, views made and checked, records written out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from kinj.augment.base import Augmenter
from kinj.augment.checks import Checks
from kinj.augment.engine import Engine
from kinj.augment.lines import line_of
from kinj.augment.packing import pack
from kinj.augment.part import Result
from kinj.augment.report import AugmentReport
from kinj.augment.shards import Shard
from kinj.augment.share import Share
from kinj.augment.tokens import count_tokens
from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import Settings
from kinj.data.records import Document
from kinj.data.rejects import SET_ASIDE, Gathered
from kinj.data.rows import read_object

SAMPLE = 5_000
"""Characters whose tokens are counted in a sampled shard, at least those of a document and its views."""


def is_sampled(shard: int) -> bool:
    """Whether tokens are counted in a shard: in numbers 0, 1, 4, 16, …, so that counting never takes long."""
    return shard == 0 or (shard.bit_count() == 1 and shard.bit_length() % 2 == 1)


Write = Callable[[Sequence[Document], Augmenter], Sequence[Sequence[Document]]]
"""Asks a language model for the views of documents: (documents, method) to the views of each document. It is called in the
process that runs the command, with all documents of a shard, so that many requests can be on their way at a time."""


class Worker:
    """Makes the output of shards, one by one and each on its own. It travels between processes.

    Args:
        settings: `seed`, `model.name`, `augment`, `data.fields` and `run.on_error` are used.
        suffix: form of the records, such as `.jsonl.gz`.
        share: views of each document.
        write: asks a language model, where a method needs one.

    Raises:
        UsageError: an unknown method, settings that a method cannot work with, or a method that needs `write`.
    """

    def __init__(self, settings: Settings, suffix: str, share: Share, write: Write | None = None) -> None:
        self.settings, self.suffix, self.write = settings, suffix, write
        self.engine = Engine(settings.augment, settings.seed, share)
        for link in self.engine.written:
            if write is None:
                raise UsageError(f"{link.name} needs a language model to write the views, and this call has none")

    def __call__(self, shard: Shard) -> Result:
        """Everything that belongs in the output for a shard, or the first error in it."""
        report = AugmentReport()
        checks = Checks(self.settings.augment.audit, report)
        rejects = Gathered(self.settings.run.on_error)
        try:
            lines = self._lines(self._documents(shard, rejects, report), checks)
            counted = self._sampled(lines, report) if is_sampled(shard.index) else chain.from_iterable(lines)
            data = pack(b"".join(counted), self.suffix)
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

    def _lines(self, documents: Iterable[Document], checks: Checks) -> Iterator[list[bytes]]:
        """The lines of each document and its views."""
        if not self.engine.written:
            for document in documents:
                yield [line_of(document), *self.engine.lines(document, checks)]
            return
        assert self.write is not None
        read = list(documents)
        written = {link.name: self.write(read, link.first) for link in self.engine.written}
        for number, document in enumerate(read):
            made = {name: views[number] for name, views in written.items()}
            yield [line_of(record) for record in (document, *self.engine.views(document, checks, made))]

    def _sampled(self, groups: Iterable[list[bytes]], report: AugmentReport) -> Iterator[bytes]:
        """The lines, with the tokens of the first documents and their views counted on the way."""
        left = SAMPLE
        for lines in groups:
            if left > 0:
                texts = [read_object(line)["text"] for line in lines]
                counts = count_tokens(self.settings.model.name, texts)
                report.tokens_in += counts[0]
                report.tokens_out += sum(counts)
                left -= sum(map(len, texts))
            yield from lines
