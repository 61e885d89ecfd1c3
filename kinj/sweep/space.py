"""From arms and lists of values to an ordered list of trials."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kinj.config.errors import UsageError
from kinj.config.space import Interval, each

REPLICATION = ("data.seed", "seed")
"""Keys whose values are repetitions of the same setting, not settings to compare."""

Space = Mapping[str, Sequence[Any]]
"""Values by axis: a key, or keys joined with `+`."""
Arms = Mapping[str, Mapping[str, Any]]
"""Settings by name of the arm."""
Group = tuple[str | None, tuple[tuple[str, str], ...]]
"""What trials of one row of the table share: the arm, and the value of every key of the grid that is not a replication."""


@dataclass(frozen=True)
class Control:
    """What a trial beside a multiplexed one is (`kinj.sweep.multiplex`): `alone` or `without`, and the number of the treatment."""

    kind: str
    number: int


@dataclass(frozen=True)
class Trial:
    """One run of a sweep.

    Attributes:
        arm: its way of teaching; None in a sweep without arms.
        values: full keys (or groups) and their values, of the arm.
        point: full keys (or groups) and their values, of the grid; they do not overlap with the arm's.
        control: what it is beside a multiplexed trial.
    """

    arm: str | None
    values: Mapping[str, Any]
    point: Mapping[str, Any]
    control: Control | None = None

    @property
    def overrides(self) -> dict[str, Any]:
        """Everything this trial lays over the sweep's settings."""
        return {**self.values, **self.point}

    @property
    def group(self) -> Group:
        """The row of the table this trial belongs to."""
        return self.arm, tuple((key, str(value)) for key, value in self.point.items() if key not in REPLICATION)

    def __str__(self) -> str:
        arm = f"{self.control.kind} treatment {self.control.number}" if self.control else self.arm
        parts = [*([arm] if arm else []), *(f"{key}={value}" for key, value in self.point.items())]
        return ", ".join(parts) or "the settings as they are"


def grid(space: Space, arms: Arms | None = None) -> list[Trial]:
    """Every arm at every point of the space, each a trial; in the order of `spread`.

    Args:
        space: values by axis, as `kinj.config.space.check_space` returns them. `seed+data.seed` gives both the same value,
            or each its own where the value is a tuple.
        arms: settings by name, as in `sweep.arms`.

    Raises:
        UsageError: a value occurs twice, an arm sets a key of the space, or there are intervals in it.
    """
    for axis, values in space.items():
        _refuse_twice(axis, values)
        _refuse_interval(axis, values)
    compared = [axis for axis in space if not is_replication(axis)]
    points = [
        dict(zip(compared, values, strict=True)) for values in itertools.product(*(space[axis] for axis in compared))
    ]
    return spread(points, space, arms)


def spread(points: Sequence[Mapping[str, Any]], space: Space, arms: Arms | None = None) -> list[Trial]:
    """Trials at some points of a space: each point with every repetition and every arm.

    Repetitions vary slowest, so that a sweep that was cut short holds whole comparisons; then the points; then the arms.

    Args:
        points: a value for each axis of the space that is not a repetition.

    Raises:
        UsageError: an arm sets a key of the space, or a key is varied twice.
    """
    named: dict[str | None, Mapping[str, Any]] = dict(arms.items()) if arms else {None: {}}
    _refuse_overlap([key for axis in space for key in axis.split("+")], named)
    axes = [axis for axis in space if is_replication(axis)]
    repetitions = [
        dict(zip(axes, values, strict=True)) for values in itertools.product(*(space[axis] for axis in axes))
    ]
    whole = [{**repetition, **point} for repetition in repetitions for point in points]
    typed = [{key: value for axis in space for key, value in each(axis, point[axis])} for point in whole]
    return [Trial(name, dict(arm), point) for point in typed for name, arm in named.items()]


def is_replication(axis: str) -> bool:
    """Whether an axis only repeats."""
    return set(axis.split("+")) <= set(REPLICATION)


def _refuse_overlap(keys: Sequence[str], arms: Mapping[str | None, Mapping[str, Any]]) -> None:
    for number, key in enumerate(keys):
        if key in keys[:number]:
            raise UsageError(f"{key} is varied twice", "name each key once, alone or joined to others with +")
        for name, arm in arms.items():
            if key in arm:
                hint = f"leave {key} out of the command, or out of the arm"
                raise UsageError(f"{key} is set by the arm `{name}` and varied by the sweep", hint)


def _refuse_interval(axis: str, values: Sequence[Any]) -> None:
    if any(isinstance(value, Interval) for value in values):
        hint = "say how many values: LOW..HIGH:log5; or draw from it: sweep.sampler=random sweep.points=20"
        raise UsageError(f"{axis} is an interval, and a grid needs single values", hint)


def _refuse_twice(key: str, values: Sequence[Any]) -> None:
    if not values:
        raise UsageError(f"{key} has no values to try", f"for example: kinj sweep {key}=V1,V2")
    for number, value in enumerate(values):
        if value in values[:number]:
            raise UsageError(f"{key} names {value} twice", "each value is tried once; repetitions are seeds: seed=0..4")
