"""What one trial left behind, as numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

from kinj.config.errors import KinjError
from kinj.data.treatments import read_treatments
from kinj.eval.base import SCHEMA
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
    """A finished trial, read from its folder when asked.

    Attributes:
        treatment: looks at the documents of one treatment of a multiplexed trial (`train.multiplex`) alone; None looks at all.
    """

    trial: str
    replicate: Replicate
    folder: Path
    treatment: int | None = None

    @cached_property
    def probes(self) -> dict[str, Any]:
        """`probes` of the trial's results.json. What a probe does not say by treatment, it says of all documents.

        Raises:
            KinjError: another version of kinj wrote it, or it is damaged.
        """
        probes = self._read()
        if self.treatment is None:
            return probes
        return {
            name: found | found["treatments"][self.treatment] if found.get("treatments") else found
            for name, found in probes.items()
        }

    def _read(self) -> dict[str, Any]:
        path = self.folder / "results.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            schema, probes = content.get("schema", SCHEMA), dict(content["probes"])
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            hint = "remove that file; the next time, the trial is asked again"
            raise KinjError(f"{path} is damaged ({error})", hint) from error
        if schema != SCHEMA:
            hint = "go on with that version, or run the trials anew elsewhere: -o FOLDER (here: --overwrite)"
            raise KinjError(f"another version of kinj wrote {path} (schema {schema}; this one reads {SCHEMA})", hint)
        return probes

    @cached_property
    def documents(self) -> frozenset[str]:
        """The documents of the treatment; empty where all are looked at."""
        treatments = {} if self.treatment is None else read_treatments(self.folder)
        return frozenset(name for name, number in treatments.items() if number == self.treatment)

    @cached_property
    def cost(self) -> dict[str, float]:
        """What the training cost, of a treatment its share of that; empty where nothing was written about it."""
        known = {name: self._summary.get(name) for name in COSTS}
        return {name: cost / self._parts for name, cost in known.items() if isinstance(cost, (int, float))}

    @cached_property
    def taken_over(self) -> dict[str, float]:
        """How much of that cost, `steps` and `seconds`, was spent once for several trials, by another one; else empty."""
        found: dict[str, float] = self._summary.get("taken_over", {})
        return {name: cost / self._parts for name, cost in found.items() if isinstance(cost, (int, float))}

    @cached_property
    def _parts(self) -> int:
        """Among how many treatments the cost is divided."""
        return 1 if self.treatment is None else 1 + max(read_treatments(self.folder).values(), default=0)

    @cached_property
    def _summary(self) -> dict[str, Any]:
        path = self.folder / "summary.json"
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return found

    def measure(self, probe: str, name: str) -> dict[str, Any] | None:
        """One measure as results.json holds it; None where it was not measured."""
        found: dict[str, Any] | None = self.probes.get(probe, {}).get("measures", {}).get(name)
        return found

    def items(self, probe: str, name: str) -> Items | None:
        """The values behind a measure; None where the predictions do not determine them.

        Predictions hold scores by question, not by measure. A set of them (a kind of question, or a block) is taken for the
        measure only if its size and its mean are those of results.json, and never a set that is named after another measure.
        """
        measure = self.measure(probe, name)
        path = self.folder / "predictions" / f"{probe}.jsonl"
        if measure is None or not path.exists():
            return None
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        if self.documents:
            rows = [row for row in rows if (row.get("document") or row["id"]) in self.documents]
        ranked = _ranked(rows, name)
        if ranked and _agrees(ranked, measure):
            return ranked
        asked = [row for row in rows if "scores" in row]
        kinds = list({row.get("kind"): None for row in asked})
        by_kind = {kind: [row for row in asked if row.get("kind") == kind] for kind in kinds if len(kinds) > 1}
        own = {_bare(name), *_bare(name).split("/")}
        others = {_bare(other) for other in self.probes[probe]["measures"]} - own
        for sets in ({"": asked, **by_kind}, self._blocks(asked, probe)):
            agreeing = {
                of: items
                for of, chosen in sets.items()
                if of not in others and (items := _scored(chosen, name)) and _agrees(items, measure)
            }
            found = [agreeing[of] for of in agreeing if of in own] or list(agreeing.values())
            if found:
                return found[0] if len(found) == 1 else None
        return None

    def _blocks(self, rows: Sequence[dict[str, Any]], probe: str) -> dict[str, Sequence[dict[str, Any]]]:
        """The rows cut as the measures follow each other, by measure: some probes ask one pool of questions after the other."""
        measures = self.probes[probe]["measures"]
        sizes = {name: m["n"] for name, m in measures.items() if not name.endswith(SCORES) and "/" not in name}
        ends = dict(zip(sizes, accumulate(sizes.values()), strict=True))
        return {name: rows[ends[name] - size : ends[name]] for name, size in sizes.items()}


def _bare(measure: str) -> str:
    """The name of a measure without the score that ends it."""
    return measure.removesuffix(next((score for score in SCORES if measure.endswith(score)), ""))


def _scored(rows: Sequence[dict[str, Any]], measure: str) -> Items | None:
    """Some rows with the score that ends the measure's name, else exact match."""
    score = measure.removeprefix(_bare(measure)).removeprefix("_") or "exact_match"
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
