"""Any question file, answered without the documents at hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from kinj.data.records import Question
from kinj.eval.asking import QuestionProbe, generated, generation, pool_questions, question_of, score_measures, share
from kinj.eval.base import Context, Measure
from kinj.eval.ranking import ranking_measures, ranking_requests, rankings, truth_measures
from kinj.models.requests import Request, Response

TARGET = "target"
"""`meta.part` of requests that score the accepted answer."""


class QA(QuestionProbe):
    """Exact match and the other scores on the pool `questions`; the first and containment by kind where there are several.

    Questions with choices are also ranked: `choice` is the share where the accepted one has the largest log-probability, `truth`
    how unlikely the wrong ones are beside it. Of a text to go on with, where there is no telling when an answer ends, the accepted
    one is scored as what follows: `target_greedy` where each of its tokens is the likeliest, `target_loss` in nats per token.
    """

    name = "qa"

    def questions(self, context: Context) -> list[Question]:
        """Raises NotMeasuredError where the data set has no questions."""
        return pool_questions(context, "questions")

    def requests(self, context: Context) -> list[Request]:
        asked = self.questions(context)
        choices = [request for question in asked for request in ranking_requests(question, _candidates(question))]
        targets = [_target(question) for question in asked if question.meta.get("form") == "completion"]
        return [*(generation(question, context.settings) for question in asked), *choices, *targets]

    def measures(self, responses: Sequence[Response]) -> list[Measure]:
        answers = generated(responses)
        ranked = rankings(responses)
        return [
            *qa_measures(answers),
            *_by_kind(answers, _hits),
            *_targets([response for response in responses if response.request.meta.get("part") == TARGET]),
            *ranking_measures("choice", ranked),
            *truth_measures(ranked),
        ]


def qa_measures(responses: Sequence[Response]) -> list[Measure]:
    """The four scores under their own names."""
    measures = score_measures("exact_match", responses)
    for measure in measures[1:]:
        measure.name = measure.name.removeprefix("exact_match_")
    return measures


def _by_kind(responses: Sequence[Response], measures: Callable[[Sequence[Response]], list[Measure]]) -> list[Measure]:
    """Some measures of each kind of question, as `NAME/KIND`; kinds that differ by a number in its order."""
    kinds = dict.fromkeys(question_of(response).kind for response in responses)
    found = []
    for kind in sorted(kinds, key=_number) if len(kinds) > 1 else ():
        group = [response for response in responses if question_of(response).kind == kind]
        found += [replace(measure, name=f"{measure.name}/{kind}") for measure in measures(group)]
    return found


def _number(kind: str) -> int:
    found = re.search(r"\d+", kind)
    return int(found[0]) if found else 0


def _hits(responses: Sequence[Response]) -> list[Measure]:
    return [measure for measure in qa_measures(responses) if measure.name in ("exact_match", "contains")]


def _target(question: Question) -> Request:
    meta = {"question": question, "part": TARGET}
    first = question.answers[0]
    return Request(
        kind="loglikelihood", prompt=question.prompt, continuation=first, completion=True, id=question.id, meta=meta
    )


def _targets(responses: Sequence[Response]) -> list[Measure]:
    return [*_target_measures(responses), *_by_kind(responses, _target_measures)]


def _target_measures(responses: Sequence[Response]) -> list[Measure]:
    if not responses:
        return []
    greedy = share("target_greedy", responses, lambda r: float(r.greedy), "each token of the answer is the likeliest")
    loss = share("target_loss", responses, lambda r: -r.logprob / max(1, r.tokens), "per token of the answer")
    return [greedy, replace(loss, unit="nats", direction=-1)]


def _candidates(question: Question) -> list[str]:
    """The accepted choice and then the wrong ones; empty where there is nothing to choose from."""
    right = [choice for choice in question.choices or [] if choice in question.answers]
    wrong = [choice for choice in question.choices or [] if choice not in question.answers]
    return [right[0], *wrong] if right and wrong else []
