"""From metrics.jsonl to lines: the loss, and recall on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kinj.report.plots import Series
from kinj.report.read import RunFiles

BINS = 60
"""Points of a loss curve; each is the mean of its steps."""


def x_label(run: RunFiles) -> str:
    """What x counts: passes over the documents in a run of one stage, steps otherwise."""
    return "steps" if _many_stages(run) else "passes over the documents"


def loss_series(run: RunFiles, label: str = "loss", arm: int | None = None) -> Series | None:
    """The training loss; None where nothing was logged."""
    rows = run.steps
    if not rows:
        return None
    size = max(1, -(-len(rows) // BINS))
    parts = [rows[start : start + size] for start in range(0, len(rows), size)]
    return Series(
        label,
        [_mean([_x(run, r) for r in part]) for part in parts],
        [_mean([r["loss"] for r in part]) for part in parts],
        arm=arm,
    )


def recall_series(run: RunFiles, measure: str, label: str = "", arm: int | None = None) -> Series | None:
    """A measure taken on the way, shares in percent; None where it was not."""
    rows = [row for row in run.probes if row["measure"] == measure]
    if not rows:
        return None
    scale = 100 if is_share(run, measure) else 1
    at = {row["step"]: _x(run, row) for row in run.steps}
    x = [at.get(row["step"], float(row["step"])) for row in rows]
    ends = [[_scaled(row.get(end), scale) for row in rows] for end in ("low", "high")]
    return Series(label or measure, x, [scale * row["value"] for row in rows], ends[0], ends[1], arm)


def is_share(run: RunFiles, measure: str) -> bool:
    """Whether a measure taken on the way is a share. Runs of older versions say so in their results alone."""
    rows = [row for row in run.probes if row["measure"] == measure]
    asked = [probe.get("measures", {}).get(measure) for probe in run.results.get("probes", {}).values()]
    found = next((one for one in (*rows, *asked) if one and "unit" in one), {"unit": "share"})
    return bool(found["unit"] == "share")


def probed_shares(run: RunFiles) -> list[str]:
    """Headline measures taken on the way, the first one first."""
    return [name for name in dict.fromkeys(row["measure"] for row in run.probes) if "/" not in name]


def _many_stages(run: RunFiles) -> bool:
    return len({row.get("stage") for row in run.steps}) > 1


def _x(run: RunFiles, row: Mapping[str, Any]) -> float:
    return float(row["step"] if _many_stages(run) or row.get("epoch") is None else row["epoch"])


def _scaled(value: float | None, scale: int) -> float | None:
    return None if value is None else scale * value


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
