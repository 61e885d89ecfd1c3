"""The search space of a sweep: which arguments hold several values, and whether each of them fits its key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_origin

from kinj.config.errors import Problem, SettingsError, UsageError
from kinj.config.keys import is_group_choice, kind_of, split_optional
from kinj.config.loader import Loaded
from kinj.config.tree import choices
from kinj.config.typed import BadValueError, value_of
from kinj.config.values import YamlError, split_values

RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)")
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
SPACED = re.compile(rf"({_NUMBER})\.\.({_NUMBER}):(lin|log)(\d*)")
MOST = 10_000
"""Values in one range; more is taken for a slip."""
DIGITS = 6
"""Significant digits of the values of a range."""


@dataclass(frozen=True)
class Interval:
    """All numbers from `low` to `high`, for samplers that draw (`1e-4..1e-2:log`)."""

    low: float
    high: float
    log: bool
    whole: bool

    def at(self, share: float) -> float | int:
        """The number that so large a share of the interval lies below; of its logarithm where it is `log`."""
        value = self.low * (self.high / self.low) ** share if self.log else self.low + share * (self.high - self.low)
        return round(value) if self.whole else float(f"{value:.{DIGITS}g}")


def split_space(arguments: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Arguments with one value (settings of all trials), and those with several by key, in the order typed.

    Raises:
        UsageError: a range that holds no such values, or a key that is given twice.
    """
    overrides: list[str] = []
    space: dict[str, list[str]] = {}
    for argument in arguments:
        key, _, text = argument.partition("=")
        values = _range(key, text) or _spaced(key, text) or split_values(text)
        if len(values) > 1 or "+" in key or SPACED.fullmatch(text):
            if key in space:
                raise UsageError(f"{key} is given twice", f"all values in one list: {key}=V1,V2,V3")
            space[key] = values
        else:
            overrides.append(argument)
    _refuse_set_and_varied(overrides, space)
    return overrides, space


def _refuse_set_and_varied(overrides: Sequence[str], space: Iterable[str]) -> None:
    varied = {key for axis in space for key in axis.split("+")}
    for argument in overrides:
        if argument.partition("=")[0] in varied:
            raise UsageError(f"{argument} and values to try for the same key", "leave one of the two out")


def _range(key: str, text: str) -> list[str]:
    """`0..3` as `0, 1, 2, 3`; empty for anything else.

    Raises:
        UsageError: it holds no numbers, or too many.
    """
    match = RANGE.fullmatch(text)
    if not match:
        return []
    low, high = int(match[1]), int(match[2])
    if not low < high:
        raise UsageError(f"{key}={text} is no range", "the smaller number comes first, and one value is written alone")
    if high - low >= MOST:
        raise UsageError(f"{key}={text} asks for {high - low + 1:,} values", f"at most {MOST:,} of them")
    return [str(number) for number in range(low, high + 1)]


def _spaced(key: str, text: str) -> list[str]:
    """`1e-3..1e-1:log3` as `0.001, 0.01, 0.1`; empty for anything else, and for an interval that says no number of values.

    Raises:
        UsageError: there are no such values.
    """
    match = SPACED.fullmatch(text)
    if not match or not match[4]:
        return []
    count, interval = int(match[4]), _interval(key, text)
    if not 2 <= count <= MOST:
        raise UsageError(f"{key}={text} asks for {count} values", f"2 to {MOST:,} of them, such as 1e-3..1e-1:log5")
    values = [str(interval.at(position / (count - 1))) for position in range(count)]
    if len(set(values)) < count:
        raise UsageError(
            f"{key}={text} holds {len(set(values))} different whole numbers, not {count}", "ask for fewer values"
        )
    return values


def _interval(key: str, text: str) -> Interval:
    """Raises UsageError where it is empty, or has no logarithm."""
    match = SPACED.fullmatch(text)
    assert match
    low, high, log = float(match[1]), float(match[2]), match[3] == "log"
    if low >= high or (log and low <= 0):
        raise UsageError(
            f"{key}={text} is no range", "the smaller number comes first" + (", and is more than 0" if log else "")
        )
    kinds = [split_optional(kind_of(name.split(".")))[0] for name in key.split("+")]
    return Interval(low, high, log, whole=int in kinds)


def check_space(loaded: Loaded, space: Mapping[str, Sequence[str]]) -> dict[str, list[Any]]:
    """The values of a search space as their keys want them; a group's values are names of choices.

    Keys joined with `+` take each value together. A value in brackets with one entry for each of them gives each its own
    (a tuple), unless a key wants a list. An `Interval` stands for all its numbers.

    Raises:
        SettingsError: with every value that does not fit.
        UsageError: an interval without numbers in it.
    """
    problems: list[Problem] = []
    found = {axis: [_axis_value(axis, text, problems) for text in texts] for axis, texts in space.items()}
    if problems:
        raise SettingsError(problems, "every setting and its value: kinj show config")
    loaded.override({key: value for axis, values in found.items() for key, value in each(axis, values[0])}, "train")
    return found


def each(axis: str, value: Any) -> list[tuple[str, Any]]:
    """The keys of an axis, each with what it gets of one of the axis' values; of an interval, its lower end."""
    keys = axis.split("+")
    if isinstance(value, Interval):
        value = value.at(0)
    return list(zip(keys, value if isinstance(value, tuple) else [value] * len(keys), strict=True))


def _axis_value(axis: str, text: str, problems: list[Problem]) -> Any:
    """One value of an axis; what does not fit is added to the problems."""
    keys = axis.split("+")
    if SPACED.fullmatch(text):
        interval = _interval(axis, text)
        for end in (0, 1):
            _checked(keys, [str(interval.at(end))] * len(keys), problems)
        return interval
    own = split_values(text[1:-1]) if text.startswith("[") and text.endswith("]") else []
    if len(keys) > 1 and len(own) == len(keys) and not any(_wants_list(key) for key in keys):
        return tuple(_checked(keys, own, problems))
    return _checked(keys, [text] * len(keys), problems)[0]


def _wants_list(key: str) -> bool:
    return get_origin(split_optional(kind_of(key.split(".")))[0]) is list


def _checked(keys: Sequence[str], texts: Sequence[str], problems: list[Problem]) -> list[Any]:
    values = []
    for key, text in zip(keys, texts, strict=True):
        try:
            values.append(_value(key, text))
        except (BadValueError, YamlError, ValueError) as error:
            problems.append(Problem(key, "command line", str(error)))
            values.append(None)
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
    return value_of(path, text)
