"""`kinj augment`: write views of documents and questions."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kinj.cli import common
from kinj.cli.common import (
    RUNS,
    SETTINGS,
    change_records,
    changes,
    command,
    emit,
    given,
    note,
    settings_for,
    split_arguments,
)

if TYPE_CHECKING:
    from kinj.augment.written.estimate import Estimate
    from kinj.config import Loaded

NO_CORPUS = "a corpus to start with: kinj show data biographies -n 50 > corpus.jsonl"


@command("augment", resumable=True)
def augment(
    arguments: common.Arguments = None,
    config: common.Config = None,
    method: Annotated[
        list[str] | None,
        typer.Option("--method", help="May be given again (augment.method).", rich_help_panel=SETTINGS),
    ] = None,
    views: Annotated[
        int | None,
        typer.Option("-k", "--views", help="Views per record and method (augment.views).", rich_help_panel=SETTINGS),
    ] = None,
    target_tokens: Annotated[
        str | None,
        typer.Option(
            "--target-tokens", metavar="50M", help="Size of the output; chooses the views.", rich_help_panel=SETTINGS
        ),
    ] = None,
    audit: Annotated[
        bool,
        typer.Option("--audit", help="Compare the views of all methods with the originals.", rich_help_panel=SETTINGS),
    ] = False,
    audit_policy: Annotated[
        str | None,
        typer.Option(
            "--audit-policy", metavar="report|drop|fail", help="What a changed view does.", rich_help_panel=SETTINGS
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option("--engine", metavar="local|ray", help="Where the work is done.", rich_help_panel=SETTINGS),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Processes; the output is the same.", rich_help_panel=SETTINGS)
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option("--max-tokens", help="Most tokens to ask for (augment.llm.max_tokens).", rich_help_panel=SETTINGS),
    ] = None,
    max_cost: Annotated[
        float | None,
        typer.Option("--max-cost", help="Most money to spend (augment.llm.max_cost).", rich_help_panel=SETTINGS),
    ] = None,
    seed: common.Seed = None,
    output: common.Output = None,
    overwrite: common.Overwrite = False,
    resume: common.Resume = False,
    on_error: common.OnError = None,
    preview: Annotated[
        int | None,
        typer.Option(
            "--preview",
            metavar="N",
            min=1,
            help="Show N records beside their views; write no views.",
            rich_help_panel=RUNS,
        ),
    ] = None,
    dry_run: common.DryRun = False,
    as_json: common.Json = False,
) -> int | None:
    """Write views of documents and questions: the same facts in other shapes. INPUTs are files, folders or hf:NAME."""
    inputs, overrides = split_arguments(arguments)
    flags = given(
        ("--method", "augment.method", method),
        ("--views", "augment.views", views),
        ("--target-tokens", "augment.target_tokens", target_tokens),
        ("--audit", "augment.audit.all", audit),
        ("--audit-policy", "augment.audit.policy", audit_policy),
        ("--engine", "augment.engine", engine),
        ("--workers", "augment.workers", workers),
        ("--max-tokens", "augment.llm.max_tokens", max_tokens),
        ("--max-cost", "augment.llm.max_cost", max_cost),
        ("--seed", "seed", seed),
        ("--output", "run.dir", output),
        ("--overwrite", "run.overwrite", overwrite),
        ("--resume", "run.resume", resume),
        ("--on-error", "run.on_error", on_error),
    )
    loaded = settings_for("augment", overrides, flags, config, inputs)
    sources = check_sources(loaded.settings.data.documents)
    if preview is not None:
        from kinj.cli.preview import show_views

        return show_views(loaded, sources, preview, as_json)
    target = _target(loaded, sources)
    if dry_run:
        return _dry_run(loaded, sources, target, as_json)
    return _run(loaded, sources, target, as_json)


def check_sources(sources: list[str]) -> list[str]:
    """The sources, if there are any and each exists.

    Raises:
        UsageError: there is none, or one is missing.
    """
    from kinj.config.errors import UsageError

    if not sources:
        raise UsageError("nothing to augment: no document file, folder or hf:NAME was given", NO_CORPUS)
    for source in sources:
        if not source.startswith("hf:") and not Path(source).expanduser().exists():
            raise UsageError(f"{source}: no such file or folder", NO_CORPUS)
    return sources


def _target(loaded: Loaded, sources: list[str]) -> Path:
    """Where the views go; refused before anything starts if something is in the way.

    Raises:
        UsageError: several sources and no output, or the output exists, or its folder cannot be written to.
    """
    from kinj.augment.outputs import output_of
    from kinj.config.errors import UsageError

    run = loaded.settings.run
    target = output_of(sources, loaded.settings)
    if target.exists() and not (run.overwrite or run.resume):
        raise UsageError(f"{target} exists already", "add --overwrite to replace it, or -o for another name")
    folder = target.parent if target.parent.exists() else Path()
    if not os.access(folder, os.W_OK):
        raise UsageError(
            f"{target} cannot be written: no permission for {folder.resolve()}", "choose another place: -o PATH"
        )
    return target


def _dry_run(loaded: Loaded, sources: list[str], target: Path, as_json: bool) -> int:
    from kinj.augment.outputs import check_output
    from kinj.augment.run import look_through

    run = loaded.settings.run
    check_output(sources, target, run.resume, run.overwrite)
    read = look_through(sources, loaded.settings)
    estimate = _estimate(loaded, sources, target)
    if as_json:
        asked = {"estimate": estimate.to_json()} if estimate else {}
        counts = {"documents": read.documents, "questions": read.questions}
        paths = {"sources": sources, "output": str(target)}
        emit("augment", dry_run=True, **paths, **counts, changed=change_records(loaded), **asked)
        return 0
    print(changes(loaded))
    print(f"input     {', '.join(sources)}: {read.named_originals()}")
    print(f"output    {target}")
    if estimate:
        print(f"cost      {estimate}")
    print("ready     nothing was written. Run it without --dry-run.")
    return 0


def _estimate(loaded: Loaded, sources: list[str], target: Path) -> Estimate | None:
    """What a language model would be asked, if the settings name a method that needs one.

    Raises:
        UsageError: it is beyond the budget.
    """
    from kinj.config.check import links
    from kinj.config.names import WRITTEN

    if not set(links(loaded.settings.augment.method)) & set(WRITTEN):
        return None
    from kinj.augment.written.estimate import estimate_files

    return estimate_files(sources, target, loaded.settings)


def _run(loaded: Loaded, sources: list[str], target: Path, as_json: bool) -> int:
    """Writes the views. The exit code is 3 if some lines were set aside or some views failed their check."""
    from kinj.augment.run import augment_file
    from kinj.config.errors import DONE, PARTLY

    run = loaded.settings.run
    # A model on this machine would be loaded twice, and is not paid by the token.
    if loaded.settings.augment.llm.url and (estimate := _estimate(loaded, sources, target)):
        note(f"asking    {estimate}")
    report = augment_file(
        sources,
        target,
        loaded.settings,
        resume=run.resume,
        overwrite=run.overwrite,
        on_error=run.on_error,
        progress=note,
        command=["kinj", *sys.argv[1:]],
    )
    if as_json:
        emit(
            "augment",
            **report.to_json(),
            token_factor=report.token_factor,
            views_per_document=report.views_per_document,
        )
    else:
        note("\n".join(report.lines()))
        print(report.output)
    return PARTLY if report.rejected or report.failed or report.unwritten else DONE
