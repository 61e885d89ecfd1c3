"""What one trial left behind, as numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

COSTS = ("steps", "passes", "tokens", "label_tokens", "seconds")
"""What `summary.json` of a run says it cost."""


@dataclass(frozen=True)
class Replicate:
    """What is repeated: which people (or other data), and which randomness of training."""

    data_seed: int
    seed: int


@dataclass(frozen=True)
class Items:
    """One measure item by item: `values` by question, and the document each question asks about."""

    values: dict[str, float]
    documents: dict[str, str]


@dataclass(frozen=True)
class TrialResult:
    """A finished trial, read from its folder when asked."""

    trial: str
    replicate: Replicate
    folder: Path

    @cached_property
    def probes(self) -> dict[str, Any]:
        """`probes` of the trial's results.json."""
        probes: dict[str, Any] = json.loads((self.folder / "results.json").read_text(encoding="utf-8"))["probes"]
        return probes

    @cached_property
    def cost(self) -> dict[str, float]:
        """What the training cost; empty where nothing was written about it."""
        path = self.folder / "summary.json"
        summary = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return {name: summary[name] for name in COSTS if isinstance(summary.get(name), (int, float))}

    def measure(self, probe: str, name: str) -> dict[str, Any] | None:
        """One measure as results.json holds it; None where it was not measured."""
        found: dict[str, Any] | None = self.probes.get(probe, {}).get("measures", {}).get(name)
        return found

    def items(self, probe: str, name: str) -> Items | None:
        """The values behind a measure; None where the predictions do not determine them.

        Predictions hold scores by question, not by measure. A set of them is taken for the measure only if its size and
        its mean are those of results.json.
        """
        measure = self.measure(probe, name)
        path = self.folder / "predictions" / f"{probe}.jsonl"
        if measure is None or not path.exists():
            return None
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        asked = [row for row in rows if "scores" in row]
        found = [
            chosen for kind in _kinds(asked) if (chosen := _scored(asked, kind, name)) and _agrees(chosen, measure)
        ]
        return found[0] if len(found) == 1 else None


def _kinds(rows: Sequence[dict[str, Any]]) -> list[str | None]:
    """Every kind of question, and None for all together where there are several."""
    kinds: list[str | None] = list(dict.fromkeys(row.get("kind") for row in rows))
    return kinds if len(kinds) < 2 else [*kinds, None]


def _scored(rows: Sequence[dict[str, Any]], kind: str | None, measure: str) -> Items | None:
    """The rows of one kind with the score that ends the measure's name, else exact match."""
    chosen = [row for row in rows if kind in (None, row.get("kind"))]
    names = [name for name in chosen[0]["scores"] if measure == name or measure.endswith(f"_{name}")] if chosen else []
    score = names[0] if names else "exact_match"
    if any(score not in row["scores"] for row in chosen):
        return None
    values = {row["id"]: float(row["scores"][score]) for row in chosen}
    return Items(values, {row["id"]: row.get("document") or row["id"] for row in chosen})


def _agrees(items: Items, measure: dict[str, Any]) -> bool:
    mean = sum(items.values.values()) / len(items.values)
    return bool(len(items.values) == measure["n"] and abs(mean - measure["value"]) < 1e-9)


def locate_measure(results: Sequence[TrialResult], wanted: str) -> tuple[str, str] | None:
    """Probe and name of a measure given as `recall` or `biographies.recall`; None where no trial has it."""
    for result in results:
        for probe, found in result.probes.items():
            for name in found.get("measures", {}):
                if wanted in (name, f"{probe}.{name}"):
                    return probe, name
    return None
