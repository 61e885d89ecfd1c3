"""From arms and lists of values to an ordered list of trials."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kinj.config.errors import UsageError

REPLICATION = ("data.seed", "seed")
"""Keys whose values are repetitions of the same setting, not settings to compare."""

Group = tuple[str | None, tuple[tuple[str, str], ...]]
"""What trials of one row of the table share: the arm, and the value of every key of the grid that is not a replication."""


@dataclass(frozen=True)
class Trial:
    """One run of a sweep.

    Attributes:
        arm: its way of teaching; None in a sweep without arms.
        values: full keys (or groups) and their values, of the arm.
        point: full keys (or groups) and their values, of the grid; they do not overlap with the arm's.
    """

    arm: str | None
    values: Mapping[str, Any]
    point: Mapping[str, Any]

    @property
    def overrides(self) -> dict[str, Any]:
        """Everything this trial lays over the sweep's settings."""
        return {**self.values, **self.point}

    @property
    def group(self) -> Group:
        """The row of the table this trial belongs to."""
        return self.arm, tuple((key, str(value)) for key, value in self.point.items() if key not in REPLICATION)

    def __str__(self) -> str:
        parts = [*([self.arm] if self.arm else []), *(f"{key}={value}" for key, value in self.point.items())]
        return ", ".join(parts) or "the settings as they are"


def grid(space: Mapping[str, Sequence[Any]], arms: Mapping[str, Mapping[str, Any]] | None = None) -> list[Trial]:
    """Every arm at every point of the space.

    Replications vary slowest, so that a sweep that was cut short holds whole comparisons; then the keys of the space in
    the order given; then the arms.

    Args:
        space: values by key, as `kinj.config.space.check_space` returns them. `seed+data.seed` gives both the same value.
        arms: settings by name, as in `sweep.arms`.

    Raises:
        UsageError: a value occurs twice, or an arm sets a key of the space.
    """
    named: dict[str | None, Mapping[str, Any]] = {None: {}}
    if arms:
        named = dict(arms.items())
    for axis, values in space.items():
        _refuse_twice(axis, values)
    keys = [key for axis in space for key in axis.split("+")]
    _refuse_overlap(keys, named)
    ordered = sorted(space, key=lambda axis: not set(axis.split("+")) <= set(REPLICATION))
    points = [dict(zip(ordered, point, strict=True)) for point in itertools.product(*(space[axis] for axis in ordered))]
    typed = [{key: point[axis] for axis in space for key in axis.split("+")} for point in points]
    return [Trial(name, dict(arm), point) for point in typed for name, arm in named.items()]


def _refuse_overlap(keys: Sequence[str], arms: Mapping[str | None, Mapping[str, Any]]) -> None:
    for number, key in enumerate(keys):
        if key in keys[:number]:
            raise UsageError(f"{key} is varied twice", "name each key once, alone or joined to others with +")
        for name, arm in arms.items():
            if key in arm:
                hint = f"leave {key} out of the command, or out of the arm"
                raise UsageError(f"{key} is set by the arm `{name}` and varied by the sweep", hint)


def _refuse_twice(key: str, values: Sequence[Any]) -> None:
    if not values:
        raise UsageError(f"{key} has no values to try", f"for example: kinj sweep {key}=V1,V2")
    for number, value in enumerate(values):
        if value in values[:number]:
            raise UsageError(f"{key} names {value} twice", "each value is tried once; repetitions are seeds: seed=0..4")
