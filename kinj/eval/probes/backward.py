"""Backward questions about generated people: who is it that was born there, or works there?"""

from __future__ import annotations

from collections.abc import Sequence

from kinj.data.records import Document, Question
from kinj.data.rng import stable_rng
from kinj.eval.asking import (
    NotMeasuredError,
    QuestionProbe,
    generated,
    generation,
    limited,
    only_questions,
    score_measures,
    unlimited,
)
from kinj.eval.base import Context, Measure
from kinj.eval.ranking import ranking_measures, ranking_requests, rankings
from kinj.models.requests import Request, Response

CANDIDATES = 10


class Backward(QuestionProbe):
    """`ranked_first` (primary): of the names of ten people injected, that of the one asked about is the likeliest.

    All ten were learned alike, so it sees what is known long before a whole name is spelled (`exact`). Asked are only people
    all of whose texts name them before any value: of the others, text in its plain order already leads from the value to
    the name (arXiv 2309.12288), and nothing would be known about the way back.
    """

    name = "backward"

    def questions(self, context: Context) -> list[Question]:
        """Raises NotMeasuredError where the data set is another, or nobody's texts qualify."""
        if context.data.name != "biographies":
            raise NotMeasuredError(f"data={context.data.name} holds no generated people")
        asked = [question for question in only_questions(context.data.pool("questions")) if question.kind == "reverse"]
        turned = {
            document.origin
            for document in context.data.pool("documents")
            if isinstance(document, Document) and _value_leads(document)
        }
        left = [question for question in asked if question.document not in turned]
        if not left:
            raise NotMeasuredError("a text of everybody has a value before the name")
        if len(left) < len(asked):
            context.notices.append(
                f"backward: {len(asked) - len(left):,} of {len(asked):,} questions are not asked: a text of the person has "
                "a value before the name"
            )
        return limited(left, context.settings)

    def requests(self, context: Context) -> list[Request]:
        everybody = self.questions(unlimited(context))
        names = sorted({question.answers[0] for question in everybody})
        asked = limited(everybody, context.settings)
        ranked = [
            request
            for question in asked
            if len(names) > 1
            for request in ranking_requests(question, _candidates(question, names))
        ]
        return [*(generation(question, context.settings) for question in asked), *ranked]

    def measures(self, responses: Sequence[Response]) -> list[Measure]:
        ranked = ranking_measures("ranked_first", rankings(responses))
        return [*ranked, *score_measures("exact", generated(responses))]


def _value_leads(document: Document) -> bool:
    """Whether any value stands before the first mention of the name."""
    return any(fact.start < document.text.index(fact.subject) for fact in document.facts)


def _candidates(question: Question, names: Sequence[str]) -> list[str]:
    """The accepted name and up to nine others, drawn by the question's id."""
    right = question.answers[0]
    others = [name for name in names if name != right]
    drawn = stable_rng("probe", "backward", question.id).sample(others, min(CANDIDATES - 1, len(others)))
    return [right, *drawn]
