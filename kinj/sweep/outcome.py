"""What one trial left behind, as numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from kinj.eval.ranking import wins

COSTS = ("steps", "passes", "tokens", "label_tokens", "seconds")
"""What `summary.json` of a run says it cost."""

RANKINGS = ("ranked_first", "choice")
"""Measures that say whether the accepted answer has the largest log-probability, as they begin."""

SCORES = ("_f1", "_contains", "_rouge_l_recall", "_change")
"""Endings of measures that stand beside an exact match over the same questions."""


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
        ranked = _ranked(rows, name)
        if ranked and _agrees(ranked, measure):
            return ranked
        asked = [row for row in rows if "scores" in row]
        by_kind = [
            [row for row in asked if row.get("kind") == kind] for kind in {row.get("kind"): None for row in asked}
        ]
        for sets in ([asked, *by_kind] if len(by_kind) > 1 else [asked], self._blocks(asked, probe)):
            found = [items for chosen in sets if (items := _scored(chosen, name)) and _agrees(items, measure)]
            if found:
                return found[0] if len(found) == 1 else None
        return None

    def _blocks(self, rows: Sequence[dict[str, Any]], probe: str) -> list[Sequence[dict[str, Any]]]:
        """The rows cut as the measures follow each other: some probes ask one pool of questions after the other."""
        measures = self.probes[probe]["measures"]
        sizes = [m["n"] for name, m in measures.items() if not name.endswith(SCORES) and "/" not in name]
        starts = [sum(sizes[:number]) for number in range(len(sizes))]
        return [rows[start : start + size] for start, size in zip(starts, sizes, strict=True)]


def _scored(rows: Sequence[dict[str, Any]], measure: str) -> Items | None:
    """Some rows with the score that ends the measure's name, else exact match."""
    score = next((name for name in SCORES if measure.endswith(name)), "_exact_match").removeprefix("_")
    if not rows or any(score not in row["scores"] for row in rows):
        return None
    values = {row["id"]: float(row["scores"][score]) for row in rows}
    return Items(values, {row["id"]: row.get("document") or row["id"] for row in rows})


def _ranked(rows: Sequence[dict[str, Any]], measure: str) -> Items | None:
    """Whether each question's accepted answer came first among its candidates; None for a measure that is no ranking."""
    if not measure.startswith(RANKINGS):
        return None
    rows = [row for row in rows if "ranking" in row]
    values = {row["id"]: wins(_amounts(row["ranking"], measure)) for row in rows}
    return Items(values, {row["id"]: row.get("document") or row["id"] for row in rows}) if values else None


def _amounts(ranking: dict[str, list[Any]], measure: str) -> list[float]:
    raw, neutral = ranking["logprobs"], ranking["neutral_logprobs"]
    if measure.endswith("_no_question"):
        return neutral
    if measure.endswith("_per_character"):
        return [logprob / max(1, len(text)) for logprob, text in zip(raw, ranking["candidates"], strict=True)]
    return [a - b for a, b in zip(raw, neutral, strict=True)] if measure.endswith("_pmi") else raw


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
