"""`kinj sweep`: many trials, compared."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from kinj.cli import common
from kinj.cli.common import SETTINGS, command, given, settings_for, split_arguments


@command("sweep")
def sweep(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=V1,V2|KEY=VALUE|GROUP=CHOICE|SWEEP",
            help="Values to try (a list, 0..4, 1e-4..1e-2:log5), and settings all trials share; or, with --law, a finished sweep.",
            show_default=False,
        ),
    ] = None,
    config: common.Config = None,
    engine: Annotated[
        str | None,
        typer.Option(
            "--engine", metavar="local|ray", help="Where trials run (sweep.engine).", rich_help_panel=SETTINGS
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Trials at a time (sweep.workers).", rich_help_panel=SETTINGS)
    ] = None,
    worker: Annotated[
        bool,
        typer.Option(
            "--worker", help="Join the sweep in a folder: run what nobody has in hand.", rich_help_panel=common.RUNS
        ),
    ] = False,
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
    multiplex: Annotated[
        list[str] | None,
        typer.Option(
            "--multiplex",
            metavar="KEY=V1,V2",
            help="Values to try on groups of documents within one run; may be given again (train.multiplex).",
            rich_help_panel=SETTINGS,
        ),
    ] = None,
    alone: Annotated[
        bool,
        typer.Option(
            "--alone", help="Also run each treatment alone, and without each (sweep.alone).", rich_help_panel=SETTINGS
        ),
    ] = False,
    retry_failed: Annotated[
        bool,
        typer.Option("--retry-failed", help="Try failed trials again (sweep.retry_failed).", rich_help_panel=SETTINGS),
    ] = False,
    law: Annotated[
        str | None,
        typer.Option("--law", metavar="NAME", help="Law to fit to the results (sweep.law).", rich_help_panel=SETTINGS),
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option(
            "--at",
            metavar="SIZE",
            help="Size or dose to predict by the law; may be given again (sweep.at).",
            rich_help_panel=SETTINGS,
        ),
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
    if law and inputs and not os.path.isdir(inputs[-1]):
        raise UsageError(f"there is no sweep in {inputs[-1]}: no such folder", "kinj runs lists the sweeps in runs/")
    if inputs and (inputs[1:] or not os.path.isdir(inputs[0])):
        hint = "for example: kinj sweep optim.lr=1e-4,1e-3 seed=0,1"
        raise UsageError(f"`{inputs[-1]}` is not KEY=V1,V2, and no folder of a sweep", hint)
    overrides, space = split_space(typed)
    if worker and (not inputs or space):
        raise UsageError("--worker joins a sweep that was planned", "name its folder: kinj sweep FOLDER --worker")
    flags = given(
        ("--engine", "sweep.engine", engine),
        ("--workers", "sweep.workers", workers),
        ("--where", "sweep.where", where),
        ("--sampler", "sweep.sampler", sampler),
        ("--multiplex", "train.multiplex", multiplex),
        ("--alone", "sweep.alone", alone),
        ("--retry-failed", "sweep.retry_failed", retry_failed),
        ("--law", "sweep.law", law),
        ("--at", "sweep.at", at),
        ("--output", "run.dir", output),
        ("--overwrite", "run.overwrite", overwrite),
        ("--resume", "run.resume", resume),
    )
    loaded = settings_for("sweep", overrides, flags, config)
    values = check_space(loaded, space)
    if worker:
        from kinj.cli.joining import join_sweep

        return join_sweep(inputs[0], loaded.settings.sweep, dry_run=dry_run, as_json=as_json)
    if inputs:
        from kinj.cli.laws import law_of

        return law_of(inputs[0], loaded.settings.sweep, as_json=as_json)
    from kinj.cli import sweeping

    return sweeping.run_sweep(loaded, values, dry_run=dry_run, as_json=as_json)
