"""What every command shares: options, settings, errors, exit codes, JSON. Nothing heavy is imported here."""

from __future__ import annotations

import functools
import inspect
import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from kinj.config import Loaded
    from kinj.config.errors import KinjError

JSON_SCHEMA = 1
"""Version of the objects that `--json` prints; docs/commands.md describes them."""

RUNS, OUTPUT, SETTINGS = "How it runs", "Where results go", "Settings"
OVERRIDE = re.compile(r"[A-Za-z_][\w.+\-]*=", re.ASCII)

Arguments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="INPUT|KEY=VALUE|GROUP=CHOICE", help="Inputs and settings, in any order.", show_default=False
    ),
]
Config = Annotated[
    list[str] | None,
    typer.Option(
        "--config", "-c", metavar="FILE", help="Settings file (YAML); may be given again.", rich_help_panel=SETTINGS
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", help="Randomness (seed).", rich_help_panel=SETTINGS)]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="tiny, tiny-plain, scratch, a path, a Hub id or 'base + 1.0*(a - b)' (model.name).",
        rich_help_panel=SETTINGS,
    ),
]
Data = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        metavar="PATH",
        help="File, folder or hf:NAME with documents (data.documents).",
        rich_help_panel=SETTINGS,
    ),
]
Output = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="PATH", help="Where results go (run.dir).", rich_help_panel=OUTPUT),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.", rich_help_panel=OUTPUT)]
Resume = Annotated[bool, typer.Option("--resume", help="Continue what was interrupted.", rich_help_panel=OUTPUT)]
OnError = Annotated[
    str | None,
    typer.Option("--on-error", metavar="stop|skip", help="What a bad input line does.", rich_help_panel=RUNS),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check everything, write nothing.", rich_help_panel=RUNS)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.", rich_help_panel=RUNS)]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel=RUNS)]


def examples(*commands: str) -> str:
    """Commands to copy, one a line, for the end of a help text."""
    return "\n\n".join(["Try:", *(f"  {command}" for command in commands)])


def command(name: str, *, resumable: bool = False) -> Callable[[Callable[..., int | None]], Callable[..., None]]:
    """Makes a function a kinj command: its errors become messages, its return value the exit code; `--debug` is added.

    Args:
        name: how the command is called, as in `show data`.
        resumable: whether `--resume` continues it after Ctrl-C.
    """

    def decorate(function: Callable[..., int | None]) -> Callable[..., None]:
        @functools.wraps(function)
        def run(*args: Any, debug: bool = False, **kwargs: Any) -> None:
            try:
                code = function(*args, **kwargs)
                sys.stdout.flush()
            except typer.Exit:
                raise
            except BrokenPipeError:
                _discard_output()
                code = 0
            except (Exception, KeyboardInterrupt) as error:
                code = _failed(name, error, resumable, debug=debug, as_json=bool(kwargs.get("as_json")))
            raise typer.Exit(code or 0)

        signature = inspect.signature(function, eval_str=True)
        option = inspect.Parameter("debug", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Debug)
        run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), option])  # type: ignore[attr-defined]  # what inspect reads
        run.__annotations__ = {**function.__annotations__, "debug": Debug}
        return run

    return decorate


def _discard_output() -> None:
    """Nobody reads our output any more (`| head`): what is still buffered must not fail when Python exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _failed(name: str, error: BaseException, resumable: bool, *, debug: bool, as_json: bool) -> int:
    """Says what went wrong; returns the exit code."""
    if debug:
        import traceback

        traceback.print_exception(error)
    shown = _explain(error, resumable)
    print(shown, file=sys.stderr)
    if as_json:
        content = {"what": shown.what, "hint": shown.hint, "exit_code": shown.exit_code}
        problems = [vars(problem) for problem in getattr(error, "problems", [])]
        emit(name, error=content | ({"problems": problems} if problems else {}))
    return shown.exit_code


def _explain(error: BaseException, resumable: bool) -> KinjError:
    from kinj.config.errors import InterruptError, KinjError, UnfinishedError

    again = shlex.join(["kinj", *(part for part in sys.argv[1:] if part not in ("--resume", "--overwrite"))])
    go_on = f"continue with: {again}{' --resume' if resumable else ''}"
    if isinstance(error, UnfinishedError):
        return UnfinishedError(error.what, f"{error.hint}\n{go_on}")
    if isinstance(error, KinjError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return InterruptError("interrupted", go_on)
    if isinstance(error, OSError) and error.strerror:
        return KinjError(f"{error.filename or 'the system'}: {error.strerror}")
    if isinstance(error, ModuleNotFoundError):
        return KinjError(f"the package {error.name} is not installed", f"pip install {error.name}")
    what = f"unexpected {type(error).__name__}: {error}"
    return KinjError(what, "this is a fault in kinj; run the same command with --debug to see where")


def emit(command: str, **content: Any) -> None:
    """Prints the one object of `--json` on stdout. NaN never appears: it is refused."""
    text = json.dumps({"schema": JSON_SCHEMA, "command": command, **content}, ensure_ascii=False, allow_nan=False)
    print(text)


def note(text: str) -> None:
    """A line for the user that is not the result: stderr. Of several processes of one run, the first one speaks."""
    if os.environ.get("RANK", "0") == "0":
        print(text, file=sys.stderr)


def split_arguments(arguments: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """Positional arguments as (inputs, overrides); `./a=b` is an input, `a=b` an override."""
    inputs = [argument for argument in arguments or () if not OVERRIDE.match(argument)]
    return inputs, [argument for argument in arguments or () if OVERRIDE.match(argument)]


def given(*flags: tuple[str, str, Any]) -> list[tuple[str, str, Any]]:
    """The flags (flag, key, value) that were used."""
    return [flag for flag in flags if flag[2] is not None and flag[2] is not False and flag[2] != []]


def settings_for(
    command: str,
    overrides: Sequence[str],
    flags: Sequence[tuple[str, str, Any]],
    files: Sequence[str] | None,
    documents: Sequence[str] = (),
    flag: str = "argument",
) -> Loaded:
    """Loads the settings of a command and prints their warnings once.

    Args:
        documents: input paths; they become `data.documents`, and `data=corpus` unless the user chose a data set.
        flag: how the documents were given, for the origin.

    Raises:
        UsageError: a setting is wrong, or what was given for documents is a run, whose README.md would be read as one.
    """
    from kinj.config import load
    from kinj.config.errors import UsageError
    from kinj.data.rundir import CONFIG, EVENTS

    for path in map(Path, documents):
        if (path / CONFIG).exists() and (path / EVENTS).exists():
            name = shlex.quote(str(path))
            raise UsageError(
                f"{path} is a run, not documents",
                f"to go on with it: kinj train -o {name} --resume; to ask it: kinj eval {name}",
            )
    if documents:
        overrides = ["data=corpus", *overrides]
        flags = [*flags, (flag, "data.documents", list(documents))]
    loaded = load(command, overrides, flags, files or ())
    for warning in loaded.warnings:
        note(f"warning: {warning}")
    return loaded


def changes(loaded: Loaded) -> str:
    """Every setting that differs from its default with where it came from, one a line, for `--dry-run`."""
    rows = loaded.changed()
    if not rows:
        return "settings: all at their defaults (all: kinj show config --origin)"
    head = f"settings (changed from their defaults: {len(rows)}; all: kinj show config --origin)"
    return "\n".join([head, *table([(key, written(value), origin) for key, value, origin in rows], indent=2)])


def change_records(loaded: Loaded) -> list[dict[str, Any]]:
    """As `changes`, for `--json`."""
    return [{"key": key, "value": value, "origin": origin} for key, value, origin in loaded.changed()]


def written(value: Any) -> str:
    """A value as it is written on a command line."""
    from kinj.config.loader import written as write

    return write(value)


def table(rows: Sequence[Sequence[str]], indent: int = 0) -> list[str]:
    """Rows as aligned columns; the last column is not padded."""
    if not rows:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)] + [0]
    return [
        " " * indent + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows
    ]
