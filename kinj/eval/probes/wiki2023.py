"""Wiki2023 (arXiv 2402.12847): questions about new articles, generated answers and a ranking among ten."""

from __future__ import annotations

from collections.abc import Sequence

from kinj.data.records import Question
from kinj.eval.answer_types import wrong_answers
from kinj.eval.asking import NotMeasuredError, QuestionProbe, generated, generation, pool_questions, unlimited
from kinj.eval.base import Context, Measure
from kinj.eval.probes.qa import qa_measures
from kinj.eval.ranking import ranking_measures, ranking_requests, rankings
from kinj.models.requests import Request, Response

CANDIDATES = 10


class Wiki2023(QuestionProbe):
    """`ranked_first` (primary): the accepted answer has the largest log-probability among ten of its type.

    The nine others are accepted answers to questions about other articles (`kinj.eval.answer_types`). Exact match, F1,
    containment and ROUGE-L recall of the generated answer stand beside it. Intervals are clustered by article.
    """

    name = "wiki2023"

    def questions(self, context: Context) -> list[Question]:
        """Raises NotMeasuredError where the data set is another."""
        if context.data.name != "wiki2023":
            raise NotMeasuredError(f"data={context.data.name} is not Wiki2023; pass data=wiki2023 data.path=FOLDER")
        return pool_questions(context, "questions")

    def requests(self, context: Context) -> list[Request]:
        asked = self.questions(context)
        wrong = wrong_answers(self.questions(unlimited(context)), CANDIDATES - 1)
        alone = sum(not wrong[question.id] for question in asked)
        if alone:
            context.notices.append(
                f"wiki2023: {alone:,} questions are not ranked: no other article has an answer of their type"
            )
        ranked = [
            request
            for question in asked
            if wrong[question.id]
            for request in ranking_requests(question, [question.answers[0], *wrong[question.id]])
        ]
        return [*(generation(question, context.settings) for question in asked), *ranked]

    def measures(self, responses: Sequence[Response]) -> list[Measure]:
        return [*ranking_measures("ranked_first", rankings(responses)), *qa_measures(generated(responses))]
