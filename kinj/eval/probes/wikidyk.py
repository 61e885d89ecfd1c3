"""WikiDYK (arXiv 2505.12306): one fact asked about in the benchmark's dimensions; and a generated stand-in for it."""

from __future__ import annotations

from collections.abc import Sequence

from kinj.data.records import Question
from kinj.eval.asking import (
    SIDE_BY_SIDE,
    NotMeasuredError,
    QuestionProbe,
    generated,
    hits,
    limited,
    pool_questions,
    question_of,
    score_measures,
)
from kinj.eval.base import Context, Measure
from kinj.eval.probes.wikidyk_stand_in import stand_in
from kinj.models.requests import Response

DIMENSIONS = ("reliability", "generality", "paraphrase", "portability", "counterfactual", "factual", "locality")
REAL_ONE = "for the benchmark itself: kinj eval --probe wikidyk data=wikidyk data.path=FILE"


class WikiDYK(QuestionProbe):
    """For each dimension the official `match` (an accepted answer stands in the generated one, case-sensitive), under the
    dimension's name, and beside it F1, containment and ROUGE-L recall.

    Generation is greedy; the official scripts leave the temperature at its default.
    """

    name = "wikidyk"

    def questions(self, context: Context) -> list[Question]:
        """Raises NotMeasuredError where the data set has no questions."""
        return pool_questions(context, "questions")

    def measures(self, responses: Sequence[Response]) -> list[Measure]:
        answers = generated(responses)
        kinds = [
            *DIMENSIONS,
            *dict.fromkeys(question_of(r).kind for r in answers if question_of(r).kind not in DIMENSIONS),
        ]
        return [
            measure
            for kind in kinds
            for measure in _dimension(kind, [r for r in answers if question_of(r).kind == kind])
        ]


def _dimension(kind: str, responses: Sequence[Response]) -> list[Measure]:
    if not responses:
        return []
    others = score_measures(f"{kind}/exact_match", responses)
    names = [f"{kind}/exact_match", *(f"{kind}/{score}" for score in SIDE_BY_SIDE)]
    for measure, name in zip(others, names, strict=True):
        measure.name = name
    return [hits(kind, responses, match, "an accepted answer stands in the generated one (case-sensitive)"), *others]


def match(response: Response) -> float:
    """The benchmark's own score: 1 where an accepted answer is part of the generated text as it is written."""
    return float(any(answer in (response.text or "") for answer in question_of(response).answers))


class WikiDYKStandIn(WikiDYK):
    """Questions of the same dimensions about generated people, for where the benchmark's files are not at hand."""

    name = "wikidyk-stand-in"

    def questions(self, context: Context) -> list[Question]:
        """Raises NotMeasuredError where the run was not about generated people."""
        if context.data.name != "biographies":
            raise NotMeasuredError(f"data={context.data.name} has no WikiDYK questions; {REAL_ONE}")
        context.notices.append(
            f"WikiDYK's files are not at hand: a generated stand-in asks about this run's people; {REAL_ONE}"
        )
        return limited(stand_in(context), context.settings)
