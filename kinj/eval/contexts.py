"""Facts about generated people in sentences they were not told in: the value, given a sentence that leads up to it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache

import numpy as np
from scipy.stats import rankdata

from kinj.data.biographies.pools import company_cities, values
from kinj.data.biographies.text import PRONOUNS, name_forms, sentences
from kinj.data.records import Document, Fact, Question
from kinj.data.rng import stable_seed
from kinj.eval.asking import NotMeasuredError
from kinj.eval.base import Context
from kinj.models.requests import Request, Response

Key = tuple[str, str]
"""A document (a person) and a relation."""
FAMILIAR = "familiar"
"""What stands in a request's meta, with the fact, where its sentence is one that others are described in."""
GIVEN_BY = {"company": "company_city", "company_city": "company"}
"""Attributes that another one gives away, whoever it is about: a company is in one city, and in a city are one or two."""


def facts(context: Context) -> dict[Key, Fact]:
    """What the originals in the pool `documents` say, by person and relation.

    Raises:
        NotMeasuredError: the data set has other documents than generated people, whose sentences are not known.
    """
    if context.data.name != "biographies":
        raise NotMeasuredError(
            f"data={context.data.name} holds no generated people, so there are no sentences for its facts"
        )
    texts = [record for record in context.data.pool("documents") if isinstance(record, Document) and not record.source]
    return {(text.id, fact.relation): fact for text in texts for fact in text.facts}


def unseen(key: Key, fact: Fact) -> list[Request]:
    """The value in each held-out sentence that names the person before it: nothing else could tell whose value it is."""
    heads = _heads(fact.relation, fact.subject, "held_out")
    return [stated(key, head, fact.value, f"unseen{i}") for i, head in enumerate(heads) if fact.subject in head]


def familiar(context: Context, known: Mapping[Key, Fact], most: int) -> list[Request]:
    """The value in training sentences that name the person before it and in which no text tells it of this person, though others
    are described in them (the evaluation templates of arXiv 2503.21676): new is who is meant, not the wording.

    Args:
        context: its pool `documents` holds all texts about the people.
        known: the facts to ask for.
        most: sentences for each fact at most; which ones follows from the fact.
    """
    told: dict[Key, set[int]] = {key: set() for key in known}
    for text in (record for record in context.data.pool("documents") if isinstance(record, Document)):
        for fact in text.facts:
            if (key := (text.source or text.id, fact.relation)) in told:
                told[key].update(_told_after(text, fact))
    requests = []
    for key, fact in known.items():
        heads = _heads(fact.relation, fact.subject, "train")
        free = [place for place, head in enumerate(heads) if fact.subject in head and place not in told[key]]
        chosen = sorted(free, key=lambda place: stable_seed("familiar", *key, place))[:most]
        requests += [stated(key, heads[place], fact.value, f"familiar{place}") for place in sorted(chosen)]
    return [replace(request, meta={FAMILIAR: request.meta["fact"]}) for request in requests]


@lru_cache(maxsize=1024)  # texts come person by person
def _heads(relation: str, person: str, split: str) -> tuple[str, ...]:
    """What leads up to the value in each sentence about someone: a name or a pronoun."""
    forms = PRONOUNS.get(person) or name_forms(person)
    return tuple(before.format_map(forms) for before, _ in sentences(relation, split))


def _told_after(text: Document, fact: Fact) -> Iterator[int]:
    """The training sentences whose beginning, by name or pronoun, stands before a fact's value, also as the end of a longer one."""
    for person in (fact.subject, str(text.meta["pronoun"])):
        for place, head in enumerate(_heads(fact.relation, person, "train")):
            if text.text.endswith(head, 0, fact.start):
                yield place


def stated(key: Key, before: str, value: str, where: str) -> Request:
    """The value of a fact as what goes on from a text."""
    name = ".".join((*key, where))
    return Request(
        kind="loglikelihood", prompt=before, continuation=value, completion=True, id=name, meta={"fact": key}
    )


def answered(key: Key, question: Question) -> Request:
    """The value of a fact as the answer to a question for it."""
    return Request(
        kind="loglikelihood",
        prompt=question.prompt,
        continuation=question.answers[0],
        id=question.id,
        meta={"fact": key},
    )


def by_fact(responses: Sequence[Response], kind: str = "fact") -> dict[Key, list[Response]]:
    """The scored contexts of each fact: the unseen ones, or those of the kind `FAMILIAR`."""
    found: dict[Key, list[Response]] = {}
    for response in responses:
        if kind in response.request.meta:
            found.setdefault(response.request.meta[kind], []).append(response)
    return found


@cache
def no_knowledge(relation: str) -> float:
    """Nats of an attribute's value for one who knows how often each value is drawn, and nothing about the person.

    Values are drawn evenly, so this is the log of their number; cities of companies are as frequent as their companies.
    """
    if relation != "company_city":
        return math.log(len(values(relation)))
    counts = Counter(company_cities().values())
    return -sum(n / counts.total() * math.log(n / counts.total()) for n in counts.values())


def ranks_within(keys: Sequence[Key], values: Sequence[float]) -> list[float]:
    """Each value's rank among those of the same relation, from -0.5 to 0.5."""
    column, relations = np.asarray(values), np.asarray([relation for _, relation in keys])
    ranks = np.empty(len(column))
    for relation in dict.fromkeys(relations):
        chosen = relations == relation
        ranks[chosen] = (rankdata(column[chosen]) - 0.5) / chosen.sum() - 0.5
    return [float(rank) for rank in ranks]
