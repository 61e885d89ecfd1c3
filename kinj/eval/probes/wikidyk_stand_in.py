"""Questions in WikiDYK's schema about generated people.

Each person gives one record of the official form, `{"case_id", "fact", "eval": {DIMENSION: {"prompt", "answer"}}}`:

- reliability: one attribute, in a wording never trained on; paraphrase: the same in another such wording;
- generality: another attribute of the same person;
- portability: the city of the employer, asked for through the company (two hops);
- factual and counterfactual: the birth city, right and wrong, as a yes-no question (no embedded model has met one in training);
- locality: a fact about a person of population A, whom the model knew before.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any

from kinj.data.biographies import RELATIONS, Person, Population, base_population, distractors, questions
from kinj.data.records import Question
from kinj.eval.asking import only_questions, pool_questions
from kinj.eval.base import Context

KNOWN = ("known_replayed", "known_unreplayed")


def stand_in(context: Context) -> list[Question]:
    """The questions of all records, record by record."""
    return [question for record in records(context) for question in as_questions(record)]


def records(context: Context) -> Iterator[dict[str, Any]]:
    """One record per person the run was about; without a run, per person of A that pre-training showed in texts only."""
    seed = context.settings.data.seed
    population, numbers = _people(context)
    known = {pool: pool_questions(context, pool) for pool in KNOWN if pool in context.data.pools}
    nearby = cycle([pair for both in zip(*known.values(), strict=False) for pair in both] or [None])
    for place, number in enumerate(numbers):
        person = population.person(number)
        yield _record(person, place, seed, _wordings(population, number, seed), next(nearby))


def _people(context: Context) -> tuple[Population, list[int]]:
    """The population asked about and the numbers of its people."""
    chosen = context.settings.data
    if context.run is None:
        people = base_population()
        return people, list(range(1, people.size, 2))[: chosen.biographies.people]
    asked = dict.fromkeys(question.document for question in only_questions(context.data.pool("questions")))
    people = Population(chosen.biographies.population or f"B{chosen.seed}", chosen.biographies.people)
    return people, [person.index for person in people if person.id in asked]


def _wordings(population: Population, number: int, seed: int) -> dict[str, list[Question]]:
    """Held-out questions about a person by relation (`two_hop` for that form), in two wordings each."""
    asked: dict[str, list[Question]] = {}
    for question in questions(population, seed=seed, forms=("forward", "two_hop"), per_attribute=2, people=[number]):
        key = question.kind if question.kind == "two_hop" else question.meta["relation"]
        asked.setdefault(key, []).append(question)
    return asked


def _record(
    person: Person, place: int, seed: int, asked: dict[str, list[Question]], known: Question | None
) -> dict[str, Any]:
    relation, other = RELATIONS[place % len(RELATIONS)], RELATIONS[(place + 1) % len(RELATIONS)]
    (elsewhere,) = distractors(person, "birth_city", 1, seed)
    yes_no = {"factual": (person.values["birth_city"], "Yes"), "counterfactual": (elsewhere, "No")}
    dimensions = {
        "reliability": _pair(asked[relation][0]),
        "generality": _pair(asked[other][0]),
        "paraphrase": _pair(asked[relation][1]),
        "portability": _pair(asked["two_hop"][0]),
        **{
            name: {"prompt": f"Was {person.name} born in {city}?", "answer": answer}
            for name, (city, answer) in yes_no.items()
        },
    }
    if known:
        dimensions["locality"] = _pair(known)
    fact = f"that {person.name} was born in {person.values['birth_city']}?"
    return {"case_id": person.id, "fact": fact, "eval": dimensions}


def _pair(question: Question) -> dict[str, str]:
    return {"prompt": question.prompt, "answer": question.answers[0]}


def as_questions(record: dict[str, Any]) -> list[Question]:
    """The questions of a record of the official form; the dimension is the question's kind."""
    case = str(record["case_id"])
    return [
        Question(id=f"{case}.{name}", document=case, prompt=pair["prompt"], answers=[pair["answer"]], kind=name)
        for name, pair in record["eval"].items()
    ]
