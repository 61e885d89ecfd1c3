"""From measures and responses to what is written down: values with intervals, and one line per question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kinj.eval.asking import question_of, scores
from kinj.eval.base import Measure
from kinj.eval.ranking import rankings
from kinj.eval.scorers import final_answer
from kinj.models.requests import Response
from kinj.stats import STATISTICS, Interval, mean_interval, paired_difference, pairs_interval, perplexity_interval


def interval(measure: Measure) -> Interval:
    """Value and 95% interval of a measure.

    Raises:
        ValueError: it has no values, or its figure is undefined for them.
    """
    if measure.aggregate == "perplexity":
        return perplexity_interval(measure.values, measure.clusters)
    if measure.aggregate == "difference":
        return paired_difference(measure.values, [0.0] * len(measure.values), measure.clusters)
    if measure.aggregate == "at_least_0":
        return _floored(paired_difference(measure.values, [0.0] * len(measure.values), measure.clusters))
    if measure.aggregate in STATISTICS:
        return pairs_interval(measure.aggregate, measure.values, measure.beside, measure.clusters)
    return mean_interval(measure.values, measure.clusters)


def _floored(found: Interval) -> Interval:
    low, high = (None if end is None else max(0.0, end) for end in (found.low, found.high))
    return replace(found, value=max(0.0, found.value), low=low, high=high)


def measure_json(measure: Measure) -> dict[str, Any]:
    """A measure as results.json holds it; `low` and `high` are null where no interval can be given."""
    found = interval(measure)
    return {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "n": found.n,
        "clusters": found.clusters,
        "unit": measure.unit,
        "direction": measure.direction,
        "covers": found.covers,
        "note": measure.note,
    }


def prediction_rows(responses: Sequence[Response]) -> list[dict[str, Any]]:
    """One object per question, with the generated answer, its scores and the ranking of candidates; one per scored text."""
    rows: dict[str, dict[str, Any]] = {}
    for response in responses:
        if "question" not in response.request.meta:  # a text that was scored, or an answer
            rows[f"text {response.request.id}"] = {
                "id": response.request.id,
                "logprob": response.logprob,
                "tokens": response.tokens,
            }
            continue
        question = question_of(response)
        row = rows.setdefault(question.id, {"id": question.id, "document": question.document, "kind": question.kind})
        row |= {"prompt": question.prompt, "answers": question.answers}
        if response.request.kind == "generate":
            row |= _generated(response)
    for identity, ranking in rankings(responses).items():
        amounts = {"candidates": ranking.candidates, "logprobs": ranking.raw, "neutral_logprobs": ranking.neutral}
        rows[identity]["ranking"] = amounts
    return list(rows.values())


def _generated(response: Response) -> dict[str, Any]:
    text = response.text or ""
    row = {
        "prediction": final_answer(text),
        "scores": scores(response),
        "logprob": response.logprob,
        "tokens": response.tokens,
    }
    return row if row["prediction"] == text else row | {"generated": text}
