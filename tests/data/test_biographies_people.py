"""Names are unique inside and across populations; values have the entropies that are claimed."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinj.config.errors import UsageError
from kinj.data.biographies import RELATIONS, Population, entropies, pools
from kinj.data.biographies.people import _scramble, name_parts, name_range

POPULATIONS = ["A", *"DEFGHIJKLMNOPQRSTUVWXYZ", *(f"{letter}{n}" for letter in "BC" for n in range(1000))]


def name_number(first: str, middle: str, last: str) -> int:
    """Undo `name_parts`: proof that every name number has a name of its own."""
    a, b, c = (
        pools.word_list(f"{kind}_names").index(part)
        for kind, part in (("first", first), ("middle", middle), ("last", last))
    )
    for turn in (1, 0):
        c = (c - _scramble(turn, 2, a, b)) % pools.LAST_NAMES
        b = (b - _scramble(turn, 1, a, c)) % pools.MIDDLE_NAMES
        a = (a - _scramble(turn, 0, b, c)) % pools.FIRST_NAMES
    return (a * pools.MIDDLE_NAMES + b) * pools.LAST_NAMES + c


@settings(deadline=None)
@given(st.integers(0, pools.NAMES - 1))
def test_a_name_can_be_turned_back_into_its_number(number: int) -> None:
    assert name_number(*name_parts(number)) == number


def test_no_two_populations_share_a_range_of_names() -> None:
    ranges = sorted(name_range(name) for name in POPULATIONS)
    assert all(start + room <= after for (start, room), (after, _) in pairwise(ranges))
    assert ranges[0][0] >= 0
    assert sum(ranges[-1]) <= pools.NAMES
    assert min(room for _, room in ranges) >= 20_000


def test_names_are_unique_inside_and_across_populations() -> None:
    names = [person.name for name in ("A", "B0", "B1", "C0", "C999", "Z") for person in Population(name, 2000)]
    assert len(set(names)) == len(names)
    assert all(len(name.split()) == 3 for name in names)


def test_neighbours_have_unrelated_names() -> None:
    people = list(Population("B0", 5000))
    for part, size in (("first", 400), ("middle", 400), ("last", 1000)):
        values = [getattr(person, part) for person in people]
        assert len(set(values)) > 0.98 * size
        same = sum(a == b for a, b in pairwise(values))
        assert same < 5 * len(people) / size


def test_a_person_does_not_depend_on_the_size_of_the_population() -> None:
    assert Population("B0", 10).person(7) == Population("B0", 5000).person(7)
    assert len(Population("B0", 10)) == 10


@pytest.mark.parametrize("name", ["", "B", "A0", "B1000", "B07", "C-1", "b0", "AA", "É"])
def test_an_unknown_population_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no population") as caught:
        Population(name, 1)
    assert "data.biographies.population=D" in caught.value.hint


@pytest.mark.parametrize(("name", "room"), [("B0", 100_000), ("C5", 20_000), ("D", 1_600_000)])
def test_a_population_beyond_its_room_is_refused(name: str, room: int) -> None:
    Population(name, room)
    with pytest.raises(UsageError, match=f"room for {room:,} people, {room + 1:,} were asked for"):
        Population(name, room + 1)


def test_a_person_who_is_not_there_is_refused() -> None:
    for index in (-1, 3):
        with pytest.raises(IndexError, match="people 0 to 2"):
            Population("A", 3).person(index)


def test_pool_sizes_are_those_of_the_entropies() -> None:
    sizes = {name: len(pools.word_list(name)) for name in ("first_names", "middle_names", "last_names", "cities")}
    assert sizes == {"first_names": 400, "middle_names": 400, "last_names": 1000, "cities": 200}
    for relation in RELATIONS[:-1]:
        assert len(set(pools.values(relation))) == len(pools.values(relation)) == round(2 ** entropies()[relation])
    for name in sizes:
        assert len(set(pools.word_list(name))) == sizes[name]
    assert set(pools.values("company_city")) <= set(pools.values("birth_city"))


def test_entropies_sum_to_the_published_bits() -> None:
    assert entropies()["company_city"] == 0
    assert sum(entropies(pronoun=True).values()) == pytest.approx(47.6, abs=0.05)  # sheet 08, step 5
    assert sum(entropies().values()) == pytest.approx(46.6, abs=0.05)


def test_empirical_entropies_agree() -> None:
    people = list(Population("D", 20_000))
    for relation in ("birth_city", "university", "major", "company"):
        counts = Counter(person.values[relation] for person in people)
        measured = -sum(n / len(people) * math.log2(n / len(people)) for n in counts.values())
        # Plain estimates fall short by about (k - 1) / (2 N ln 2) bits.
        short = (2 ** entropies()[relation] - 1) / (2 * len(people) * math.log(2))
        assert measured + short == pytest.approx(entropies()[relation], abs=0.003), relation
    assert len({person.values["birth_date"] for person in people}) == pytest.approx(
        pools.BIRTH_DATES * (1 - math.exp(-len(people) / pools.BIRTH_DATES)), rel=0.02
    )


def test_the_company_decides_its_city_and_nothing_else_does() -> None:
    people = list(Population("D", 3000))
    cities = {}
    for person in people:
        assert (
            cities.setdefault(person.values["company"], person.values["company_city"]) == person.values["company_city"]
        )
    assert len(cities) == pools.COMPANIES
    assert sum(p.values["birth_city"] == p.values["company_city"] for p in people) / len(people) < 0.02


def test_no_value_holds_another_as_words() -> None:
    """Otherwise an answer that is contained in another would count as right."""
    everything = {v for relation in RELATIONS[1:] for v in pools.values(relation)}
    parts = Counter(
        " ".join(words[a:b])
        for words in (value.split() for value in everything)
        for a in range(len(words))
        for b in range(a + 1, len(words) + 1)
    )
    assert [value for value in everything if parts[value] > 1] == []
