"""What stands beside the table of a sweep: what was not measured, what was seen before, what a reader must be told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kinj.config.schema import Settings
from kinj.sweep.outcome import TrialResult

MULTIPLEXED = (
    "treatments that share a run share its cost evenly; what it kept of older knowledge stands in the row of each"
)
UNCHECKED = "treatments that share a run may help or disturb each other; --alone also runs each alone, and says so"


def not_measured(results: Sequence[TrialResult]) -> dict[str, str]:
    """Probes that could not be asked, with the reason."""
    return {
        probe: found["not_measured"]
        for result in results
        for probe, found in result.probes.items()
        if "not_measured" in found
    }


def prompt_overlap(results: Sequence[TrialResult]) -> dict[str, float | None]:
    """Largest share, over the trials, of a probe's prompts that stand in the training texts; null where it is not known."""
    shares: dict[str, list[float | None]] = {}
    for result in results:
        for probe, found in result.probes.items():
            overlap = found.get("prompt_overlap")
            if isinstance(overlap, dict) and overlap.get("prompts"):
                shares.setdefault(probe, []).append(overlap["share"])
    return {
        probe: None if None in many else max(share for share in many if share is not None)
        for probe, many in shares.items()
    }


def reference(settings: Settings) -> dict[str, Any] | None:
    """The committed table beside which this one is shown, as `{source, comparisons, groups}`."""
    if settings.sweep.reference is None:
        return None
    path = Path(settings.sweep.reference)
    file = path / "results.json" if path.is_dir() else path
    if not file.exists():
        return None
    content = json.loads(file.read_text(encoding="utf-8"))
    return {"source": settings.sweep.reference, "comparisons": content["comparisons"], "groups": content["groups"]}


def notices(
    results: Sequence[TrialResult], measured: Sequence[tuple[str, str]] | None, settings: Settings
) -> list[str]:
    """What a reader of the table must be told.

    Args:
        results: of the finished trials.
        measured: the measures (probe, name) there are, where none of them is the one asked for.
        settings: of the sweep.
    """
    told = []
    if measured is not None and results:
        names = ", ".join(f"{probe}.{name}" for probe, name in measured)
        told.append(f"no trial measured sweep.measure={settings.sweep.measure}; measured were: {names or 'nothing'}")
    if settings.train.multiplex:
        told += [MULTIPLEXED] if settings.sweep.alone else [MULTIPLEXED, UNCHECKED]
    if settings.sweep.reference is not None and reference(settings) is None:
        told.append(
            f"sweep.reference={settings.sweep.reference} is not here, so no larger table is shown beside this one"
        )
    told += _shared(results)
    for result in results:
        for probe, found in result.probes.items():
            told += [f"{probe}: {notice}" for notice in found.get("notices", [])]
    return list(dict.fromkeys(told))


def of_pruned(pruned: Sequence[Mapping[str, Any]], trials: int, partly: Sequence[str]) -> list[str]:
    """What to say of trials that were ended early for a poor learning curve (`sweep.prune`).

    Args:
        pruned: the trials, each with the `step` it was ended at.
        trials: how many there are in all.
        partly: rows of the table some of whose repetitions were.
    """
    if not pruned:
        return []
    steps = sum(one["step"] for one in pruned)
    told = [
        f"pruned trials: {len(pruned)} of {trials}, ended early for a learning curve behind the others' (sweep.prune); "
        f"they are in no mean and no comparison, and their {steps:,} steps in no cost"
    ]
    if partly:
        rows = "these rows lost repetitions that began badly, so their means, and comparisons with them, look better than they are"
        told.append(f"{rows}: {', '.join(partly)}")
    return told


def _shared(results: Sequence[TrialResult]) -> list[str]:
    """What of the costs was spent once for several trials."""
    shared = [result for result in results if result.taken_over]
    if not shared:
        return []
    steps, seconds = (sum(result.taken_over[name] for result in shared) for name in ("steps", "seconds"))
    trials, took_over = ({result.trial for result in many} for many in (results, shared))
    took = f"{len(took_over)} of {len(trials)} trials took over stages that another trial had trained"
    return [f"{took}; their costs count the {steps:,.0f} steps ({seconds:,.0f} s), which were spent once, as their own"]
