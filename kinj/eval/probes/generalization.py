"""Does what is known carry over to unseen contexts, and are the facts for which it does those that are answered?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import exp

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
)
from kinj.eval.base import Context, Measure
from kinj.eval.contexts import FAMILIAR, Key, by_fact, facts, familiar, no_knowledge, ranks_within, unseen
from kinj.models.requests import Request, Response
from kinj.stats import enough

MOST = 3
"""Familiar sentences for each fact, at most; a text each leaves 12 or 13 of them."""


class Generalization(QuestionProbe):
    """A fact's value after held-out sentences (arXiv 2503.03705), beside the answers to questions about the same facts.

    `fact_probability` of the whole value and `fact_accuracy` (each token the likeliest), averaged over contexts and facts;
    `attribute_loss`, its negative log-probability; `answered`, exact match on the questions. `NAME/familiar` is the same in
    sentences that training tells of others and not of this person (arXiv 2503.21676). `correlation` is
    Spearman's between log-probability and answers across facts of this one model; `correlation_within` takes the ranks of each
    attribute apart, so that easy and hard attributes do not produce it.
    """

    name = "generalization"

    def questions(self, context: Context) -> list[Question]:
        """Raises NotMeasuredError where the data set is another."""
        known = facts(context)
        asked = [q for q in pool_questions(context, "questions") if q.kind == "forward" and _key(q) in known]
        if not asked:
            raise NotMeasuredError("no question asks for an attribute of a person in the pool `documents`")
        return asked

    def requests(self, context: Context) -> list[Request]:
        asked, known = self.questions(context), facts(context)
        wanted = {key: known[key] for key in dict.fromkeys(map(_key, asked))}
        contexts = [request for key, fact in wanted.items() for request in unseen(key, fact)]
        generations = (generation(question, context.settings) for question in asked)
        return [*generations, *contexts, *familiar(context, wanted, MOST)]

    def measures(self, responses: Sequence[Response]) -> list[Measure]:
        contexts = by_fact(responses)
        answered = _answered(responses)
        logs = {key: _mean(found, _logprob) for key, found in contexts.items()}
        measures = [
            *_shares(contexts),
            hits("answered", generated(responses), _exact_match),
            *_losses(logs),
        ]
        if others := by_fact(responses, FAMILIAR):
            parts = [*_shares(others), _loss("attribute_loss", {k: _mean(r, _logprob) for k, r in others.items()})]
            measures += [replace(part, name=f"{part.name}/familiar") for part in parts]
        return [*measures, *_correlations(logs, answered)]


def _key(question: Question) -> Key:
    return question.document or question.id, question.meta["relation"]


def _mean(responses: Sequence[Response], value: Callable[[Response], float]) -> float:
    return sum(map(value, responses)) / len(responses)


def _logprob(response: Response) -> float:
    return response.logprob


def _answered(responses: Sequence[Response]) -> dict[Key, float]:
    """Share of the questions about each fact that are answered, by exact match."""
    found: dict[Key, list[Response]] = {}
    for response in generated(responses):
        found.setdefault(_key(question_of(response)), []).append(response)
    return {key: _mean(asked, _exact_match) for key, asked in found.items()}


def _exact_match(response: Response) -> float:
    return scores(response)["exact_match"]


def _measure(name: str, values: Mapping[Key, float], note: str = "") -> Measure:
    people = [person for person, _ in values]
    return Measure(name=name, unit="share", direction=1, values=list(values.values()), clusters=people, note=note)


def _shares(contexts: Mapping[Key, Sequence[Response]]) -> list[Measure]:
    return [
        _measure("fact_probability", {key: _mean(r, lambda one: exp(one.logprob)) for key, r in contexts.items()}),
        _measure("fact_accuracy", {key: _mean(r, lambda one: float(one.greedy)) for key, r in contexts.items()}),
    ]


def _losses(logs: Mapping[Key, float]) -> list[Measure]:
    """Nats of a whole value, over all attributes and by attribute, with what no knowledge of the people gives."""
    relations = dict.fromkeys(relation for _, relation in logs)
    parts = {"attribute_loss": logs} | {
        f"attribute_loss/{name}": {key: log for key, log in logs.items() if key[1] == name} for name in relations
    }
    return [_loss(name, part) for name, part in parts.items()]


def _loss(name: str, logs: Mapping[Key, float]) -> Measure:
    ignorant = sum(no_knowledge(relation) for _, relation in logs) / len(logs)
    measure = _measure(name, {key: -log for key, log in logs.items()}, f"without knowledge of people {ignorant:.3f}")
    return replace(measure, unit="nats", direction=-1, aggregate="plain")


def _correlations(logs: Mapping[Key, float], answered: Mapping[Key, float]) -> list[Measure]:
    """None where too few facts are answered, or too few are not: a handful says nothing about all."""
    if not enough(list(answered.values())):
        return []
    keys = list(logs)
    x, y = [logs[key] for key in keys], [answered[key] for key in keys]
    within = [ranks_within(keys, x), ranks_within(keys, y)]
    note = "Spearman's, over {n:,} facts of one model"
    measures = []
    for name, (left, right), about in (
        ("correlation", (x, y), ""),
        ("correlation_within", within, "; ranks of each attribute apart"),
    ):
        if len(set(left)) > 1 and len(set(right)) > 1:
            measure = _measure(name, dict(zip(keys, left, strict=True)), note.format(n=len(keys)) + about)
            measures.append(replace(measure, unit="correlation", aggregate="rank_correlation", beside=right))
    return measures
