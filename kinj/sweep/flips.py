"""Questions that one of two rows answers and the other does not: what a difference of means looks like, question by question."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kinj.sweep.outcome import Items, TrialResult

EXAMPLES = 5
"""Questions shown for each side."""


def flips(a: Sequence[TrialResult], b: Sequence[TrialResult], probe: str, name: str) -> dict[str, Any] | None:
    """What `a` alone and what `b` alone answers, paired by replicate; None where the answers are not at hand.

    Returns:
        `pairs` (of runs), `questions` (asked of both), `gained` and `lost` (answered by `a` alone, by `b` alone), and
        `examples`, each with `question`, `answers`, what `a` and `b` said, which of them is `right`, and the seeds.
    """
    others = {result.replicate: result for result in b}
    pairs = [(result, others[result.replicate]) for result in a if result.replicate in others]
    counts = {"pairs": 0, "questions": 0, "gained": 0, "lost": 0}
    examples: dict[str, list[dict[str, Any]]] = {"a": [], "b": []}
    for left, right in pairs:
        answered = left.items(probe, name), right.items(probe, name)
        if answered[0] is None or answered[1] is None:
            continue
        changed = dict(_changed(answered[0], answered[1]))
        counts["pairs"] += 1
        counts["questions"] += len(answered[0].values.keys() & answered[1].values.keys())
        counts["gained"] += sum(side == "a" for side in changed.values())
        counts["lost"] += sum(side == "b" for side in changed.values())
        if changed and any(len(many) < EXAMPLES for many in examples.values()):
            for one in _told(left, right, probe, changed):
                if len(examples[one["right"]]) < EXAMPLES:
                    examples[one["right"]].append(one)
    if not counts["pairs"]:
        return None
    return {**counts, "examples": [*examples["a"], *examples["b"]]}


def _changed(a: Items, b: Items) -> Iterator[tuple[str, str]]:
    """Questions that one side answers in full and the other does not, each with the side that does."""
    for question, value in a.values.items():
        other = b.values.get(question)
        if other is not None and (value == 1) != (other == 1):
            yield question, "a" if value == 1 else "b"


def _told(a: TrialResult, b: TrialResult, probe: str, changed: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The changed questions with both answers; one a document, so that the examples are about different things."""
    left, right = _answers(a, probe), _answers(b, probe)
    seen: set[tuple[str, str]] = set()
    for question, side in changed.items():
        one, other = left.get(question), right.get(question)
        if one is None or other is None or (one.get("document", question), side) in seen:
            continue
        seen.add((one.get("document", question), side))
        said = {"question": one["prompt"], "answers": one["answers"], "a": one["prediction"], "b": other["prediction"]}
        yield {**said, "right": side, "data_seed": a.replicate.data_seed, "seed": a.replicate.seed}


def _answers(result: TrialResult, probe: str) -> dict[str, dict[str, Any]]:
    """The rows of a probe's predictions that hold an answer in words, by question."""
    text = (result.folder / "predictions" / f"{probe}.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    return {row["id"]: row for row in rows if {"prompt", "answers", "prediction"} <= row.keys()}
