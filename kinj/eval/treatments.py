"""What the answers show of each group of documents, where a run taught them differently (`train.multiplex`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kinj.config.multiplex import described
from kinj.data.treatments import read_treatments
from kinj.eval.asking import NotMeasuredError, question_of, run_settings
from kinj.eval.base import Context, Probe
from kinj.eval.summary import measure_json
from kinj.models.requests import Response


def by_treatment(
    probe: Probe, after: Sequence[Response], before: Sequence[Response] | None, context: Context
) -> list[dict[str, Any]]:
    """`settings` and `measures` of each treatment of the run under test; none where the probe asks about none of its documents."""
    treatments = read_treatments(context.run)
    numbers = [treatments.get(_document(response), -1) for response in after]
    if max(numbers, default=-1) < 0:
        return []
    return [
        {"settings": settings, "measures": _measures(probe, *_of(number, numbers, after, before))}
        for number, settings in enumerate(described(run_settings(context).train.multiplex))
    ]


def _of(
    number: int, numbers: Sequence[int], after: Sequence[Response], before: Sequence[Response] | None
) -> tuple[list[Response], list[Response] | None]:
    places = [place for place, found in enumerate(numbers) if found == number]
    return [after[place] for place in places], None if before is None else [before[place] for place in places]


def _measures(probe: Probe, after: list[Response], before: list[Response] | None) -> dict[str, Any]:
    """None where nothing was asked about these documents, or too little for this probe."""
    try:
        found = probe.summarise(after, before) if after else []
    except NotMeasuredError:
        return {}
    return {measure.name: measure_json(measure) for measure in found}


def _document(response: Response) -> str:
    """The document that something was asked about; empty where it was no document."""
    meta = response.request.meta
    if "question" in meta:
        question = question_of(response)
        return question.document or question.id
    return meta["fact"][0] if "fact" in meta else ""
