"""Populations of generated people. No name occurs twice, neither inside a population nor in two of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from kinj.config.errors import UsageError
from kinj.data.biographies.pools import (
    FIRST_NAMES,
    LAST_NAMES,
    MIDDLE_NAMES,
    RELATIONS,
    company_cities,
    values,
    word_list,
)
from kinj.data.rng import stable_seed

# How the 160 million names are shared out: a range of name numbers for each population.
#   B0 ... B999   people to inject        100,000 each
#   C0 ... C999   teachers                 20,000 each
#   A, D ... Z    anything else         1,600,000 each
NUMBERED = {"B": (0, 100_000), "C": (100_000_000, 20_000)}
OTHERS = "ADEFGHIJKLMNOPQRSTUVWXYZ"
OTHERS_START, OTHERS_SIZE = 120_000_000, 1_600_000


@dataclass(frozen=True, slots=True)
class Person:
    """One generated person; `values` holds the six attributes by relation."""

    id: str
    index: int
    first: str
    middle: str
    last: str
    values: dict[str, str]

    @property
    def name(self) -> str:
        return f"{self.first} {self.middle} {self.last}"

    @property
    def pronoun(self) -> str:
        """`he` for even numbers and `she` for odd ones, as in bioS; it says nothing about the name."""
        return "she" if self.index % 2 else "he"


@dataclass(frozen=True)
class Population:
    """People `0 ... size - 1` of a named population. Person i is the same in every size.

    Args:
        name: `B0` to `B999`, `C0` to `C999`, or one of the letters A and D to Z. Different names give disjoint people.
        size: number of people.

    Raises:
        UsageError: an unknown name, or more people than that name has room for.
    """

    name: str
    size: int

    def __post_init__(self) -> None:
        _, room = name_range(self.name)
        if not 0 <= self.size <= room:
            raise UsageError(
                f"population {self.name} has room for {room:,} people, {self.size:,} were asked for",
                f"use a population with more room: data.biographies.population=D has {OTHERS_SIZE:,}",
            )

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[Person]:
        return map(self.person, range(self.size))

    def person(self, index: int) -> Person:
        """The person with this number.

        Raises:
            IndexError: the number is not in `0 ... size - 1`.
        """
        if not 0 <= index < self.size:
            raise IndexError(f"population {self.name} has people 0 to {self.size - 1}, not {index}")
        first, middle, last = name_parts(name_range(self.name)[0] + index)
        return Person(f"{self.name}-{index:06d}", index, first, middle, last, _values(self.name, index))


@cache
def name_range(population: str) -> tuple[int, int]:
    """First name number of a population and how many people it has room for.

    Raises:
        UsageError: there is no population of that name.
    """
    match = re.fullmatch(r"([BC])(0|[1-9]\d{0,2})", population)
    if match:
        start, room = NUMBERED[match[1]]
        return start + int(match[2]) * room, room
    if len(population) == 1 and population in OTHERS:
        return OTHERS_START + OTHERS.index(population) * OTHERS_SIZE, OTHERS_SIZE
    raise UsageError(
        f"there is no population `{population}`; names are B0 to B999, C0 to C999, and the letters A and D to Z",
        "data.biographies.population=D, or a data.seed from 0 to 999 (which gives B0 to B999)",
    )


def name_parts(number: int) -> tuple[str, str, str]:
    """First, middle and last name for a name number from 0 to 159,999,999; every number has a name of its own.

    Each part is moved by an amount that depends on the two others only. That can be undone, so it is one to one, and
    twice around is enough for neighbouring numbers to look unrelated.
    """
    rest, last = divmod(number, LAST_NAMES)
    first, middle = divmod(rest, MIDDLE_NAMES)
    for turn in range(2):
        first = (first + _scramble(turn, 0, middle, last)) % FIRST_NAMES
        middle = (middle + _scramble(turn, 1, first, last)) % MIDDLE_NAMES
        last = (last + _scramble(turn, 2, first, middle)) % LAST_NAMES
    return word_list("first_names")[first], word_list("middle_names")[middle], word_list("last_names")[last]


def _scramble(turn: int, part: int, left: int, right: int) -> int:
    """32 bits that depend on everything given: keyed rounds of multiply and shift, many times faster than SHA-256."""
    mixed = _key(turn, part) ^ (left * 1000 + right)
    for factor in (0x9E3779B97F4A7C15, 0xD1342543DE82EF95):
        mixed = mixed * factor & 0xFFFFFFFFFFFFFFFF
        mixed ^= mixed >> 32
    return mixed & 0xFFFFFFFF


@cache
def _key(turn: int, part: int) -> int:
    return stable_seed("biographies", "name", turn, part)


def _values(population: str, index: int) -> dict[str, str]:
    # One 64-bit draw cut into five: 49 bits are needed, so no value is favoured by more than one part in 2^14.
    draw = stable_seed("biographies", "values", population, index)
    chosen: dict[str, str] = {}
    for relation in RELATIONS[:-1]:
        pool = values(relation)
        draw, position = divmod(draw, len(pool))
        chosen[relation] = pool[position]
    chosen["company_city"] = company_cities()[chosen["company"]]
    return chosen
