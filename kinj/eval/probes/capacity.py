"""How many bits about people a model holds, by the bound of arXiv 2404.05405, and how many for each of its parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from kinj.data.biographies import entropies
from kinj.data.records import Document
from kinj.eval.base import Context, Measure
from kinj.eval.contexts import Key, by_fact, facts, stated, unseen
from kinj.models.requests import Request, Response

ENTROPIES = {relation: bits for relation, bits in entropies().items() if bits}
"""Bits of each attribute that does not follow from another."""
PER_PARAMETER = ("bits_per_parameter", "bits_per_parameter_without_embeddings")


class Capacity:
    """`bits_per_person`: log2(S0) - p2 / ln 2, at least 0, where S0 is the number of possible sets of values and p2 the nats
    of a person's values, summed over their tokens and averaged over people.

    The values stand in held-out sentences; `recited_bits_per_person` is the same in the person's own text, up to each value.
    `bits` is `bits_per_person` times the people asked about; `bits_per_parameter` divides that by the size of the model.
    """

    name = "capacity"

    def requests(self, context: Context) -> list[Request]:
        """Raises NotMeasuredError where the data set is another."""
        known = {key: fact for key, fact in facts(context).items() if key[1] in ENTROPIES}
        people = set(list(dict.fromkeys(person for person, _ in known))[: context.settings.eval.limit])
        texts = {text.id: text.text for text in context.data.pool("documents") if isinstance(text, Document)}
        about = {"parameters": context.extras.get("parameters", ())}
        requests = []
        for key, fact in known.items():
            if key[0] in people:
                recited = stated(key, texts[key[0]][: fact.start], fact.value, "recited")
                requests += [(request, "unseen") for request in unseen(key, fact)]
                requests += [(recited, "recited")] if recited.prompt.strip() else []
        return [replace(request, meta=request.meta | about | {"where": where}) for request, where in requests]

    def summarise(self, responses: Sequence[Response], baseline: Sequence[Response] | None = None) -> list[Measure]:  # noqa: ARG002
        """The measures. What is floored at 0 has no change since `baseline`: ask both models."""
        return _measures(responses)


def _measures(responses: Sequence[Response]) -> list[Measure]:
    unseen_bits, recited = (
        _bits([r for r in responses if r.request.meta["where"] == w]) for w in ("unseen", "recited")
    )
    people = _by_person(unseen_bits)
    ceiling = sum(ENTROPIES.values())
    measures = [_measure("bits_per_person", people, 1, f"all values known: {ceiling:.2f}")]
    for relation, most in ENTROPIES.items():
        part = {person: bits for (person, name), bits in unseen_bits.items() if name == relation}
        measures.append(_measure(f"bits_per_person/{relation}", part, 1, f"value known: {most:.2f}"))
    if whole := _by_person(recited):
        measures.append(_measure("recited_bits_per_person", whole, 1, "in the person's own text"))
    measures.append(
        _measure("bits", people, len(people), f"all values of {len(people):,} people: {ceiling * len(people):,.0f}")
    )
    for name, size in zip(PER_PARAMETER, responses[0].request.meta["parameters"], strict=False):
        most = ceiling * len(people) / size
        measures.append(
            _measure(name, people, len(people) / size, f"{size:,} parameters; all values known: {most:.4g}")
        )
    return measures


def _bits(responses: Sequence[Response]) -> dict[Key, float]:
    """What each fact's value shows: its entropy less the mean loss of its contexts, in bits."""
    return {
        key: ENTROPIES[key[1]] + sum(r.logprob for r in found) / len(found) / math.log(2)
        for key, found in by_fact(responses).items()
    }


def _by_person(bits: Mapping[Key, float]) -> dict[str, float]:
    """Sums over the attributes of each person; a text that begins with a value has no context for it, so it is left out."""
    amounts: dict[str, list[float]] = {}
    for (person, _), amount in bits.items():
        amounts.setdefault(person, []).append(amount)
    return {person: sum(found) for person, found in amounts.items() if len(found) == len(ENTROPIES)}


def _measure(name: str, bits: Mapping[str, float], scale: float, note: str) -> Measure:
    values = [amount * scale for amount in bits.values()]
    return Measure(
        name=name, unit="bits", direction=1, values=values, clusters=list(bits), note=note, aggregate="at_least_0"
    )
