"""`kinj report`: runs and sweeps as a page, as Markdown or as data, with their plots beside it."""

from __future__ import annotations

from typing import Annotated

import typer

from kinj.cli import common
from kinj.cli.common import OUTPUT, command


@command("report")
def report(
    paths: Annotated[
        list[str], typer.Argument(metavar="RUN|SWEEP...", help="Runs and sweeps, finished or not.", show_default=False)
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where the page goes; by default report.html in the run or sweep, or in the current folder for several.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="html|md|json",
            help="What is written; may be given again, or as html,md. By default what FILE ends in, else html.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    as_json: common.Json = False,
) -> int | None:
    """Write one page that tells what runs and sweeps found, how sure that is and what it cost; nothing is run."""
    from kinj.cli.reporting import write_reports

    return write_reports(paths, output, formats or [], as_json=as_json)
