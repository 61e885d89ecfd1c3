"""The `kinj` command. Only typer is imported before a command runs, so that help is quick."""

from __future__ import annotations

from typing import Annotated

import typer

from kinj.cli.augment import augment
from kinj.cli.common import examples
from kinj.cli.eval import evaluate
from kinj.cli.report import report
from kinj.cli.runs import runs
from kinj.cli.show import show
from kinj.cli.sweep import sweep
from kinj.cli.train import train

app = typer.Typer(
    name="kinj",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Put knowledge into language models and prove that it arrived.",
    epilog=examples(
        "kinj show data biographies -n 50 > corpus.jsonl", "kinj augment corpus.jsonl", "kinj train", "kinj eval"
    ),
)
app.command("augment", epilog=examples("kinj augment corpus.jsonl", "kinj augment docs/ -k 5 -o views.jsonl"))(augment)
app.command(
    "train",
    epilog=examples(
        "kinj train --sam-rho 0.05", "kinj train docs/ --model gpt2 --dry-run", "kinj train experiment=smoke"
    ),
)(train)
app.command(
    "eval",
    epilog=examples(
        "kinj eval",
        "kinj eval runs/inject-001 --probe wikidyk",
        "kinj eval runs/inject-001 --ask 'Who …?'",
        "kinj eval --from-predictions answers.jsonl --normalizer squad2 -o scored",
    ),
)(evaluate)
app.command(
    "sweep",
    epilog=examples("kinj sweep seed=0,1", "kinj sweep optim.sam.rho=0,0.05 seed=0..4", "kinj sweep experiment=demo"),
)(sweep)
app.add_typer(runs, name="runs")
app.command(
    "report",
    epilog=examples(
        "kinj report runs/inject-001",
        "kinj report runs/demo --format html,md",
        "kinj report runs/demo runs/inject-001 -o both.html",
    ),
)(report)
app.add_typer(show, name="show")


def _version(wanted: bool) -> None:
    if not wanted:
        return
    from importlib.metadata import PackageNotFoundError, version

    from kinj import __version__

    print(f"kinj {__version__}")
    for package in ("torch", "transformers"):
        try:
            print(f"{package} {version(package)}")
        except PackageNotFoundError:
            print(f"{package} not installed")
    raise typer.Exit


@app.callback()
def kinj(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show versions and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Runs the command line of this process."""
    app(prog_name="kinj")
