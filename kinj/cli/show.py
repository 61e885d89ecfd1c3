"""`kinj show`: what there is, and what the settings are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kinj.cli import common
from kinj.cli.common import RUNS, command, emit, examples, settings_for, split_arguments, table

if TYPE_CHECKING:
    from kinj.config import Loaded

show = typer.Typer(
    no_args_is_help=True,
    help="Show settings, methods, variants of SAM, prompts, probes, laws, data, models, objectives, recipes and experiments.",
)


@show.command(
    "config", epilog=examples("kinj show config optim.sam --origin", "kinj show config experiment=smoke --origin")
)
@command("show config")
def config(
    arguments: common.Arguments = None,
    files: common.Config = None,
    origin: Annotated[bool, typer.Option("--origin", help="One line a key, with where its value came from.")] = False,
    as_json: common.Json = False,
) -> None:
    """Print every setting, or those of the sections named (`optim.sam`), as YAML or with its origin."""
    from kinj.config import redact, to_yaml
    from kinj.config.build import flatten

    sections, overrides = split_arguments(arguments)
    loaded = settings_for("show", overrides, [], files)
    values = _within(sections, redact(flatten(loaded.settings)))
    if as_json:
        rows = [{"key": key, "value": value, "origin": loaded.origins[key]} for key, value in values.items()]
        emit("show config", choices=loaded.choices, settings=rows, warnings=loaded.warnings)
    elif origin:
        print("\n".join(table([(key, common.written(value), loaded.origins[key]) for key, value in values.items()])))
    elif sections:
        print("\n".join(f"{key}: {common.written(value)}" for key, value in values.items()))
    else:
        print(to_yaml(loaded.settings), end="")


def _within(sections: Sequence[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of some sections, or single ones; all where none is named.

    Raises:
        UsageError: there is nothing of that name.
    """
    from kinj.config.errors import UsageError
    from kinj.config.keys import suggest

    for section in sections:
        if not any(f"{key}.".startswith(f"{section}.") for key in values):
            near = suggest(section.split("."))
            if near == section:
                raise UsageError(f"nothing is set in `{section}`", "all settings: kinj show config")
            guess = f"did you mean {near}?\n" if near else ""
            raise UsageError(f"`{section}` is no setting", f"{guess}for example: kinj show config optim.sam --origin")
    wanted = tuple(f"{section}." for section in sections)
    return {key: value for key, value in values.items() if not wanted or f"{key}.".startswith(wanted)}


def _load(arguments: list[str] | None, files: list[str] | None = None) -> Loaded:
    from kinj.config.errors import UsageError

    inputs, overrides = split_arguments(arguments)
    if inputs:
        raise UsageError(f"`{inputs[0]}` is not KEY=VALUE", "for example: kinj show config optim.lr=1e-4 --origin")
    return settings_for("show", overrides, [], files)


def _print(kind: str, rows: dict[str, str], as_json: bool) -> None:
    if as_json:
        emit(f"show {kind}", **{kind: [{"name": name, "about": about} for name, about in rows.items()]})
    else:
        print("\n".join(table(list(rows.items()))))


def _choices(group: str) -> dict[str, str]:
    from kinj.config.tree import choices, describe

    return {name: describe(group, name) for name in choices(group)}


@show.command("methods")
@command("show methods")
def methods(as_json: common.Json = False) -> None:
    """List augmentation methods (augment.method), and the format families that `formatting` draws from."""
    from kinj.augment.formats.table import FAMILIES
    from kinj.config.names import METHODS

    if as_json:
        rows = [{"name": name, "about": about} for name, about in METHODS.items()]
        emit("show methods", methods=rows, families=list(FAMILIES))
        return
    _print("methods", METHODS, as_json)
    print(f"families of formatting (augment.formatting.families, .exclude): {', '.join(FAMILIES)}")


@show.command("formats", epilog=examples("kinj show formats", "kinj show formats --tokenizer gpt2"))
@command("show formats")
def formats(
    tokenizer: Annotated[
        str | None,
        typer.Option("--tokenizer", help="Say which formats it erases: a shipped model, a folder or a Hub id."),
    ] = None,
    as_json: common.Json = False,
) -> None:
    """List the formats that `formatting` draws from, by family, and which of them a tokenizer does not tell apart."""
    from kinj.cli.formats import print_formats

    print_formats(tokenizer, as_json)


@show.command("prompt", epilog=examples("kinj show prompt paraphrase > mine.yaml", "kinj show prompt"))
@command("show prompt")
def prompt(
    name: Annotated[
        str | None, typer.Argument(help="A method, or judge; without it, all are listed.", show_default=False)
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Print what a method, or the judge of answers, asks a language model. A copy can be edited: augment.NAME.prompt=FILE."""
    from kinj.config.errors import UsageError
    from kinj.config.names import METHODS, WRITTEN
    from kinj.config.prompts import shipped

    there = {method: METHODS[method] for method in WRITTEN} | {
        "judge": "whether an answer is right (eval.judge.prompt)"
    }
    if name is None:
        return _print("prompts", there, as_json)
    if name not in there:
        raise UsageError(f"there is no prompt `{name}`", f"there are: {', '.join(there)}")
    text = shipped(name).read_text(encoding="utf-8")
    if as_json:
        return emit("show prompt", name=name, prompt=text)
    return print(text, end="")


@show.command("probes")
@command("show probes")
def probes(as_json: common.Json = False) -> None:
    """List probes (eval.probes). Each has a card: kinj show probe NAME."""
    from kinj.config.names import PROBES

    _print("probes", PROBES, as_json)


@show.command("probe", epilog=examples("kinj show probe calibration"))
@command("show probe")
def probe(name: Annotated[str, typer.Argument(help="A probe.")], as_json: common.Json = False) -> None:
    """Print the card of a probe: what it measures, when it helps, what it costs, what it showed."""
    from kinj.config.names import PROBES

    _card("probe", name, PROBES, as_json)


@show.command("laws")
@command("show laws")
def laws(as_json: common.Json = False) -> None:
    """List laws (kinj sweep … --law NAME). Each has a card: kinj show law NAME."""
    from kinj.config.names import LAWS

    _print("laws", LAWS, as_json)


@show.command("law", epilog=examples("kinj show law capacity"))
@command("show law")
def law(name: Annotated[str, typer.Argument(help="A law.")], as_json: common.Json = False) -> None:
    """Print the card of a law: what it says, what a sweep must hold for it, how it was checked."""
    from kinj.config.names import LAWS

    _card("law", name, LAWS, as_json)


def _card(kind: str, name: str, known: dict[str, str], as_json: bool) -> None:
    from kinj.config.errors import UsageError
    from kinj.config.tree import card

    path = card(f"{kind}s", name)
    if name not in known or not path.exists():
        what = "the {} `{}` has no card" if name in known else "there is no {} `{}`"
        raise UsageError(what.format(kind, name), f"kinj show {kind}s lists them")
    text = path.read_text(encoding="utf-8")
    if as_json:
        return emit(f"show {kind}", name=name, card=text)
    return print(text, end="")


@show.command("sam")
@command("show sam")
def sam(as_json: common.Json = False) -> None:
    """List variants of SAM (optim.sam.variant). Each has a card in docs/ascents/."""
    from kinj.config.names import ASCENTS

    _print("sam", ASCENTS, as_json)


@show.command("experiments")
@command("show experiments")
def experiments(as_json: common.Json = False) -> None:
    """List experiments (experiment=NAME)."""
    _print("experiments", _choices("experiment"), as_json)


@show.command("objectives")
@command("show objectives")
def objectives(as_json: common.Json = False) -> None:
    """List training objectives (train.stages.NAME.objective)."""
    from kinj.config.names import OBJECTIVES

    _print("objectives", OBJECTIVES, as_json)


@show.command("recipes")
@command("show recipes")
def recipes(as_json: common.Json = False) -> None:
    """List training recipes (train=NAME)."""
    _print("recipes", _choices("train"), as_json)


@show.command("models")
@command("show models")
def models(as_json: common.Json = False) -> None:
    """List models (model=NAME). A run, a local folder or a Hub id works in the same place."""
    _print("models", _choices("model"), as_json)


@show.command("data", epilog=examples("kinj show data biographies -n 50 > corpus.jsonl", "kinj show data wiki2023"))
@command("show data")
def data(
    name: Annotated[
        str | None, typer.Argument(help="A data set; without it, all are listed.", show_default=False)
    ] = None,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Settings of the data.", show_default=False)
    ] = None,
    count: Annotated[int | None, typer.Option("-n", help="Print so many documents as JSON Lines.", min=1)] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Which people are generated (data.seed).")] = None,
    questions: Annotated[
        bool, typer.Option("--questions", help="Print questions instead of documents.", rich_help_panel=RUNS)
    ] = False,
    as_json: common.Json = False,
) -> None:
    """List data sets (data=NAME), describe one, or print its records."""
    from kinj.cli.records import describe_data, print_records

    if name is None:
        return _print("data", _choices("data"), as_json)
    loaded = _load([f"data={name}", *(arguments or ())])
    if seed is not None:
        loaded = loaded.override({"data.seed": seed})
    if count is None and not questions:
        return describe_data(loaded, as_json)
    return print_records(loaded, "questions" if questions else "documents", count)
