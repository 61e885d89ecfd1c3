"""`kinj runs`: what was run, and what differs between runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from kinj.cli import common
from kinj.cli.common import command, emit, examples, note

RUNS = "runs"


class ListByDefault(TyperGroup):
    """`kinj runs FOLDER` means `kinj runs list FOLDER`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = args[:1] and (args[0] in self.commands or args[0] in ("-h", "--help"))
        return super().parse_args(ctx, args if named else ["list", *args])


runs = typer.Typer(cls=ListByDefault, help="List runs with their state, results and cost, or compare some of them.")


@runs.command("list", epilog=examples("kinj runs", "kinj runs runs/sweep-1a2b3c4d --trials --sort recall --limit 10"))
@command("runs list")
def list_(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FOLDER", help="Where to look, at any depth; runs/ by default.", show_default=False),
    ] = None,
    trials: Annotated[bool, typer.Option("--trials", help="List the trials of sweeps one by one.")] = False,
    state: Annotated[
        str | None,
        typer.Option(
            "--state",
            metavar="STATE",
            help="Only running, finished, pruned, interrupted, failed, never-started or damaged ones.",
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option("--where", metavar="CONDITION", help="Only those whose settings meet it: 'optim.sam.rho > 0'."),
    ] = None,
    sort: Annotated[
        str,
        typer.Option("--sort", metavar="NAME", help="By time, path, state, model, data, recipe, a cost or a measure."),
    ] = "time",
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="No more than so many.")] = None,
    as_json: common.Json = False,
) -> None:
    """List runs and sweeps, newest first. A filter lists the trials of sweeps one by one. `list` may be left out."""
    from kinj.sweep.listing import list_runs

    if not folders and not Path(RUNS).is_dir():
        note(f"there is no folder {RUNS}/ here yet; kinj train makes one")
        found = []
    else:
        found = list_runs(folders or [Path(RUNS)], trials=trials, state=state, where=where, sort=sort, limit=limit)
    if as_json:
        emit("runs list", runs=[vars(record) for record in found])
        return
    if not found:
        note("no such runs" if state or where else "no runs")
        return
    from kinj.report.runs import show_runs

    show_runs([vars(record) for record in found])


@runs.command("compare", epilog=examples("kinj runs compare runs/inject-001 runs/inject-002"))
@command("runs compare")
def compare(
    folders: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="Two run directories or more.", show_default=False)
    ],
    as_json: common.Json = False,
) -> None:
    """Show what differs between runs: settings, results with paired differences, cost, environment."""
    from kinj.report.runs import show_comparison
    from kinj.sweep.comparing import compare_runs

    found = compare_runs(folders)
    if as_json:
        emit("runs compare", **found)
    else:
        show_comparison(found)
