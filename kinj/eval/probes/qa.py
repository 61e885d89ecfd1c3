"""Any question file, answered without the documents at hand."""

from __future__ import annotations

from collections.abc import Sequence

from kinj.data.records import Question
from kinj.eval.asking import QuestionProbe, generated, generation, pool_questions, question_of, score_measures
from kinj.eval.base import Context, Measure
from kinj.eval.ranking import ranking_measures, ranking_requests, rankings, truth_measures
from kinj.models.requests import Request, Response


class QA(QuestionProbe):
    """Exact match and the other scores on the pool `questions`; by kind where there are several.

    Questions with choices are also ranked: `choice` is the share where the accepted one has the largest log-probability, `truth`
    how unlikely the wrong ones are beside it.
    """

    name = "qa"

    def questions(self, context: Context) -> list[Question]:
        """Raises NotMeasuredError where the data set has no questions."""
        return pool_questions(context, "questions")

    def requests(self, context: Context) -> list[Request]:
        asked = self.questions(context)
        choices = [request for question in asked for request in ranking_requests(question, _candidates(question))]
        return [*(generation(question, context.settings) for question in asked), *choices]

    def measures(self, responses: Sequence[Response]) -> list[Measure]:
        answers = generated(responses)
        ranked = rankings(responses)
        return [
            *qa_measures(answers),
            *_by_kind(answers),
            *ranking_measures("choice", ranked),
            *truth_measures(ranked),
        ]


def qa_measures(responses: Sequence[Response]) -> list[Measure]:
    """The four scores under their own names."""
    measures = score_measures("exact_match", responses)
    for measure in measures[1:]:
        measure.name = measure.name.removeprefix("exact_match_")
    return measures


def _by_kind(responses: Sequence[Response]) -> list[Measure]:
    kinds = list(dict.fromkeys(question_of(response).kind for response in responses))
    groups = {kind: [r for r in responses if question_of(r).kind == kind] for kind in kinds if len(kinds) > 1}
    return [score_measures(f"exact_match/{kind}", group)[0] for kind, group in groups.items()]


def _candidates(question: Question) -> list[str]:
    """The accepted choice and then the wrong ones; empty where there is nothing to choose from."""
    right = [choice for choice in question.choices or [] if choice in question.answers]
    wrong = [choice for choice in question.choices or [] if choice not in question.answers]
    return [right[0], *wrong] if right and wrong else []
