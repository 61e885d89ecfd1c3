"""When probes are asked on the way, and when what they show ends a stage early."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from kinj.config.errors import UsageError
from kinj.config.schema import StopSettings, TrainSettings


def probes_at(step: int, train: TrainSettings) -> bool:
    """Whether probes are asked after this step (from 1): every `probe_every`, or `probe_log` times per tenfold of steps."""
    if train.probe_every and step % train.probe_every == 0:
        return True
    if not train.probe_log:
        return False
    nearest = round(train.probe_log * math.log10(step))
    return any(step == round(10 ** (i / train.probe_log)) for i in (nearest - 1, nearest, nearest + 1))


def reason_to_stop(stop: StopSettings, metrics: Iterable[Mapping[str, Any]], after: int) -> str | None:
    """Why a stage ends now, or None: the measure has reached its target, or has not improved for `patience` probes.

    It reads what the run wrote and nothing else, so a resumed run stops where an uninterrupted one does.

    Args:
        metrics: lines of metrics.jsonl in order.
        after: steps of the run before the stage began.

    Raises:
        UsageError: the measure is not among those that the probes found, so that the stage would never end early.
    """
    if stop.measure is None:
        return None
    probe, _, measure = stop.measure.partition("/")
    measured = [m for m in metrics if m.get("probe") == probe]
    all_lines = [m for m in measured if m.get("measure") == measure]
    lines = [m for m in all_lines if m["step"] > after and m["value"] is not None]
    if not all_lines:
        found = ", ".join(dict.fromkeys(f"{probe}/{m['measure']}" for m in measured))
        raise UsageError(
            f"train.stop.measure={stop.measure} was not measured, so nothing would ever stop the stage early",
            f"measured: {found}"
            if found
            else f"probe {probe} measured nothing here; `kinj eval MODEL --probe {probe}` says why",
        )
    if not lines:
        return None
    sign = -1 if lines[-1].get("direction") == -1 else 1
    values = [sign * float(line["value"]) for line in lines]
    if stop.target is not None and values[-1] >= sign * stop.target:
        return f"{stop.measure} has reached {lines[-1]['value']:.4g}"
    best = values.index(max(values))
    if stop.patience is not None and len(values) - 1 - best >= stop.patience:
        return f"{stop.measure} was best at step {lines[best]['step']}, and no better in {stop.patience} probes since"
    return None
