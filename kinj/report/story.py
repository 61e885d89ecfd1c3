"""What results mean in sentences. The same words go to the page, to the card and into captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kinj.config.wording import capitalized
from kinj.report.numbers import amount, difference_text, interval_text, value_text
from kinj.report.plots import Series
from kinj.report.tables import (
    at_equal,
    comparison_line,
    is_main,
    main_is_share,
    main_measure,
    main_title,
    reference_line,
    reference_of,
)

Results = Mapping[str, Any]
NEAR_BEST = 0.01
"""Recall within one point of its best value counts as having arrived."""
SOME_LOSS = 0.05
"""A fall of the loss that is worth a word, in nats per token."""


def answer(results: Results, laws: Sequence[Mapping[str, Any]] = ()) -> tuple[str, list[str]]:
    """A law (or the first comparison, or the best row) in one sentence, and what has to be said with it."""
    if laws:
        return capitalized(laws[0]["answer"]), [
            f"The law “{laws[0]['law']}”, fitted to {laws[0]['trials']} trials, with intervals over {laws[0]['seeds']} seeds."
        ]
    main = [comparison for comparison in results["comparisons"] if is_main(results, comparison)]
    if main:
        return _verdict(main[0], main_title(results)), _beside(results, main[0])
    found = [(measure["value"], g) for g in results["groups"] if (measure := main_measure(results, g))]
    if not found:
        return "Nothing was measured.", list(results["notices"])
    sign = found[0][1]["measures"][results["measure"]["probe"]][results["measure"]["name"]]["direction"]
    best = max(found, key=lambda pair: pair[0] * sign)[1]
    measure = main_measure(results, best)
    assert measure is not None
    value = f"{value_text(measure)} {interval_text(measure)}".rstrip()
    if len(found) == 1:
        return f"{main_title(results)}: {value}", [interval_covers(measure)]
    what = "" if main_is_share(results) else f"{main_title(results)} "
    alike = sum(one == measure["value"] for one, _ in found)
    if alike > 1:
        many = f"All {alike} rows" if alike == len(found) else f"The best {alike} of {len(found)} rows"
        return f"{many} have the same value: {what}{value_text(measure)}", [
            "Which of them is better, these measurements do not tell."
        ]
    return f"Best: {best['name']}, with {what}{value}", [
        "Rows were not compared in pairs, so this may be chance: look at the intervals."
    ]


def _verdict(comparison: Mapping[str, Any], title: str) -> str:
    a, b, low, high = comparison["a"], comparison["b"], comparison["low"], comparison["high"]
    if low is None or (low <= 0 <= high):
        return f"No difference shown between “{a}” and “{b}”: {difference_text(comparison)}"
    better = "better" if (low > 0) == (comparison["direction"] > 0) else "worse"
    return f"“{a}” does {better} than “{b}” ({title}): {difference_text(comparison)}"


def _beside(results: Results, comparison: Mapping[str, Any]) -> list[str]:
    lines = [f"Compared {at_equal(comparison)}. {interval_covers(comparison)}"]
    if comparison["smallest"] is not None:
        least = amount(comparison["smallest"], comparison["unit"])
        lines.append(f"A true difference of {least} or more would have been found in four of five such comparisons.")
    reference = reference_of(results, comparison)
    if reference is not None:
        line = reference_line(results, reference)
        lines.append(f"{capitalized(line)}.")
    return lines


def interval_covers(measure: Mapping[str, Any]) -> str:
    """What an interval generalises over; of a single document or question, that there is none."""
    if measure["low"] is None or measure["high"] is None:
        return f"There is no interval, so this says nothing beyond what was asked ({measure['covers']})."
    return f"The interval covers {measure['covers']}."


def comparisons_in_words(results: Results) -> list[str]:
    """Every comparison of the measure asked for, one line each."""
    return [comparison_line(comparison) for comparison in results["comparisons"] if is_main(results, comparison)]


def covers(results: Results) -> list[str]:
    """Everything the intervals of a sweep generalise over, once each."""
    found = [m["covers"] for g in results["groups"] for probe in g["measures"].values() for m in probe.values()]
    return list(dict.fromkeys(found))


def run_covers(probes: Mapping[str, Any]) -> list[str]:
    """Everything the intervals of a run generalise over, by probe."""
    return list(
        dict.fromkeys(
            f"{probe}: intervals cover {m['covers']}."
            for probe, found in probes.items()
            for m in found["measures"].values()
        )
    )


def parting(recall: Series, loss: Series, unit: str) -> str | None:
    """Where recall stopped rising while the loss went on falling; None where there are too few points to say."""
    if len(recall.y) < 3 or not loss.y:
        return None
    arrived = next(x for x, y in zip(recall.x, recall.y, strict=True) if y >= max(recall.y) - 100 * NEAR_BEST)
    there = min(range(len(loss.x)), key=lambda i: abs(loss.x[i] - arrived))
    fell = loss.y[there] - loss.y[-1]
    if arrived >= recall.x[-1]:
        return "Recall was still rising at the last measurement; training longer may add more."
    best, at = max((y, -x) for x, y in zip(recall.x, recall.y, strict=True))
    if recall.y[-1] < best - 100 * NEAR_BEST:
        return f"Recall did not stay at its best: {best:.1f} % at {-at:g} {unit}, {recall.y[-1]:.1f} % at the last measurement."
    said = f"Recall was within a point of its best from {arrived:g} {unit} on"
    return f"{said}; the loss fell by another {fell:.2f} without more recall." if fell >= SOME_LOSS else f"{said}."


def beside_loss(title: str, share: bool) -> str:
    """The title of a plot of a measure taken on the way beside the training loss."""
    return "Recall beside the loss" if share else f"{capitalized(title)} beside the training loss"


def overlap_sentences(probes: Mapping[str, Any]) -> list[str]:
    """The share of each probe's prompts that stand in the training texts, where that was counted."""
    lines = []
    for probe, found in probes.items():
        overlap = found.get("prompt_overlap")
        if isinstance(overlap, Mapping) and overlap.get("prompts"):
            share = overlap["share"]
            known = "unknown: there is no record of the training texts" if share is None else f"{100 * share:.1f} %"
            lines.append(f"Questions of {probe} that stand in the training texts word for word: {known}.")
    return lines


def flat(values: Sequence[str]) -> str:
    """Several names in one line."""
    return ", ".join(values) or "none"
