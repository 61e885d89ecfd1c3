"""Many answers from one run: the trials beside a multiplexed one, and what the treatments in it do to each other.

A multiplexed trial teaches groups of documents differently (`train.multiplex`). With `sweep.alone` two kinds of trials stand beside
it: `alone`, where all documents get one treatment, so that nothing differs but how the others were taught; and `without`, where one
group's documents are missing and all others keep their doses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kinj.config.errors import UsageError
from kinj.config.multiplex import axes, described, source_at, taught
from kinj.config.schema import Settings
from kinj.sweep.outcome import TrialResult
from kinj.sweep.space import Control, Group, Trial
from kinj.sweep.statistics import difference, group_measure

TOGETHER, ALONE, WITHOUT = "together", "alone", "without"

Texts = Mapping[str, Sequence[str]]
"""The values of every multiplexed key, as they were written."""


def with_controls(trials: Sequence[Trial], settings: Settings, settings_of: Callable[[Trial], Settings]) -> list[Trial]:
    """The trials of a sweep; each multiplexed one is followed by those beside it where `sweep.alone` wants them.

    Raises:
        UsageError: an arm or the grid sets a key that is multiplexed.
    """
    found = axes(settings.train.multiplex)
    for trial in trials:
        if twice := sorted(found.keys() & trial.overrides.keys()):
            raise UsageError(f"{twice[0]} is multiplexed, and an arm or the grid sets it too", "vary it in one way")
    if not found or not settings.sweep.alone:
        return list(trials)
    return [
        one for trial in trials for one in (replace(trial, arm=TOGETHER), *_beside(trial, found, settings_of(trial)))
    ]


def _beside(trial: Trial, found: Texts, settings: Settings) -> Iterator[Trial]:
    for number in range(len(next(iter(found.values())))):
        for control, texts in (
            (Control(ALONE, number), _alone(found, number)),
            (Control(WITHOUT, number), _without(found, number, settings)),
        ):
            entries = [f"{key}={','.join(many)}" for key, many in texts.items()]
            yield replace(trial, arm=control.kind, values={"train.multiplex": entries}, control=control)


def _alone(found: Texts, number: int) -> Texts:
    return {key: [texts[number]] * len(texts) for key, texts in found.items()}


def _without(found: Texts, number: int, settings: Settings) -> Texts:
    """Weight 0 for the documents of one treatment, in every source that teaches documents or is multiplexed."""
    count = len(next(iter(found.values())))
    named = [key.rpartition(".")[0] for key in found if key.startswith("train.stages.")]
    weights = {}
    for place in dict.fromkeys([*taught(settings), *named]):
        key = f"{place}.weight"
        texts = list(found.get(key, [f"{source_at(settings, place).weight:g}"] * count))
        weights[key] = [*texts[:number], "0", *texts[number + 1 :]]
    return {**found, **weights}


def rows_of(trial: Trial, settings: Settings) -> list[tuple[Group, int | None]]:
    """The rows of the table that a trial belongs to, each with the treatment it shows; None shows all documents.

    A multiplexed trial has a row for each treatment, one of all documents under one treatment has its own, and one without a group
    has none: only the matrix reads it.
    """
    treated = described(settings.train.multiplex)
    arm, point = trial.group
    groups = [(arm, (*point, *values.items())) for values in treated]
    if not treated:
        return [(trial.group, None)]
    if trial.control is None:
        return [(group, number) for number, group in enumerate(groups)]
    return [(groups[0], None)] if trial.control.kind == ALONE else []


class Interference:
    """The trials at one point of the grid, by what they are beside the multiplexed ones.

    Args:
        results: the finished trials of each kind, with the number of the treatment that is alone or missing (None: all are there).
        count: of treatments.
    """

    def __init__(self, results: Mapping[Control | None, Sequence[TrialResult]], count: int, data: str) -> None:
        self.results, self.count, self.data = results, count, data

    def curve(self, probe: str, name: str) -> list[dict[str, Any]]:
        """Each treatment in the multiplexed runs beside the same documents where all got that treatment.

        `safe` is false where the multiplexed value leaves the interval of the other, or their difference is not 0; None where
        nothing tells.
        """
        return [self._point(number, probe, name) for number in range(self.count)]

    def _point(self, number: int, probe: str, name: str) -> dict[str, Any]:
        together, alone = self._of(None, number), self._of(Control(ALONE, number), number)
        here, there = (group_measure(many, probe, name, self.data) for many in (together, alone))
        gap = difference(together, alone, probe, name, self.data)
        return {"together": here, "alone": there, "difference": gap, "safe": _safe(here, there, gap)}

    def matrix(self, probe: str, name: str) -> list[list[dict[str, Any] | None]]:
        """Row i, column j: what the presence of the documents of treatment i adds to the measure of treatment j."""
        return [
            [
                difference(self._of(None, j), self._of(Control(WITHOUT, i), j), probe, name, self.data)
                for j in range(self.count)
            ]
            for i in range(self.count)
        ]

    def _of(self, control: Control | None, number: int) -> list[TrialResult]:
        return [replace(result, treatment=number) for result in self.results.get(control, ())]


def _safe(
    together: Mapping[str, Any] | None, alone: Mapping[str, Any] | None, gap: Mapping[str, Any] | None
) -> bool | None:
    if together is None or alone is None or alone["low"] is None or alone["high"] is None:
        return None
    inside = bool(alone["low"] <= together["value"] <= alone["high"])
    if gap is None or gap["low"] is None or gap["high"] is None:
        return inside
    return inside and bool(gap["low"] <= 0 <= gap["high"])
