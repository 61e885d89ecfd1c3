"""Recall of generated people: what was said of them, asked in wordings never trained on."""

from __future__ import annotations

from collections.abc import Sequence

from kinj.data.records import Question
from kinj.eval.asking import (
    NotMeasuredError,
    QuestionProbe,
    generated,
    pool_questions,
    question_of,
    score_measures,
)
from kinj.eval.base import Context, Measure
from kinj.models.requests import Response

NAMES = {"forward": "recall", "reverse": "reverse", "two_hop": "two_hop"}


class Biographies(QuestionProbe):
    """`recall` (an attribute asked for by name), the same by attribute, `reverse` (the person asked for), `two_hop`.

    Exact match; the other scores stand beside it. For a model that no run trained, the questions are those of the extraction
    test (arXiv 2309.14316): about people of population A whom pre-training showed in texts but never asked about.
    """

    name = "biographies"

    def questions(self, context: Context) -> list[Question]:
        """Raises NotMeasuredError where the data set is another."""
        if context.data.name != "biographies":
            raise NotMeasuredError(
                f"data={context.data.name} holds no generated people; for questions of your own: --probe qa"
            )
        if context.run is None:
            context.notices.append(
                "no run trained this model: biographies asks about people of population A without training questions"
            )
            return pool_questions(context, "unquestioned")
        return pool_questions(context, "questions")

    def measures(self, responses: Sequence[Response]) -> list[Measure]:
        measures = []
        for form, name in NAMES.items():
            chosen = [response for response in generated(responses) if question_of(response).kind == form]
            measures += score_measures(name, chosen)
            if form == "forward":
                measures += _by_relation(name, chosen)
        return measures


def _by_relation(name: str, responses: Sequence[Response]) -> list[Measure]:
    """Exact match by attribute; the other scores are left to the predictions file."""
    relations = dict.fromkeys(question_of(response).meta["relation"] for response in responses)
    groups = {relation: [r for r in responses if question_of(r).meta["relation"] == relation] for relation in relations}
    return [score_measures(f"{name}/{relation}", group)[0] for relation, group in groups.items()]
