"""Two models on the same questions: tests of the difference, and the questions whose answer became right or wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from kinj.eval.base import Measure
from kinj.stats import Interval, mcnemar, sign_flip, smallest_detectable

GAINED, LOST = "gained", "lost"
ABOUT = ("id", "document", "kind", "prompt", "answers")
HITS = (-1.0, 0.0, 1.0)
EXAMPLES = 3
"""Questions gained, and questions lost, that results.json and the screen show; the file has all."""


def difference_tests(measure: Measure, found: Interval) -> dict[str, Any]:
    """What stands beside the interval of a paired difference in results.json.

    `sign_flip`: the test by document. `mcnemar`: of hits and misses only (else null), for comparison with papers that report it;
    it takes questions for independent. `smallest_detectable`: the smallest true difference that 80% of such comparisons find.
    """
    flipped, hits = sign_flip(measure.values, measure.clusters), set(measure.values) <= set(HITS)
    return {
        "sign_flip": {"p": flipped.p, "documents": flipped.documents, "exact": flipped.exact},
        "mcnemar": vars(mcnemar(measure.values)) | {"assumes": "independent questions"} if hits else None,
        "smallest_detectable": smallest_detectable(found.error, found.dof) if found.error and found.dof else None,
    }


def flips(after: Iterable[Measure], before: Iterable[Measure], rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The questions whose answer became right or wrong, by the score that their probe goes by.

    Args:
        after, before: the measures of the two models; those without items say nothing about single questions.
        rows: the lines of the predictions.

    Returns:
        For each of them, in order: `id`, `document`, `kind`, `prompt`, `answers`, `score` (the measure), `change` (gained or lost
        since `before`) and what both said.
    """
    about, earlier = {row["id"]: row for row in rows}, _by_question(before)
    found = []
    for question, (score, right, said) in _by_question(after).items():
        if question not in earlier or earlier[question][1] == right:
            continue
        _, was, other = earlier[question]
        row = {key: about[question][key] for key in ABOUT if key in about[question]}
        found.append(row | {"score": score, "change": GAINED if right > was else LOST, "before": other, "after": said})
    return found


def _by_question(measures: Iterable[Measure]) -> dict[str, tuple[str, float, str]]:
    """Of each question: the first measure that has it, its value there, and what was said."""
    found: dict[str, tuple[str, float, str]] = {}
    for measure in measures:
        if measure.items:
            for item, value in zip(measure.items, measure.values, strict=True):
                found.setdefault(item.question, (measure.name, value, item.said))
    return found


def forgotten(after: Measure, before: Measure) -> list[Measure]:
    """`NAME_forgotten`: of the questions that were right before, the share that is not any more; none where none was right."""
    was = dict(zip((item.question for item in before.items), before.values, strict=True))
    chosen = [n for n, item in enumerate(after.items) if was.get(item.question) == 1.0]
    if not chosen:
        return []
    values = [float(after.values[n] < 1.0) for n in chosen]
    note = f"{int(sum(values)):,} of {len(chosen):,} that were right before are wrong now"
    lost = replace(after, values=values, clusters=[after.clusters[n] for n in chosen], items=[], note=note)
    return [replace(lost, name=f"{after.name}_forgotten", direction=-1)]


def summary(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How many answers were gained and lost, and the first `EXAMPLES` of each, for results.json."""
    by_change = {change: [row for row in found if row["change"] == change] for change in (GAINED, LOST)}
    examples = [row for rows in by_change.values() for row in rows[:EXAMPLES]]
    return {**{change: len(rows) for change, rows in by_change.items()}, "examples": examples}
