"""Two models on the same questions: tests of the difference, and the questions whose answer became right or wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kinj.eval.base import Measure
from kinj.stats import Interval, mcnemar, sign_flip, smallest_detectable

GAINED, LOST = "gained", "lost"
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


def flips(after: Sequence[dict[str, Any]], before: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The questions that one model answers exactly and the other does not, from the lines of their predictions.

    Returns:
        For each of them, in order: `id`, `document`, `kind`, `prompt`, `answers`, `change` (gained or lost since `before`) and
        both predictions.
    """
    earlier = {row["id"]: row for row in before if "scores" in row}
    found = []
    for row in after:
        other = earlier.get(row["id"])
        if other is None or "scores" not in row or row["scores"]["exact_match"] == other["scores"]["exact_match"]:
            continue
        about = {key: row[key] for key in ("id", "document", "kind", "prompt", "answers") if key in row}
        change = GAINED if row["scores"]["exact_match"] else LOST
        found.append(about | {"change": change, "before": other["prediction"], "after": row["prediction"]})
    return found


def summary(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How many answers were gained and lost, and the first `EXAMPLES` of each, for results.json."""
    by_change = {change: [row for row in found if row["change"] == change] for change in (GAINED, LOST)}
    examples = [row for rows in by_change.values() for row in rows[:EXAMPLES]]
    return {**{change: len(rows) for change, rows in by_change.items()}, "examples": examples}
