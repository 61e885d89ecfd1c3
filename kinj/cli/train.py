"""`kinj train`: teach a model."""

from __future__ import annotations

from typing import Annotated

import typer

from kinj.cli import common
from kinj.cli.common import SETTINGS, command, given, settings_for, split_arguments


@command("train", resumable=True)
def train(
    arguments: common.Arguments = None,
    config: common.Config = None,
    model: common.Model = None,
    data: common.Data = None,
    lr: Annotated[
        float | None, typer.Option("--lr", help="Peak learning rate (optim.lr).", rich_help_panel=SETTINGS)
    ] = None,
    sam_rho: Annotated[
        float | None,
        typer.Option("--sam-rho", help="Radius of SAM; 0 is plain (optim.sam.rho).", rich_help_panel=SETTINGS),
    ] = None,
    seed: common.Seed = None,
    output: common.Output = None,
    overwrite: common.Overwrite = False,
    resume: common.Resume = False,
    resume_anyway: Annotated[
        bool,
        typer.Option(
            "--resume-anyway",
            help="Continue, also with other settings where they change nothing that is learned.",
            rich_help_panel=common.OUTPUT,
        ),
    ] = False,
    on_error: common.OnError = None,
    dry_run: common.DryRun = False,
    as_json: common.Json = False,
) -> int | None:
    """Teach a model what documents say. Without any: generated people, into the embedded model."""
    inputs, overrides = split_arguments(arguments)
    flags = given(
        ("--model", "model.name", model),
        ("--lr", "optim.lr", lr),
        ("--sam-rho", "optim.sam.rho", sam_rho),
        ("--seed", "seed", seed),
        ("--output", "run.dir", output),
        ("--overwrite", "run.overwrite", overwrite),
        ("--resume", "run.resume", resume or resume_anyway),
        ("--on-error", "run.on_error", on_error),
    )
    documents = [*inputs, *(data or ())]
    loaded = settings_for("train", overrides, flags, config, documents, "argument" if inputs else "--data")
    from kinj.cli import workflow

    return workflow.train_run(
        loaded,
        resume=resume or resume_anyway,
        resume_anyway=resume_anyway,
        dry_run=dry_run,
        as_json=as_json,
    )
