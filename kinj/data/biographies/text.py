"""Biographies: six sentences about a person, with the exact place of every value."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import permutations
from typing import Any

import yaml

from kinj.data.biographies.exposure import exposures
from kinj.data.biographies.people import Person, Population
from kinj.data.biographies.pools import RELATIONS
from kinj.data.records import Document, Fact, View
from kinj.data.rng import stable_seed

PRONOUNS = {
    "he": {"Name": "He", "name": "he", "him": "him", "His": "His", "his": "his"},
    "she": {"Name": "She", "name": "she", "him": "her", "His": "Her", "his": "her"},
}
"""What the placeholders for a person become after the first mention."""

_ORDERS = tuple(permutations(range(len(RELATIONS))))


@cache
def load_yaml(name: str) -> Any:
    """The content of one of this package's YAML files."""
    return yaml.safe_load(files(__package__).joinpath(name).read_text(encoding="utf-8"))


@cache
def sentences(relation: str, split: str) -> tuple[tuple[str, str], ...]:
    """Sentence templates of an attribute, each cut into what stands before and after the value."""
    return tuple((before, after) for before, _, after in (t.partition("{value}") for t in templates(relation, split)))


def templates(relation: str, split: str) -> list[str]:
    """Sentence templates of an attribute; `split` is `train` or `held_out`."""
    found: list[str] = load_yaml("templates.yaml")[relation][split]
    return found


def name_forms(name: str) -> dict[str, str]:
    """What the placeholders for a person become where the full name is used."""
    return {"Name": name, "name": name, "him": name, "His": f"{name}'s", "his": f"{name}'s"}


def documents(
    population: Population,
    *,
    seed: int,
    views: int = 1,
    permute: bool = False,
    full_name: bool = False,
    exposure: float = 0.0,
    split: str = "train",
) -> Iterator[Document]:
    """Texts about everybody, person by person; see `biography`.

    Args:
        population: the people.
        seed: which sentences and orders are drawn.
        views: texts per person, on average if `exposure` is above 0.
        permute: draw a new sentence order for every text.
        full_name: use the full name in every sentence.
        exposure: exponent of a power law over people; see `exposures`.
        split: which sentence templates: `train` or `held_out`.
    """
    for person, count in zip(population, exposures(population.size, views, exposure), strict=True):
        for view in range(count):
            yield biography(person, view, seed=seed, permute=permute, full_name=full_name, split=split)


def biography(
    person: Person, view: int, *, seed: int, permute: bool = False, full_name: bool = False, split: str = "train"
) -> Document:
    """One text about a person: six sentences, the first with the full name, the others with a pronoun.

    Sentences and order are drawn by seed, person, view and split; texts that differ only in `permute` or `full_name`
    have the same sentences. View 0 is the original and bears the person's id; view k is `ID.k`, with that id as source.
    """
    draw = stable_seed("biographies", "text", seed, person.id, view, split)
    chosen = []
    for relation in RELATIONS:
        pool = sentences(relation, split)
        draw, position = divmod(draw, len(pool))
        chosen.append((relation, *pool[position]))
    if permute:
        chosen = [chosen[place] for place in _ORDERS[draw % len(_ORDERS)]]
    text, facts = _write(person, chosen, full_name)
    population = person.id.partition("-")[0]
    return Document(
        id=f"{person.id}.{view}" if view else person.id,
        text=text,
        title=person.name,
        facts=facts,
        source=person.id if view else None,
        view=View(method="biography", index=view, seed=seed) if view else None,
        meta={"population": population, "person": person.index, "pronoun": person.pronoun},
    )


def _write(person: Person, chosen: list[tuple[str, str, str]], full_name: bool) -> tuple[str, list[Fact]]:
    name, values = person.name, person.values
    forms = name_forms(name)
    written: list[str] = []
    facts: list[Fact] = []
    length = 0
    for relation, before, after in chosen:
        value = values[relation]
        head = before.format_map(forms)
        start = length + len(head)
        facts.append(Fact(subject=name, relation=relation, value=value, start=start, end=start + len(value)))
        sentence = f"{head}{value}{after.format_map(forms)}"
        written.append(sentence)
        length += len(sentence) + 1  # and the space that follows
        if not full_name:
            forms = PRONOUNS[person.pronoun]
    return " ".join(written), facts
