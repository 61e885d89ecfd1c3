"""How many bits about people a model holds, by the bound of arXiv 2404.05405, and how many for each of its parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from kinj.data.biographies import entropies
from kinj.data.records import Document
from kinj.eval.asking import NotMeasuredError, limited, pool_questions, unlimited
from kinj.eval.base import Context, Measure
from kinj.eval.contexts import GIVEN_BY, Key, answered, by_fact, facts, stated, unseen
from kinj.models.requests import Request, Response

ENTROPIES = {relation: bits for relation, bits in entropies().items() if bits}
"""Bits of each attribute that does not follow from another."""
CEILING = sum(ENTROPIES.values())
PER_PARAMETER = ("bits_per_parameter", "bits_per_parameter_without_embeddings")


CONTEXTS = ("questions", "sentences", "recited")


class Capacity:
    """`bits_per_person`: log2(S0) - p2 / ln 2, at least 0, where S0 is the number of possible sets of values and p2 the nats
    of a person's values, summed over their tokens and averaged over people.

    The values stand as answers to held-out questions. `bits_per_person/sentences` is the same after held-out sentences,
    `bits_per_person/recited` in the person's own text, up to each value. `bits` is `bits_per_person` times the people asked
    about; `bits_per_parameter` divides that by the size of the model. A text that tells the city of a company before the company
    gives it away, so `recited` leaves that person out.
    """

    name = "capacity"

    def requests(self, context: Context) -> list[Request]:
        """Raises NotMeasuredError where the data set is another."""
        told = facts(context)
        known = {key: fact for key, fact in told.items() if key[1] in ENTROPIES}
        asked = [
            (question.document or question.id, question)
            for question in pool_questions(unlimited(context), "questions")  # the limit counts people here
        ]
        people = set(limited(dict.fromkeys(person for person, _ in asked), context.settings))
        texts = {text.id: text.text for text in context.data.pool("documents") if isinstance(text, Document)}
        requests: list[tuple[str, Request]] = []
        for person, question in asked:
            key = (person, str(question.meta["relation"]))
            if person in people and question.kind == "forward" and key in known:
                requests.append(("questions", answered(key, question)))
        for key, fact in known.items():
            if key[0] in people:
                recited = stated(key, texts[key[0]][: fact.start], fact.value, "recited")
                requests += [("sentences", request) for request in unseen(key, fact)]
                giving = told.get((key[0], GIVEN_BY.get(key[1], "")))
                if recited.prompt.strip() and (giving is None or giving.start > fact.start):
                    requests.append(("recited", recited))
        about = {"parameters": context.extras.get("parameters", ())}
        return [replace(request, meta=request.meta | about | {"where": where}) for where, request in requests]

    # Bits are sums over facts, of which no paired change is made: `baseline` is not read.
    def summarise(self, responses: Sequence[Response], baseline: Sequence[Response] | None = None) -> list[Measure]:  # noqa: ARG002 - part of the contract
        """The measures. What is floored at 0 has no change since `baseline`: ask both models.

        Raises:
            NotMeasuredError: of nobody can all values be asked for.
        """
        bits = {where: _bits([r for r in responses if r.request.meta["where"] == where]) for where in CONTEXTS}
        by_context = {where: _by_person(found) for where, found in bits.items()}
        people = by_context["questions"]
        if not people:
            raise NotMeasuredError("of nobody can all values be asked for")
        return [
            _measure("bits_per_person", people, 1, f"all values known: {CEILING:.2f}"),
            *(
                _measure(f"bits_per_person/{where}", by_context[where], 1, "")
                for where in CONTEXTS[1:]
                if by_context[where]
            ),
            *(_of_relation(relation, bits["questions"]) for relation in ENTROPIES),
            *_totals(people, responses[0].request.meta["parameters"]),
        ]


def _of_relation(relation: str, bits: Mapping[Key, float]) -> Measure:
    part = {person: amount for (person, name), amount in bits.items() if name == relation}
    return _measure(f"bits_per_person/{relation}", part, 1, f"value known: {ENTROPIES[relation]:.2f}")


def _totals(people: Mapping[str, float], sizes: Sequence[int]) -> list[Measure]:
    """Bits of all people, and by parameter where it is known how many there are."""
    count = len(people)
    measures = [_measure("bits", people, count, f"all values of {count:,} people: {CEILING * count:,.0f}")]
    for name, size in zip(PER_PARAMETER, sizes, strict=False):
        note = f"{size:,} parameters; all values known: {CEILING * count / size:.4g}"
        measures.append(_measure(name, people, count / size, note))
    return measures


def _bits(responses: Sequence[Response]) -> dict[Key, float]:
    """What each fact's value shows: its entropy less the mean loss of its contexts, in bits."""
    return {
        key: ENTROPIES[key[1]] + sum(r.logprob for r in found) / len(found) / math.log(2)
        for key, found in by_fact(responses).items()
    }


def _by_person(bits: Mapping[Key, float]) -> dict[str, float]:
    """Sums over the attributes of each person; whose text begins with a value, or gives one away, has no context for it and is left
    out."""
    amounts: dict[str, list[float]] = {}
    for (person, _), amount in bits.items():
        amounts.setdefault(person, []).append(amount)
    return {person: sum(found) for person, found in amounts.items() if len(found) == len(ENTROPIES)}


def _measure(name: str, bits: Mapping[str, float], scale: float, note: str) -> Measure:
    values = [amount * scale for amount in bits.values()]
    return Measure(
        name=name,
        unit="bits",
        direction=1,
        values=values,
        clusters=list(bits),
        note=note,
        aggregate="at_least_0",
        unit_of_items="people",
    )
