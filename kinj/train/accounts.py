"""What a run keeps account of: a line per step in metrics.jsonl, and sums over all its steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kinj.data.rundir import RunDir
from kinj.train.step import StepReport


@dataclass
class TrainResult:
    """What a run did: sums over all its steps. `seconds` is the time spent in steps, over all resumptions.

    `sam_time_share` is the share of that time that plain steps would not have taken.
    """

    steps: int
    passes: int
    tokens: int
    computed_tokens: int
    label_tokens: int
    seconds: float
    sam_steps: int
    sam_skipped: int
    sam_time_share: float

    @classmethod
    def from_totals(cls, totals: Mapping[str, float]) -> TrainResult:
        numbers = {name: totals.get(name, 0) for name in cls.__annotations__}
        times = ("seconds", "sam_time_share")
        return cls(**{name: number if name in times else round(number) for name, number in numbers.items()})  # type: ignore[arg-type]  # the keys decide the types


def counts_of(report: StepReport) -> dict[str, float]:
    """What a step adds to the sums of its run."""
    moved = report.shift is not None and report.shift.moved
    return {
        "steps": 1,
        "passes": report.passes,
        "tokens": report.tokens,
        "computed_tokens": report.computed_tokens,
        "label_tokens": report.label_tokens,
        "sam_steps": int(moved),
        "sam_skipped": int(report.shift is not None and not (moved and report.stepped)),
    }


def metrics_of(report: StepReport, totals: Mapping[str, float]) -> dict[str, Any]:
    """A step's line in metrics.jsonl; `totals` are the run's sums with this step."""
    metrics: dict[str, Any] = {
        "loss": report.loss,
        "grad_norm": report.grad_norm,
        "tokens": report.tokens,
        "label_tokens": report.label_tokens,
        "passes": report.passes,
    }
    if report.shift is None:
        return metrics
    measured = {
        "sam/moved": report.shift.moved,
        "sam/grad_norm": report.shift.length,
        "sam/loss_gap": report.loss_gap,
        "sam/gap_ratio": report.gap_ratio,
        "sam/cos_g1_g2": report.shift.cos,
        "sam/kept": report.shift.kept,
        "sam/realised_cos": report.shift.realised_cos,
        "sam/steps": totals["sam_steps"],
        "sam/skipped": totals["sam_skipped"],
    }
    return metrics | {name: value for name, value in measured.items() if value is not None}


def times_of(run: RunDir) -> dict[str, float]:
    """Time spent in the steps of this run; those between a checkpoint and an interruption were taken again and count once."""
    by_step = {event["step"]: event for event in run.events() if event["kind"] == "checkpoint"}
    seconds = sum(float(event["seconds"]) for event in by_step.values())
    sam = sum(float(event["seconds"]) * float(event.get("sam/time_share", 0)) for event in by_step.values())
    return {"seconds": seconds, "sam_time_share": round(sam / seconds, 4) if seconds else 0.0}
