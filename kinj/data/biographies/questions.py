"""Questions about generated people: for an attribute, for the person, and through the company to its city."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from kinj.config.errors import UsageError
from kinj.data.biographies.people import Person, Population
from kinj.data.biographies.pools import RELATIONS, values
from kinj.data.biographies.text import load_yaml
from kinj.data.records import Question
from kinj.data.rng import stable_rng

FORMS = ("forward", "reverse", "two_hop")
_ASKED = (*(("forward", relation) for relation in RELATIONS), ("reverse", "name"), ("two_hop", "company_city"))


def wordings(form: str, relation: str, split: str) -> list[str]:
    """The wordings of a form of question; `relation` matters for `forward` only."""
    table = load_yaml("question_templates.yaml")[form]
    found: list[str] = (table[relation] if form == "forward" else table)[split]
    return found


def questions(
    population: Population,
    *,
    seed: int,
    split: str = "held_out",
    forms: Sequence[str] = FORMS,
    per_attribute: int = 1,
    people: Iterable[int] | None = None,
) -> Iterator[Question]:
    """Questions about people, person by person: six `forward`, one `reverse`, one `two_hop`.

    A `reverse` question names a birth date and city, or a university, major and company; its answer is the full name.
    Two given people share these with probability 1 / 13,440,000 and 1 / 7,890,000; among 1,000 people 0.1 such pairs
    are expected. Asking for more wordings adds questions and changes none.

    Args:
        population: the people.
        seed: which wordings are drawn.
        split: `held_out` or `fresh` wordings (for evaluation), `train` or `extra` ones.
        forms: which of `forward`, `reverse` and `two_hop`.
        per_attribute: how many different wordings of each question.
        people: numbers of the people asked about; None means everybody.

    Raises:
        UsageError: an unknown form, or fewer wordings than `per_attribute`.
    """
    check_wordings(forms, split, per_attribute)
    for index in range(population.size) if people is None else people:
        person = population.person(index)
        rng = stable_rng("biographies", "questions", seed, person.id, split)
        for form, relation in _ASKED:
            # Drawn for every form, so that a person's wordings do not depend on which forms are asked.
            drawn = _draw(form, relation, split, rng)[:per_attribute]
            if form in forms:
                yield from (_question(person, form, relation, split, wording) for wording in drawn)


def _draw(form: str, relation: str, split: str, rng: random.Random) -> list[int]:
    order = list(range(len(wordings(form, relation, split))))
    rng.shuffle(order)
    return order


def _question(person: Person, form: str, relation: str, split: str, wording: int) -> Question:
    prompt = wordings(form, relation, split)[wording].format(name=person.name, **person.values)
    what = relation if form == "forward" else form
    return Question(
        id=f"{person.id}.{what}.{split[0]}{wording}",
        document=person.id,
        prompt=prompt,
        answers=[person.name if relation == "name" else person.values[relation]],
        kind=form,
        meta={"relation": relation, "wording": wording, "split": split},
    )


def check_wordings(forms: Sequence[str], split: str, count: int) -> None:
    """Refuse unknown forms and more wordings than there are.

    Raises:
        UsageError: see `questions`.
    """
    for form in forms or ("none",):
        if form not in FORMS:
            raise UsageError(f"there is no question form `{form}`", f"forms are {', '.join(FORMS)}")
    available = min(len(wordings(form, relation, split)) for form, relation in _ASKED if form in forms)
    if not 1 <= count <= available:
        raise UsageError(
            f"{count} wordings per attribute were asked for; there are {available} {split.replace('_', '-')} ones",
            f"data.biographies.questions_per_attribute must lie between 1 and {available}",
        )


def distractors(person: Person, relation: str, count: int, seed: int) -> list[str]:
    """Different values of the same attribute, none of them the person's own.

    Raises:
        UsageError: the attribute has too few other values.
    """
    pool = values(relation)
    if count >= len(pool):
        raise UsageError(f"{relation} has {len(pool) - 1} other values, {count} were asked for")
    own = pool.index(person.values[relation])
    drawn = stable_rng("biographies", "distractors", seed, person.id, relation).sample(range(len(pool) - 1), count)
    return [pool[position + (position >= own)] for position in drawn]


def frequent_value_baseline(asked: Iterable[Question]) -> dict[str, float]:
    """Share of the most frequent answer, by relation: what always giving the best single answer would score.

    A model cannot beat it on people it never saw, except by luck.
    """
    answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for question in asked:
        answers[question.meta["relation"]][question.answers[0]] += 1
    return {relation: max(counts.values()) / counts.total() for relation, counts in answers.items()}
