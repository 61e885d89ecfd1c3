"""Which file each group uses, and every setting anybody wrote, in the order in which later ones win."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kinj.config.errors import Problem
from kinj.config.keys import is_group_choice, kind_of, split_optional
from kinj.config.names import GROUPS
from kinj.config.tree import choice_file, choices, shown
from kinj.config.values import Entry, Scalar, YamlError, file_entries, from_python, text_entries, text_scalar

COMMAND_LINE = "command line"
SWEEP = "sweep"
"""Origin of what code lays over a user's settings."""
ENVIRONMENT = "KINJ__"

Flag = tuple[str, str, Any]
"""A flag as typed (`--lr`), the key it is short for, and its value."""


OF_ONE_CALL = (("run", "overwrite"), ("run", "resume"))
"""Settings that a run's `config.yaml` may hold and that are not taken from it: they were meant for the call that began the run."""


@dataclass(frozen=True)
class Inputs:
    """Everything a user can say about the settings of one command."""

    command: str
    overrides: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()
    files: tuple[Path, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    base: Path | None = None
    """A run's `config.yaml` that stands in place of the default choices."""
    extra: tuple[tuple[str, Any], ...] = ()
    """Keys and values set by code, after all others: an arm, or a point of a sweep."""


@dataclass(frozen=True)
class Choice:
    """The file a group uses; None means that the schema's defaults stand."""

    name: str | None
    origin: str = "default"


@dataclass
class Composition:
    """What the inputs amount to before types are looked at."""

    choices: dict[str, Choice] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def compose(inputs: Inputs) -> Composition:
    """Settles the choices, then lays all settings one over the other."""
    out = Composition()
    typed = _typed_entries(inputs, out)
    given, values = _split_choices(typed, out)
    files: list[Entry] = []
    for path in reversed(inputs.files):
        files[:0] = _without_defaults(_read(path, str(path), (), out), given, out)
    experiment = given.get("experiment")
    shipped: list[Entry] = []
    if experiment and experiment.name is not None and (file := _existing("experiment", experiment, out)):
        shipped = _without_defaults(_read(file, shown(file), (), out), given, out)
    base = [] if inputs.base is None else _read(inputs.base, str(inputs.base), (), out)
    base = [entry for entry in base if entry.path not in OF_ONE_CALL]
    default = {} if base else {group: Choice(name) for group, name in GROUPS.items()}
    out.choices = {**default, **given}
    groups = [
        entry for group in GROUPS if group in out.choices for entry in _group_entries(group, out.choices[group], out)
    ]
    out.entries = [*base, *groups, *shipped, *files, *values]
    return out


def _typed_entries(inputs: Inputs, out: Composition) -> list[Entry]:
    """Environment, overrides, flags and what code adds, in that order."""
    entries: list[Entry] = []
    for name in sorted(inputs.environ):
        if name.startswith(ENVIRONMENT):
            key = ".".join(name.removeprefix(ENVIRONMENT).lower().split("__"))
            entries += _text(key, inputs.environ[name], f"environment {name}", out)
    for override in inputs.overrides:
        key, _, text = override.partition("=")
        entries += _text(key, text, COMMAND_LINE, out)
    entries += [Entry(tuple(key.split(".")), from_python(value), flag) for flag, key, value in inputs.flags]
    for key, value in inputs.extra:
        entries.append(Entry(tuple(key.split(".")), from_python(value), SWEEP))
    return entries


def _text(key: str, text: str, origin: str, out: Composition) -> list[Entry]:
    path = tuple(key.split("."))
    if is_group_choice(path) or split_optional(kind_of(path))[0] is str:
        return [Entry(path, text_scalar(text), origin)]
    try:
        return text_entries(path, text, origin)
    except YamlError as error:
        out.problems.append(Problem(key, origin, f"`{text}` {error.text}"))
        return []


def _split_choices(entries: Sequence[Entry], out: Composition) -> tuple[dict[str, Choice], list[Entry]]:
    """Choices of groups (the last one of each) and all other settings."""
    chosen: dict[str, Choice] = {}
    values: list[Entry] = []
    for entry in entries:
        if not is_group_choice(entry.path):
            values.append(entry)
        elif entry.origin.startswith("environment"):
            text = f"the environment sets single values; choose with {entry.key}=… on the command line"
            out.problems.append(Problem(entry.key, entry.origin, text))
        elif not isinstance(entry.value, Scalar):
            out.problems.append(Problem(entry.key, entry.origin, _no_choice(entry.key)))
        else:
            chosen[entry.key] = _choice(entry)
    return chosen, values


def _choice(entry: Entry) -> Choice:
    assert isinstance(entry.value, Scalar)
    return Choice(None if entry.value.is_null and entry.value.text else entry.value.text, entry.origin)


def _without_defaults(entries: Sequence[Entry], given: dict[str, Choice], out: Composition) -> list[Entry]:
    """The settings of an experiment file; the choices in its `defaults:` join `given` where nothing stronger chose."""
    rest = [entry for entry in entries if entry.path[0] != "defaults"]
    chosen = {}
    for entry in entries:
        if entry.path[0] != "defaults" or (len(entry.path) == 1 and entry.value == {}):
            continue
        if not is_group_choice(entry.path[1:]) or not isinstance(entry.value, Scalar):
            text = f"defaults maps groups to choices; groups are: {', '.join(GROUPS)}"
            out.problems.append(Problem(entry.key, entry.origin, text))
        else:
            chosen[entry.path[1]] = _choice(entry)
    for group, choice in chosen.items():
        given.setdefault(group, choice)
    return rest


def _group_entries(group: str, choice: Choice, out: Composition) -> list[Entry]:
    if choice.name is None:
        return []
    if group == "model" and choice.name not in choices(group) and ("/" in choice.name or Path(choice.name).exists()):
        return [Entry(("model", "name"), Scalar(choice.name, quoted=True), choice.origin)]
    path = _existing(group, choice, out)
    return [] if path is None else _read(path, shown(path), (group,), out)


def _existing(group: str, choice: Choice, out: Composition) -> Path | None:
    if choice.name in choices(group):
        return choice_file(group, str(choice.name))
    out.problems.append(Problem(f"{group}={choice.name}", choice.origin, _no_choice(group, choice.name)))
    return None


def _no_choice(group: str, name: str | None = None) -> str:
    known = choices(group)
    near = difflib.get_close_matches(name or "", known, n=1, cutoff=0.7)
    hint = "; a model of your own is a path with a / in it, such as ./model" if group == "model" else ""
    return f"no such choice; there are: {', '.join(known)}" + (f"; did you mean {near[0]}?" if near else "") + hint


def _read(path: Path, name: str, prefix: tuple[str, ...], out: Composition) -> list[Entry]:
    try:
        return file_entries(path, name, prefix)
    except YamlError as error:
        out.problems.append(Problem("-", f"{name}:{error.line}", error.text))
    except OSError as error:
        what = "no such file" if isinstance(error, FileNotFoundError) else str(error.strerror or error)
        out.problems.append(Problem("-", name, what))
    return []
