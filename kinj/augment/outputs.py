"""Where views go, and what may be in the way there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kinj.augment.places import is_folder
from kinj.augment.store import store_of
from kinj.config.errors import UsageError
from kinj.config.schema import Settings
from kinj.data.rejects import stem
from kinj.data.rows import find


def default_output(source: str) -> Path:
    """Where the views of a source go: `corpus.jsonl` has `corpus.views.jsonl` beside it; of a Hub data set, they go here."""
    folder = Path() if source.startswith("hf:") else Path(source).expanduser().parent
    name = source if stem(source).strip(".") else str(Path(source).resolve())
    return folder / f"{stem(name)}.views.jsonl"


def output_of(sources: Sequence[str], settings: Settings) -> Path:
    """Where the views of the sources go: `run.dir`, or the default of the only one.

    Raises:
        UsageError: there are several, and no name is given.
    """
    if settings.run.dir is None and len(sources) > 1:
        raise UsageError(f"{len(sources)} inputs and no name for the output", "add: -o views.jsonl")
    return Path(settings.run.dir) if settings.run.dir else default_output(sources[0])


def check_output(sources: Sequence[str], output: Path, resume: bool, overwrite: bool) -> None:
    """Refuses an output that is in the way.

    Raises:
        UsageError: a source is missing or is the output; the output exists, or an unfinished one does, and neither `resume` nor
            `overwrite` says what becomes of it.
    """
    for source in sources:
        if not source.startswith("hf:"):
            path = find(source)
            if output.exists() and path.samefile(output):
                raise UsageError(f"{output} is the input itself", "choose another output with -o")
    if output.is_dir() and not (is_folder(output) and (output / "manifest.json").exists()):
        raise UsageError(f"{output} is a folder that kinj did not write", "choose another name with -o")
    if overwrite:
        return
    kept = store_of(output).originals()
    if output.exists() and not (resume and kept):
        why = "is complete already; there is nothing to resume" if resume else "exists already"
        raise UsageError(f"{output} {why}", "add --overwrite to replace it, or -o for another name")
    if kept and not resume:
        raise UsageError(
            f"{output}.part holds {kept:,} finished records of a run that was stopped",
            "add --resume to go on after them, or --overwrite to start over",
        )
