"""TOFU (arXiv 2401.06121): probability, ROUGE-L recall and truth ratio on three sets of questions, and model utility."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, harmonic_mean

from kinj.data.records import Question
from kinj.eval.asking import NotMeasuredError, QuestionProbe, generation, limited, only_questions, question_of, share
from kinj.eval.base import Context, Measure
from kinj.eval.ranking import truth_score
from kinj.eval.scorers import final_answer, rouge_l_recall
from kinj.models.requests import Request, Response

RETAIN = "retain"
SETS = {RETAIN: "seen_questions", "real_authors": "real_authors", "world_facts": "world_facts"}
"""The sets of the benchmark that make up model utility, and the pool each is read from."""


@dataclass
class _Item:
    """What was found out about one question. Log-probabilities are per token."""

    first: Response
    rouge: float = 0.0
    logs: dict[str, list[float]] = field(default_factory=lambda: {"answer": [], "restated": [], "wrong": []})

    @property
    def probability(self) -> float:
        """exp of the mean log-probability of the answer's tokens."""
        return math.exp(self.logs["answer"][0])

    @property
    def among_choices(self) -> float:
        """That probability as a share of the sum over the choices."""
        return self.probability / (self.probability + sum(map(math.exp, self.logs["wrong"])))

    @property
    def truth(self) -> float:
        """Beside the wrong answers stands the accepted one in other words, where there is such."""
        return truth_score((self.logs["restated"] or self.logs["answer"])[0], self.logs["wrong"])


class Tofu(QuestionProbe):
    """`SET_probability`, `SET_rouge_l_recall` and `SET_truth` of three sets, as the benchmark's own program computes them: `retain`
    (authors taught), `real_authors` and `world_facts` (known before). `model_utility` is the harmonic mean of the nine.

    Questions of `retain` are put in the wording of training, as there.
    """

    name = "tofu"

    def questions(self, context: Context) -> list[Question]:
        return [question for asked in _asked(context).values() for question in asked]

    def requests(self, context: Context) -> list[Request]:
        """Raises NotMeasuredError where the data set is another, or has none of the sets."""
        requests = []
        for name, asked in _asked(context).items():
            for question in asked:
                found = [generation(question, context.settings), *_scored(question)]
                requests += [replace(request, meta=request.meta | {"set": name}) for request in found]
        return requests

    def measures(self, responses: Sequence[Response]) -> list[Measure]:
        sets = _items(responses)
        measures = [measure for name, items in sets.items() for measure in _measures(name, items)]
        return [*measures, *_utility(measures)] if len(sets) == len(SETS) else measures


def _asked(context: Context) -> dict[str, list[Question]]:
    """The questions of each set; a set that is not there, which leaves model utility out, is told."""
    found = {name: _questions(context, name, pool) for name, pool in SETS.items()}
    missing = [name for name, asked in found.items() if not asked]
    if len(missing) == len(SETS):
        raise NotMeasuredError(f"data={context.data.name} has no questions of TOFU; pass data=tofu data.path=FOLDER")
    if missing:
        context.notices.append(f"tofu: no model_utility: there are no questions of {', '.join(missing)}")
    return {name: asked for name, asked in found.items() if asked}


def _questions(context: Context, name: str, pool: str) -> list[Question]:
    if context.data.name != "tofu" or pool not in context.data.pools:
        return []
    found = only_questions(context.data.pool(pool))
    chosen = [question for question in found if name != RETAIN or question.meta["split"] == RETAIN]
    return limited(chosen, context.settings)


def _scored(question: Question) -> list[Request]:
    """The log-probabilities of the answer, of the answer in other words and of the wrong ones."""
    right, *restated = question.answers
    wrong = [choice for choice in question.choices or [] if choice not in question.answers]
    texts = [("answer", right), *(("restated", text) for text in restated), *(("wrong", text) for text in wrong)]
    return [
        Request(
            kind="loglikelihood",
            prompt=question.prompt,
            continuation=text,
            id=question.id,
            meta={"question": question, "part": part},
        )
        for part, text in texts
    ]


def _items(responses: Sequence[Response]) -> dict[str, list[_Item]]:
    """The items of each set, in the order of the questions."""
    sets: dict[str, dict[str, _Item]] = {}
    for response in responses:
        question, meta = question_of(response), response.request.meta
        item = sets.setdefault(meta["set"], {}).setdefault(question.id, _Item(response))
        if response.request.kind == "generate":
            item.rouge = rouge_l_recall(final_answer(response.text or ""), question.answers[:1])
        else:
            item.logs[meta["part"]].append(response.logprob / max(1, response.tokens))
    return {name: list(items.values()) for name, items in sets.items()}


def _measures(name: str, items: Sequence[_Item]) -> list[Measure]:
    """The three of a set."""

    def measure(label: str, value: Callable[[_Item], float], note: str) -> Measure:
        found = share(f"{name}_{label}", [item.first for item in items], lambda _: 0.0, note)
        return replace(found, values=[value(item) for item in items])

    if name == RETAIN:
        probability = measure("probability", lambda item: item.probability, "per token: the length-th root")
    else:
        probability = measure("probability", lambda item: item.among_choices, "per token, as a share over the choices")
    return [
        probability,
        measure("rouge_l_recall", lambda item: item.rouge, "of the first line generated"),
        measure("truth", lambda item: item.truth, "mean of max(0, 1 - truth ratio)"),
    ]


def _utility(measures: Sequence[Measure]) -> list[Measure]:
    """The harmonic mean of the nine. Its error by the delta method: each question has a value of its own, the utility and what
    the question moves it by, so that their mean is the utility and their spread its error."""
    means = [fmean(measure.values) for measure in measures]
    utility = harmonic_mean(means)
    total = sum(len(m.values) for m in measures[::3])  # each set has three measures of the same questions
    measure = Measure(
        name="model_utility", unit="share", direction=1, values=[utility] * total, clusters=["all"] * total
    )
    if utility == 0:  # where the slope has no end: one cluster, so that no interval is given
        worst = ", ".join(m.name for m, mean in zip(measures, means, strict=True) if mean == 0)
        return [replace(measure, note=f"0 because of {worst}", aggregate="at_least_0")]
    values, clusters = [], []
    for start in range(0, len(measures), 3):
        parts, their_means = measures[start : start + 3], means[start : start + 3]
        slopes = [utility**2 / (len(measures) * mean**2) for mean in their_means]
        weight = total / len(parts[0].values)
        for row in zip(*(part.values for part in parts), strict=True):
            moved = sum(slope * (x - mean) for slope, x, mean in zip(slopes, row, their_means, strict=True))
            values.append(utility + weight * moved)
        clusters += parts[0].clusters
    note = "harmonic mean of the nine; interval by the delta method"
    return [replace(measure, values=values, clusters=clusters, aggregate="at_least_0", note=note)]
