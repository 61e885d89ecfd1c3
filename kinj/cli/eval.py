"""`kinj eval`: ask a model what it knows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kinj.cli import common
from kinj.cli.common import RUNS, SETTINGS, command, given, settings_for, split_arguments


@command("eval", resumable=True)
def evaluate(
    arguments: common.Arguments = None,
    config: common.Config = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="A model or run, as if named without a flag; openai:NAME@URL is a served one.",
            rich_help_panel=SETTINGS,
        ),
    ] = None,
    probe: Annotated[
        list[str] | None,
        typer.Option("--probe", help="What to ask; may be given again (eval.probes).", rich_help_panel=SETTINGS),
    ] = None,
    data: common.Data = None,
    normalizer: Annotated[
        str | None,
        typer.Option(
            "--normalizer",
            metavar="NAME",
            help="How answers are compared: squad, squad2, triviaqa, nq, mlqa-de, light, exact, … (eval.normalizer).",
            rich_help_panel=SETTINGS,
        ),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(
            "--judge",
            metavar="openai:NAME@URL",
            help="A served model that says of each answer whether it is right (eval.judge.model).",
            rich_help_panel=SETTINGS,
        ),
    ] = None,
    open_book: Annotated[
        bool,
        typer.Option(
            "--open-book",
            help="Put the document before each question of qa and wiki2023: the ceiling (eval.open_book).",
            rich_help_panel=SETTINGS,
        ),
    ] = False,
    ask: Annotated[
        list[str] | None,
        typer.Option(
            "--ask", metavar="QUESTION", help="Only this question: the answer before and after.", rich_help_panel=RUNS
        ),
    ] = None,
    from_predictions: Annotated[
        str | None,
        typer.Option(
            "--from-predictions",
            metavar="FILE",
            help="Score answers made elsewhere: lines of id, answers, prediction. Asks no model.",
            rich_help_panel=RUNS,
        ),
    ] = None,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare", help="Report the difference between the first model and the others.", rich_help_panel=RUNS
        ),
    ] = False,
    details: Annotated[
        bool,
        typer.Option(
            "--details", help="Show every measure: also by kind of question, by attribute.", rich_help_panel=RUNS
        ),
    ] = False,
    export: Annotated[
        tuple[str, Path] | None,
        typer.Option(
            "--export",
            metavar="lm-eval DIR",
            help="Write the questions as tasks of lm-eval; nothing is asked.",
            rich_help_panel=RUNS,
        ),
    ] = None,
    seed: common.Seed = None,
    output: common.Output = None,
    overwrite: common.Overwrite = False,
    resume: common.Resume = False,
    on_error: common.OnError = None,
    dry_run: common.DryRun = False,
    as_json: common.Json = False,
) -> int | None:
    """Ask models or runs what they know. Without any: the latest run, or the embedded model."""
    from kinj.config.errors import UsageError

    models, overrides = split_arguments(arguments)
    models = [*models, *(model or [])]
    flags = given(
        ("--probe", "eval.probes", probe),
        ("--normalizer", "eval.normalizer", normalizer),
        ("--judge", "eval.judge.model", judge),
        ("--open-book", "eval.open_book", open_book),
        ("--seed", "seed", seed),
        ("--output", "run.dir", output),
        ("--overwrite", "run.overwrite", overwrite),
        ("--resume", "run.resume", resume),
        ("--on-error", "run.on_error", on_error),
    )
    loaded = settings_for("eval", overrides, flags, config, data or (), "--data")
    if from_predictions is not None:
        if models or ask or compare or export:
            raise UsageError("--from-predictions asks no model: it goes without models, --ask, --compare and --export")
        from kinj.cli.scoring import score_predictions

        return score_predictions(from_predictions, loaded, details=details, dry_run=dry_run, as_json=as_json)
    from kinj.cli import workflow

    return workflow.eval_models(
        loaded,
        models,
        ask=ask or [],
        compare=compare,
        details=details,
        export=export,
        dry_run=dry_run,
        as_json=as_json,
    )
