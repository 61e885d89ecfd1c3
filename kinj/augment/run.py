"""`kinj augment`, from files to a file: interrupted anywhere and resumed, it ends with the same bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kinj.augment.basis import basis
from kinj.augment.budget import choose_share
from kinj.augment.card import card, stats
from kinj.augment.chain import build_chains
from kinj.augment.engine import Engine
from kinj.augment.engines import Items, in_processes, in_this_process
from kinj.augment.outputs import check_output
from kinj.augment.part import Part
from kinj.augment.questions import documents_only
from kinj.augment.report import AugmentReport
from kinj.augment.shards import Shards
from kinj.augment.share import Share
from kinj.augment.store import Done
from kinj.augment.work import Worker
from kinj.augment.written.writer import opened
from kinj.config.errors import KinjError, UnfinishedError, UsageError
from kinj.config.schema import Settings, count_of
from kinj.data.files import BadRecord, Rejects
from kinj.data.records import Document, Question, Record
from kinj.data.rejects import SET_ASIDE, SKIP_HINT
from kinj.data.rows import CORPUS_HINT

BAD_HINT = "without --on-error skip you are told what is wrong with the first one"

Progress = Callable[[str], None]
"""Takes a line about how far it is, now and then."""

PROGRESS_SECONDS = 5.0

ASKED = 512
"""About how many views a language model is asked for in a shard: enough that the last ones, for which others cannot be begun,
hardly matter; few enough that shards are finished now and then."""


def augment_file(
    sources: Sequence[str],
    output: Path,
    settings: Settings,
    *,
    resume: bool = False,
    overwrite: bool = False,
    on_error: str = "stop",
    progress: Progress | None = None,
    command: Sequence[str] = (),
) -> AugmentReport:
    """Writes every document and question of the sources, each with its views, to `output`, in order.

    The input is worked off in shards, which are kept in `OUTPUT.part` until all are done. Whatever stops the work, a resume
    keeps the finished ones and does the others.

    Args:
        sources: files, folders or `hf:NAME[:split]`.
        output: JSON lines; `.gz`, `.zst` and `.parquet` by name. A name without an ending becomes a folder of shards.
        settings: `seed`, `augment`, `data.fields` and `data.limit` are used.
        resume: continue what an earlier run left.
        overwrite: replace the output, and forget what an earlier run left.
        on_error: what a bad line does: `stop`, or `skip` (set aside in `OUTPUT.rejected.jsonl`).
        progress: told now and then how far it is.
        command: the words of the command, for the card.

    Where a method needs a language model, all work is done in this process, so that it can be asked much at the same time.
    Its replies are kept (`augment.llm.cache`), and a resume asks only for what is missing.

    Raises:
        UsageError: a source is missing, the output is in the way or cannot be written, other settings on resume, a language
            model is needed and cannot be had.
        UnfinishedError: a language model does not answer, or its budget is used up. A resume goes on.
        KinjError: a bad line, a view that fails its check, no documents, a full disk. The hint says how to go on.
        KeyboardInterrupt: Ctrl-C.
    """
    settings = replace(settings, run=replace(settings.run, on_error=on_error))
    check_output(sources, output, resume, overwrite)
    share = _share(sources, settings, progress)
    engine = Engine(settings.augment, settings.seed, share)
    part = Part(output, basis(settings, engine))
    refused = documents_only(engine.chains)
    shards = Shards(sources, settings.data, on_error, _growth(settings, share), _most(engine), refused)
    run = _Run(part, settings, shards, progress)
    try:
        with opened(engine.written, settings.augment, settings.seed, output, resume) as writer:
            part.resume() if resume else part.start()
            run.work_off(Worker(settings, part.store.suffix, engine, writer), resume)
        if not run.report.originals:
            raise _nothing(run.report, sources)
        run.report.output = str(output)
        part.finish(run.entries, run.sides(sources, command))
        run.tell()
    except BaseException as error:
        kept = part.leave()
        if isinstance(error, KinjError):
            raise _with_way_on(error, kept, part) from error
        raise
    return run.report


class _Run:
    """What is known of a run on the way: its report and the entries of finished shards."""

    def __init__(self, part: Part, settings: Settings, shards: Shards, progress: Progress | None) -> None:
        self.part, self.settings, self.shards, self.progress = part, settings, shards, progress
        self.report = AugmentReport()
        self.entries: list[dict[str, Any]] = []
        self._begun = self._told = time.monotonic()
        self._kept = 0

    def work_off(self, worker: Worker, resume: bool) -> None:
        """Does every shard that is not done.

        Raises:
            KinjError: of the first shard that cannot be done, or of the reading.
        """
        store = self.part.store
        items: Items = ((resume and store.kept(shard)) or shard for shard in self.shards)
        for done in self._engine(items, worker):
            if done.error:
                raise done.error
            self._count(done)
        if self.shards.error:
            raise self.shards.error

    def _engine(self, items: Items, worker: Worker) -> Iterator[Done]:
        augment = self.settings.augment
        if worker.writer is not None:
            return in_this_process(items, worker, self.part.store)
        if augment.engine == "ray":
            from kinj.augment.cluster import on_ray

            return on_ray(items, worker, self.part.store)
        if augment.workers > 1:
            return in_processes(items, worker, self.part.store, augment.workers)
        return in_this_process(items, worker, self.part.store)

    def _count(self, done: Done) -> None:
        self.report.add(done.report)
        self.entries.append(done.entry)
        self._kept += done.report.views if done.kept else 0
        if time.monotonic() - self._told >= PROGRESS_SECONDS:
            self.tell()

    def tell(self) -> None:
        """Says how far it is, and how fast it was."""
        self._told = time.monotonic()
        if self.progress:
            seconds = self._told - self._begun
            speed = (self.report.views - self._kept) / seconds
            made = f"{self.report.named_originals()}, {self.report.views:,} views"
            self.progress(f"augment   {made}, {speed:,.0f} views a second ({seconds:,.1f} s)")

    def sides(self, sources: Sequence[str], command: Sequence[str]) -> dict[str, bytes]:
        """What stands beside the output, by name."""
        seconds = time.monotonic() - self._begun
        return {
            "stats.json": stats(self.report, self.part.identity, seconds, self.report.views - self._kept),
            "README.md": card(self.report, self.settings, sources, self.part.output, command),
        }


def _share(sources: Sequence[str], settings: Settings, progress: Progress | None) -> Share:
    """Views per document: as set, or such that the output has `augment.target_tokens` tokens."""
    target = settings.augment.target_tokens
    if target is None:
        return Share(settings.augment.views)
    if progress:
        progress(f"counting  one pass over the input first, to choose the views for {target} tokens")
    share, expected = choose_share(read_sound(sources, settings), settings)
    if progress:
        views = f"{share.least + share.more:.2f} views per document and method"
        few = (
            f"; fewer than {target}, as there are no more different ones" if expected < (count_of(target) or 0) else ""
        )
        progress(f"counted   {views} for about {expected:,} tokens (tokenizer of {settings.model.name}){few}")
    return share


def read_sound(sources: Sequence[str], settings: Settings) -> Iterator[Record]:
    """The documents and questions that views will be made of, without setting anything aside.

    Raises:
        BadRecord: one cannot be used and the policy is to stop.
        KinjError: the input is damaged or empty.
    """
    policy = "stop" if settings.run.on_error == "stop" else "ignore"
    refused = documents_only(build_chains(settings.augment, settings.seed))
    shards = Shards(sources, settings.data, policy, growth=1, documents_only=refused)
    drop = settings.augment.duplicates == "drop"
    for shard in shards:
        for record, repeated in shard.records(settings.data.fields, Rejects(policy), refused):
            if not (repeated and drop):
                yield record
    if shards.error:
        raise shards.error


def look_through(sources: Sequence[str], settings: Settings) -> AugmentReport:
    """How many documents and questions views would be made of.

    Raises:
        BadRecord: one cannot be used and the policy is to stop.
        KinjError: the input is damaged, or there is nothing in it that can be used.
    """
    report = AugmentReport()
    for record in read_sound(sources, settings):
        report.documents += isinstance(record, Document)
        report.questions += isinstance(record, Question)
    if not report.originals:
        raise _nothing(report, sources)
    return report


def _growth(settings: Settings, share: Share) -> float:
    """How many times as large as the input the output will be, about."""
    return 1 + len(settings.augment.method) * (share.least + share.more)


def _most(engine: Engine) -> int | None:
    """Most records in a shard, where that depends on what a language model is asked."""
    views = len(engine.written) * (engine.share.least + (engine.share.more > 0))
    return max(1, ASKED // views) if views else None


def _nothing(report: AugmentReport, sources: Sequence[str]) -> KinjError:
    left_out = ", ".join(f"{count:,} {why}" for why, count in sorted(report.left_out.items()))
    why = f" ({left_out})" if left_out else ""
    hint = BAD_HINT if SET_ASIDE in report.left_out else CORPUS_HINT
    return KinjError(f"{', '.join(sources)}: no record that can be used{why}", hint)


def _with_way_on(error: KinjError, originals: int, part: Part) -> KinjError:
    """The error with what is kept and how to continue."""
    if not originals:
        return error
    kept = f"{originals:,} finished records are kept in {part.store.folder}"
    if isinstance(error, BadRecord):
        own = error.hint.removesuffix(SKIP_HINT).strip()
        way = "fix the line and run the same command with --resume, or pass --resume --on-error skip to set such lines aside"
    else:
        own, way = error.hint, "run the same command with --resume when that is put right"
    if isinstance(error, UnfinishedError):
        way = ""  # the command line adds the whole command
    kind = next(kind for kind in (UsageError, UnfinishedError, KinjError) if isinstance(error, kind))
    return kind(error.what, "\n".join(filter(None, [own, kept, way])))
