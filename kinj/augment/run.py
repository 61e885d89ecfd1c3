"""`kinj augment`, from files to a file: interrupted anywhere and resumed, it ends with the same bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from kinj import __version__
from kinj.augment.chunks import Worker, chunked, digest_of, results
from kinj.augment.engine import FACT_HINT, misplaced_fact
from kinj.augment.part import Part, State, documents_kept
from kinj.augment.report import AugmentReport
from kinj.augment.written.base import Written
from kinj.augment.written.writer import Writer
from kinj.config.errors import KinjError, UnfinishedError, UsageError
from kinj.config.schema import FieldSettings, Settings
from kinj.data.files import BadRecord, Ids, Place, Rejects, read_documents, record_to_json, to_json
from kinj.data.records import Document
from kinj.data.rejects import SKIP_HINT, stem
from kinj.data.rows import find

Progress = Callable[[str], None]
"""Takes a line about how far it is, now and then."""

PROGRESS_SECONDS = 5.0


def default_output(source: str) -> Path:
    """Where the views of a source go: `corpus.jsonl` has `corpus.views.jsonl` beside it; of a Hub data set, they go here."""
    folder = Path() if source.startswith("hf:") else Path(source).expanduser().parent
    name = source if stem(source).strip(".") else str(Path(source).resolve())
    return folder / f"{stem(name)}.views.jsonl"


def augment_file(
    sources: Sequence[str],
    output: Path,
    settings: Settings,
    *,
    resume: bool = False,
    overwrite: bool = False,
    on_error: str = "stop",
    progress: Progress | None = None,
) -> AugmentReport:
    """Writes every document of the sources and its views to `output`, in order.

    Until it is complete the output is called `OUTPUT.part`. Whatever stops the work, the documents finished before are
    kept there for `resume`, which goes on after them; it re-reads the input up to that place and refuses other input.

    Args:
        sources: files, folders or `hf:NAME[:split]`.
        output: JSON lines; `.gz`, `.zst` and `.parquet` by name.
        settings: `seed`, `augment`, `data.fields` and `data.limit` are used.
        resume: continue what an earlier run left.
        overwrite: replace the output, and forget what an earlier run left.
        on_error: what a bad line does: `stop`, or `skip` (set aside in `OUTPUT.rejected.jsonl`).
        progress: told now and then how far it is.

    Raises:
        UsageError: a source is missing, the output is in the way or cannot be written, other settings or input on resume.
        KinjError: a bad line, a view that fails its check, no documents, a full disk. The hint says how to go on.
        KeyboardInterrupt: Ctrl-C.
    """
    _check_paths(sources, output, resume, overwrite)
    worker = Worker(settings.augment, settings.seed)
    rejects = Rejects.beside(on_error, output)
    part = Part(output, _identity(settings, worker))
    try:
        if any(isinstance(method, Written) for method in worker.methods):
            worker.writer = Writer(settings.augment, settings.seed, output, resume)
        documents = _Documents(sources, settings, rejects)
        if resume:
            _skip(documents, part, part.resume())
        else:
            part.start()
        processes = 1 if worker.writer else settings.augment.workers  # one process asks for all
        _write(documents, part, worker, processes, progress)
        part.finish()
    except BaseException as error:
        _leave(part)
        if isinstance(error, KinjError):
            raise _with_way_on(error, part, sources) from error
        raise
    finally:
        if worker.writer:
            worker.writer.close()
    return _complete(part.state.report, rejects, output)


class _Documents:
    """The documents of all sources. An error in the input ends them and is kept until the ones before it are done."""

    def __init__(self, sources: Sequence[str], settings: Settings, rejects: Rejects) -> None:
        ids = Ids()
        every = (document for source in sources for document in _sound(source, settings.data.fields, rejects, ids))
        self._documents = islice(every, settings.data.limit)
        self.error: KinjError | None = None

    def __iter__(self) -> Iterator[Document]:
        return self

    def __next__(self) -> Document:
        try:
            return next(self._documents)
        except KinjError as error:
            self.error = error
            raise StopIteration from None


def _sound(source: str, fields: FieldSettings, rejects: Rejects, ids: Ids) -> Iterator[Document]:
    """The documents of a source; those with facts that stand elsewhere than they say are bad records."""
    for number, document in enumerate(read_documents(source, fields, rejects, ids), start=1):
        if problem := misplaced_fact(document):
            content = to_json(record_to_json(document))
            rejects.reject(Place(source, number, "document"), f"({document.id}) {problem}", content, FACT_HINT)
        else:
            yield document


def _check_paths(sources: Sequence[str], output: Path, resume: bool, overwrite: bool) -> None:
    for source in sources:
        if not source.startswith("hf:"):
            path = find(source)
            if output.exists() and path.samefile(output):
                raise UsageError(f"{output} is the input itself", "choose another output with -o")
    kept = documents_kept(output)
    if output.is_dir():
        raise UsageError(f"{output} is a folder; the output is one file", "choose a file name with -o")
    if overwrite:
        return
    if output.exists() and not (resume and kept):
        why = "is complete already; there is nothing to resume" if resume else "exists already"
        raise UsageError(f"{output} {why}", "add --overwrite to replace it, or -o for another name")
    if kept and not resume:
        raise UsageError(
            f"{output}.part holds {kept:,} finished documents of a run that was stopped",
            "add --resume to go on after them, or --overwrite to start over",
        )


def _identity(settings: Settings, worker: Worker) -> dict[str, Any]:
    """What the output depends on besides the documents. Workers, paths, prices and budgets are not in it."""
    augment = asdict(settings.augment)
    del augment["workers"]
    augment["llm"] = {key: augment["llm"][key] for key in ("url", "model", "temperature", "max_new_tokens", "attempts")}
    values = {f"augment.{key}": value for key, value in augment.items()}
    for method in worker.methods:
        if isinstance(method, Written):
            values[f"augment.{method.name}.prompt"] = method.prompts.digest
    fields = asdict(settings.data.fields)
    return {
        "kinj": __version__,
        "seed": settings.seed,
        **values,
        "data.fields": fields,
        "data.limit": settings.data.limit,
    }


def _skip(documents: _Documents, part: Part, before: State) -> None:
    """Reads the documents that are done already and compares them with the ones that were read then."""
    for document in islice(documents, before.documents):
        part.state.read(digest_of(document))
    if part.state.documents < before.documents and documents.error:
        raise documents.error
    if (part.state.documents, part.state.input) != (before.documents, before.input):
        raise UsageError(
            f"the input is not what it was: its first {before.documents:,} documents, which are done, have changed",
            "bring them back as they were, or start over with --overwrite",
        )


def _write(documents: _Documents, part: Part, worker: Worker, processes: int, progress: Progress | None) -> None:
    begun = told = time.monotonic()
    views = part.state.report.views
    for result in results(chunked(documents), worker, processes):
        part.append(result.lines, result.digests, result.report)
        if result.error:
            raise result.error
        now = time.monotonic()
        if progress and now - told >= PROGRESS_SECONDS:
            told, report = now, part.state.report
            speed = (report.views - views) / (now - begun)
            progress(f"augment   {report.documents:,} documents, {report.views:,} views, {speed:,.0f} views a second")
    if documents.error:
        raise documents.error


def _leave(part: Part) -> None:
    """Keeps what is done. Where even that fails (a full disk), what was saved last stays valid."""
    try:
        if part.state.documents > part.saved:
            part.save()
    except (KinjError, OSError):
        pass
    finally:
        part.close()


def _with_way_on(error: KinjError, part: Part, sources: Sequence[str]) -> KinjError:
    """The error with what is kept and how to continue."""
    if not part.saved:
        return error
    lines = isinstance(error, BadRecord) and error.place.unit == "line" and len(sources) == 1
    exact = lines and isinstance(error, BadRecord) and error.place.number == part.saved + 1
    what = "lines" if exact else "documents"
    kept = f"the {part.saved:,} {what} before it are done and kept in {part.path}"
    if isinstance(error, BadRecord):
        own = error.hint.removesuffix(SKIP_HINT).strip()
        way = "fix the line and run the same command with --resume, or pass --resume --on-error skip to set such lines aside"
    else:
        own, way = error.hint, "run the same command with --resume when that is put right"
    if isinstance(error, UnfinishedError):
        way = ""  # the command line adds the whole command
    kind = next(kind for kind in (UsageError, UnfinishedError, KinjError) if isinstance(error, kind))
    return kind(error.what, "\n".join(filter(None, [own, kept, way])))


def _complete(report: AugmentReport, rejects: Rejects, output: Path) -> AugmentReport:
    report.output = str(output)
    report.rejected = rejects.count
    report.left_out = +rejects.left_out
    return report
