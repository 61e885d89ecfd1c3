"""Metrics shown elsewhere too, by accelerate's trackers: TensorBoard, trackio, Weights & Biases. metrics.jsonl stays the source."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from kinj.data.rundir import RunDir

PROJECT = "kinj"
"""Project that runs belong to, for trackers that have projects."""


class Trackers:
    """The trackers that `run.trackers` names, for one run.

    Args:
        names: of installed ones, some of `kinj.config.names.TRACKERS`.
        run: its folder's name is the run's name everywhere; TensorBoard's files go into `RUN/tensorboard`.
        step: steps that the run has already done. What was shown of later ones, before an interruption, is shown anew.
    """

    def __init__(self, names: Sequence[str], run: RunDir, step: int) -> None:
        self._open = [_start(name, run, step) for name in names]

    def show(self, metrics: Mapping[str, Any]) -> None:
        """Shows a line of metrics.jsonl: its finite numbers, under their names; a probe's measure as `PROBE/MEASURE`."""
        if "measure" in metrics:
            numbers = {f"{metrics['probe']}/{metrics['measure']}": metrics["value"]}
        else:
            numbers = {name: value for name, value in metrics.items() if name != "step"}
        numbers = {name: float(value) for name, value in numbers.items() if _is_number(value)}
        for tracker in self._open:
            tracker.log(numbers, step=metrics["step"])

    def close(self) -> None:
        """Writes what is still to be written."""
        for tracker in self._open:
            tracker.finish()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _start(name: str, run: RunDir, step: int) -> Any:
    from accelerate import tracking

    path = run.path.resolve()
    if name == "tensorboard":
        tracker: Any = tracking.TensorBoardTracker(name, path, purge_step=step + 1 if step else None)
    elif name == "trackio":
        tracker = tracking.TrackioTracker(PROJECT, name=path.name, resume="allow")
    else:
        tracker = tracking.WandBTracker(PROJECT, name=path.name, id=path.name, resume="allow", dir=path)
    tracker.start()
    return tracker
