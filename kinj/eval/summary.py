"""From measures and responses to what is written down: values with intervals, and one line per question."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kinj.eval.asking import question_of, scores
from kinj.eval.base import Measure
from kinj.eval.comparing import difference_tests
from kinj.eval.ranking import rankings
from kinj.eval.scorers import final_answer
from kinj.models.requests import Response
from kinj.stats import (
    STATISTICS,
    Interval,
    difference_interval,
    mean_interval,
    pairs_interval,
    perplexity_interval,
    plain_mean,
    token_interval,
)


def interval(measure: Measure) -> Interval:
    """Value and 95% interval of a measure.

    Raises:
        ValueError: it has no values, or its figure is undefined for them.
    """
    if measure.aggregate == "perplexity":
        return perplexity_interval(measure.values, measure.clusters)
    if measure.aggregate == "per_token":
        return _within(token_interval(measure.values, measure.clusters), 0.0, math.inf)
    if measure.aggregate == "plain":
        return plain_mean(measure.values, measure.clusters, unit=measure.unit_of_items)
    if measure.aggregate == "difference":
        found = difference_interval(measure.values, measure.clusters)
        return _within(found, -1.0, 1.0) if measure.unit == "share" else found
    if measure.aggregate == "at_least_0":
        return _within(plain_mean(measure.values, measure.clusters, unit=measure.unit_of_items), 0.0, math.inf)
    if measure.aggregate in STATISTICS:
        return pairs_interval(measure.aggregate, measure.values, measure.beside, measure.clusters)
    return mean_interval(measure.values, measure.clusters, unit=measure.unit_of_items)


def _within(found: Interval, least: float, most: float) -> Interval:
    """The value and its interval cut at `least` and `most`: no true value lies outside."""
    low, high = (None if end is None else min(most, max(least, end)) for end in (found.low, found.high))
    return replace(found, value=min(most, max(least, found.value)), low=low, high=high)


def measure_json(measure: Measure) -> dict[str, Any]:
    """A measure as results.json holds it; `low` and `high` are null where no interval can be given.

    A paired difference has its tests beside it (`kinj.eval.comparing.difference_tests`).
    """
    found = interval(measure)
    about = {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "n": found.n,
        "clusters": found.clusters,
        "unit": measure.unit,
        "direction": measure.direction,
        "method": found.method,
        "covers": found.covers,
        "note": measure.note,
    }
    return about | {"tests": difference_tests(measure, found)} if measure.aggregate == "difference" else about


def prediction_rows(responses: Sequence[Response]) -> list[dict[str, Any]]:
    """One object per question, with the generated answer, its scores and the ranking of candidates; one per scored text."""
    rows: dict[str, dict[str, Any]] = {}
    for response in responses:
        if "question" not in response.request.meta:
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
        elif response.request.meta.get("part") == "target":
            row["target"] = {"logprob": response.logprob, "tokens": response.tokens, "greedy": response.greedy}
    for identity, ranking in rankings(responses).items():
        rows[identity]["ranking"] = {
            "candidates": ranking.candidates,
            "logprobs": ranking.raw,
            "tokens": ranking.tokens,
        }
        if ranking.neutral:
            rows[identity]["ranking"]["neutral_logprobs"] = ranking.neutral
    return list(rows.values())


def _generated(response: Response) -> dict[str, Any]:
    text = response.text or ""
    row = {
        "prediction": final_answer(text),
        "scores": scores(response),
        "logprob": response.logprob if response.tokens else None,
        "tokens": response.tokens or None,
    }
    return row if row["prediction"] == text else row | {"generated": text}
