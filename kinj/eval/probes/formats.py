"""Recall of the injected people, asked in the layout of other texts: lists, code, letters, markup."""

from __future__ import annotations

from collections.abc import Sequence

from kinj.data.records import Question
from kinj.eval.asking import NotMeasuredError, QuestionProbe, generated, pool_questions, score_measures
from kinj.eval.base import Context, Measure
from kinj.models.requests import Response


class Formats(QuestionProbe):
    """`recall_formats`: the forward questions of `biographies`, each in one format of `eval.formats`."""

    name = "formats"

    def questions(self, context: Context) -> list[Question]:
        """Raises NotMeasuredError where there is nothing to ask, or nobody who could put it into formats."""
        if context.reformat is None:
            raise NotMeasuredError("nothing here can put questions into formats")
        asked = [question for question in pool_questions(context, "questions") if question.kind == "forward"]
        if not asked:
            raise NotMeasuredError(f"data={context.data.name} has no questions of the kind `forward`")
        return context.reformat(asked)

    def measures(self, responses: Sequence[Response]) -> list[Measure]:
        return score_measures("recall_formats", generated(responses))
