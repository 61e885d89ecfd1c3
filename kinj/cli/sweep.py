"""`kinj sweep`: many trials, compared."""

from __future__ import annotations

from typing import Annotated

import typer

from kinj.cli import common
from kinj.cli.common import SETTINGS, command, given, settings_for, split_arguments


@command("sweep")
def sweep(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=V1,V2|KEY=VALUE|GROUP=CHOICE",
            help="Values to try (a list, 0..4, 1e-4..1e-2:log5), and settings all trials share.",
            show_default=False,
        ),
    ] = None,
    config: common.Config = None,
    engine: Annotated[
        str | None,
        typer.Option("--engine", metavar="local", help="Where trials run (sweep.engine).", rich_help_panel=SETTINGS),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Trials at a time (sweep.workers).", rich_help_panel=SETTINGS)
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            "--where", metavar="CONDITION", help="Leave out other combinations (sweep.where).", rich_help_panel=SETTINGS
        ),
    ] = None,
    sampler: Annotated[
        str | None,
        typer.Option(
            "--sampler",
            metavar="grid|random|tpe",
            help="How trials are chosen (sweep.sampler).",
            rich_help_panel=SETTINGS,
        ),
    ] = None,
    retry_failed: Annotated[
        bool,
        typer.Option("--retry-failed", help="Try failed trials again (sweep.retry_failed).", rich_help_panel=SETTINGS),
    ] = False,
    law: Annotated[
        str | None, typer.Option("--law", help="Law to fit to the results (sweep.law).", rich_help_panel=SETTINGS)
    ] = None,
    output: common.Output = None,
    overwrite: common.Overwrite = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Accepted; a sweep always continues what is there.", rich_help_panel="Where results go"
        ),
    ] = False,
    dry_run: common.DryRun = False,
    as_json: common.Json = False,
) -> int | None:
    """Try every combination of the values given, and report the mean and interval of each over seeds."""
    from kinj.config.errors import UsageError
    from kinj.config.space import check_space, split_space

    inputs, typed = split_arguments(arguments)
    if inputs:
        raise UsageError(f"`{inputs[0]}` is not KEY=V1,V2", "for example: kinj sweep optim.lr=1e-4,1e-3 seed=0,1")
    overrides, space = split_space(typed)
    flags = given(
        ("--engine", "sweep.engine", engine),
        ("--workers", "sweep.workers", workers),
        ("--where", "sweep.where", where),
        ("--sampler", "sweep.sampler", sampler),
        ("--retry-failed", "sweep.retry_failed", retry_failed),
        ("--law", "sweep.law", law),
        ("--output", "run.dir", output),
        ("--overwrite", "run.overwrite", overwrite),
        ("--resume", "run.resume", resume),
    )
    loaded = settings_for("sweep", overrides, flags, config)
    values = check_space(loaded, space)
    from kinj.cli import workflow

    return workflow.sweep_run(loaded.settings, loaded, values, dry_run=dry_run, as_json=as_json)
