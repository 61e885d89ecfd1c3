"""The search space of a sweep: which arguments hold several values, and whether each of them fits its key."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from kinj.config.errors import Problem, SettingsError
from kinj.config.keys import is_group_choice, is_section, kind_of, suggest
from kinj.config.loader import Loaded
from kinj.config.tree import choices
from kinj.config.typed import BadValueError, convert
from kinj.config.values import YamlError, text_scalar, text_value

RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)")
MOST = 10_000
"""Values in one range; more is taken for a slip."""


def split_space(arguments: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Arguments with one value (settings of all trials), and those with several by key, in the order typed."""
    overrides: list[str] = []
    space: dict[str, list[str]] = {}
    for argument in arguments:
        key, _, text = argument.partition("=")
        values = _range(text) or split_values(text)
        if len(values) > 1 or "+" in key:
            space[key] = values
        else:
            overrides.append(argument)
    return overrides, space


def _range(text: str) -> list[str]:
    """`0..3` as `0, 1, 2, 3`; empty for anything else."""
    match = RANGE.fullmatch(text)
    if not match:
        return []
    low, high = int(match[1]), int(match[2])
    return [str(number) for number in range(low, high + 1)] if 0 < high - low < MOST else []


def split_values(text: str) -> list[str]:
    """`text` cut at commas outside brackets and quotes: `[a,b],[c]` holds two values."""
    values, depth, quote = [""], 0, ""
    for letter in text:
        quote = "" if letter == quote else quote or (letter if letter in "'\"" else "")
        depth += 0 if quote else (letter in "[{(") - (letter in ")}]")
        if letter == "," and depth == 0 and not quote:
            values.append("")
        else:
            values[-1] += letter
    return [value.strip() for value in values]


def check_space(loaded: Loaded, space: Mapping[str, Sequence[str]]) -> dict[str, list[Any]]:
    """The values of a search space as their keys want them; a group's values are names of choices.

    Keys joined with `+` take each value together; the value must fit all of them.

    Raises:
        SettingsError: with every value that does not fit.
    """
    problems: list[Problem] = []
    values: dict[str, list[Any]] = {key: [] for key in space}
    for axis, texts in space.items():
        for key, text in itertools.product(axis.split("+"), texts):
            try:
                value = _value(key, text)
            except (BadValueError, YamlError, ValueError) as error:
                problems.append(Problem(key, "command line", str(error)))
            else:
                if key == axis.split("+")[0]:
                    values[axis].append(value)
    if problems:
        raise SettingsError(problems, "every setting and its value: kinj show config")
    loaded.override({key: found[0] for axis, found in values.items() for key in axis.split("+")}, "train")
    return values


def _value(key: str, text: str) -> Any:
    """One value as its key wants it, after the checks of the section it belongs to.

    Raises:
        BadValueError, YamlError: it is not of the key's type.
        ValueError: the section refuses it.
    """
    path = key.split(".")
    if is_group_choice(path):
        if text not in choices(path[0]) and not (path[0] == "model" and "/" in text):
            raise BadValueError(f"no such choice as {text}; there are: {', '.join(choices(path[0]))}")
        return text
    kind = kind_of(path)
    if kind is None or is_section(kind):
        near = suggest(path)
        raise BadValueError("no such setting" + (f"; did you mean {near}?" if near else ""))
    value = convert(text_scalar(text) if kind in (str, str | None) else text_value(text), kind)
    section = kind_of(path[:-1])
    if is_section(section):
        section(**{path[-1]: value})
    return value
