"""Accuracy against dose: how often a fact has to pass through training to be answered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kinj.data.records import Question
from kinj.eval.asking import (
    NotMeasuredError,
    QuestionProbe,
    generated,
    generation,
    hits,
    pool_questions,
    question_of,
    scores,
    share,
)
from kinj.eval.base import Context, Measure
from kinj.models.requests import Request, Response
from kinj.stats import enough

Doses = dict[tuple[str, str | None], int]
"""Exposures by document and relation; of a document as such under None."""


class Dose(QuestionProbe):
    """`accuracy/FROM-TO`: exact match on questions about facts with so many exposures (bins double in width); `accuracy`, of all.

    `gain_per_doubling` is the least-squares slope of exact match on log2 of the exposures, without those at 0. Exposures are
    those the run itself counted (`doses.parquet`), summed over its sources: passages of the fact through training, in any view.
    """

    name = "dose"

    def questions(self, context: Context) -> list[Question]:
        """Raises NotMeasuredError where the run has no record of doses, or none of what is asked about."""
        doses, everything = _doses(context), pool_questions(context, "questions")
        # Of generated people, the way back and two steps have no dose of their own.
        asked = [question for question in everything if question.kind == "forward"] or everything
        found = [question for question in asked if _dose(question, doses) is not None]
        if not found:
            raise NotMeasuredError("the run's doses.parquet names no document that a question is about")
        if len(found) < len(asked):
            context.notices.append(
                f"dose: {len(asked) - len(found):,} of {len(asked):,} questions ask about facts without a record"
            )
        return found

    def requests(self, context: Context) -> list[Request]:
        doses, requests = _doses(context), []
        for question in self.questions(context):
            request = generation(question, context.settings)
            request.meta["dose"] = _dose(question, doses)
            requests.append(request)
        return requests

    def measures(self, responses: Sequence[Response]) -> list[Measure]:
        answers = generated(responses)
        bins: dict[int, list[Response]] = {}
        for response in answers:
            bins.setdefault(response.request.meta["dose"].bit_length(), []).append(response)
        by_bin = [_accuracy(f"accuracy/{_range(size)}", bins[size]) for size in sorted(bins)]
        return [_accuracy("accuracy", answers), *_slope(answers), *by_bin]


def _doses(context: Context) -> Doses:
    """The record of the run; documents of the pool that it does not name were never drawn, and have a dose of 0."""
    path = context.run / "doses.parquet" if context.run else None
    if path is None or not path.exists():
        raise NotMeasuredError("only a run of kinj has a record of doses (doses.parquet); pass its directory")
    doses = _read(path)
    pool = context.data.pool("documents") if doses and "documents" in context.data.pools else []
    return dict.fromkeys(((record.origin, None) for record in pool), 0) | doses


def _read(path: Path) -> Doses:
    """Exposures of each fact; a document's own are those of its most exposed fact."""
    import pyarrow.parquet as pq

    sums: Doses = {}
    for row in pq.read_table(path, columns=["document", "relation", "exposures"]).to_pylist():
        key = (row["document"], row["relation"])
        sums[key] = sums.get(key, 0) + row["exposures"]
    for (document, _), exposures in list(sums.items()):
        sums[document, None] = max(sums.get((document, None), 0), exposures)
    return sums


def _dose(question: Question, doses: Doses) -> int | None:
    """Of the fact asked for, where the question says which; else of the document."""
    document = question.document or question.id
    return doses.get((document, question.meta.get("relation")), doses.get((document, None)))


def _correct(response: Response) -> float:
    return scores(response)["exact_match"]


def _accuracy(name: str, responses: Sequence[Response]) -> Measure:
    facts = {(question_of(r).document, question_of(r).meta.get("relation")) for r in responses}
    return hits(name, responses, _correct, f"{len(facts):,} facts")


def _slope(responses: Sequence[Response]) -> list[Measure]:
    """None where all facts have the same dose, or hardly any answer is right, or wrong."""
    responses = [response for response in responses if response.request.meta["dose"]]
    doses = [response.request.meta["dose"] for response in responses]
    if len(set(doses)) < 2 or not enough([_correct(response) for response in responses]):
        return []
    note = f"least squares over {min(doses):,} to {max(doses):,} exposures"
    measure = share("gain_per_doubling", responses, _correct, note)
    return [replace(measure, aggregate="slope", values=[math.log2(dose) for dose in doses], beside=measure.values)]


def _range(size: int) -> str:
    """The exposures whose number has so many binary digits; 0 has none."""
    least, most = (2**size) // 2, 2**size - 1
    return f"{least}" if least == most else f"{least}-{most}"
