"""Texts: exact offsets, every sentence and order, exposure, and nothing held out among what is trained on."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinj.config.errors import UsageError
from kinj.data.biographies import RELATIONS, Population, biography, documents
from kinj.data.biographies.exposure import exposures
from kinj.data.biographies.text import templates
from kinj.data.records import Document

SPLITS = ("train", "held_out")
populations = st.sampled_from(["A", "D", "Z", "B0", "B17", "B999", "C0", "C999"])


@settings(deadline=None)
@given(
    populations,
    st.integers(0, 19_999),
    st.integers(0, 30),
    st.integers(0, 2**40),
    st.booleans(),
    st.booleans(),
    st.sampled_from(SPLITS),
)
def test_offsets_are_exact_and_the_full_name_comes_first(
    name: str, index: int, view: int, seed: int, permute: bool, full_name: bool, split: str
) -> None:
    person = Population(name, 20_000).person(index)
    made = biography(person, view, seed=seed, permute=permute, full_name=full_name, split=split)
    assert [made.text[fact.start : fact.end] for fact in made.facts] == [fact.value for fact in made.facts]
    assert {fact.relation: fact.value for fact in made.facts} == person.values
    assert {fact.subject for fact in made.facts} == {person.name} == {made.title}
    assert [fact.start for fact in made.facts] == sorted(fact.start for fact in made.facts)
    assert made.text.count(person.name) == (6 if full_name else 1)
    first = made.text.index(person.name)
    assert first < made.text.index(". ")
    assert "{" not in made.text
    assert all(sentence[0].isupper() for sentence in made.text.split(". "))
    assert made.origin == person.id


@settings(deadline=None)
@given(populations, st.integers(0, 500), st.integers(0, 5), st.booleans())
def test_permuting_moves_sentences_and_draws_no_others(name: str, index: int, view: int, full_name: bool) -> None:
    person = Population(name, 501).person(index)
    plain, moved = (biography(person, view, seed=0, permute=p, full_name=True) for p in (False, True))
    assert sorted(plain.text.rstrip(".").split(". ")) == sorted(moved.text.rstrip(".").split(". "))
    assert tuple(fact.relation for fact in plain.facts) == RELATIONS


def test_all_orders_and_sentences_come_up() -> None:
    people = Population("D", 9000)
    texts = list(documents(people, seed=1, permute=True))
    assert len({tuple(fact.relation for fact in text.facts) for text in texts}) == 720
    written = Counter(s for text in documents(Population("A", 600), seed=1) for s in shapes(text))
    assert len(written) >= 6 * 22


def shapes(text: Document) -> list[str]:
    """The sentences of a text with name and value blanked out."""
    out, start = [], 0
    for fact in text.facts:
        end = text.text.find(". ", fact.end)
        end = len(text.text) if end < 0 else end + 1
        out.append(text.text[start : fact.start] + "#" + text.text[fact.end : end])
        start = end + 1
    return [re.sub(r"\b(He|She|he|she|him|His|Her|his|her)\b", "@", s.replace(text.title or "", "@")) for s in out]


def test_views_are_named_after_their_original() -> None:
    first, second, *_ = documents(Population("B0", 2), seed=9, views=3)
    assert (first.id, first.source, first.view) == ("B0-000000", None, None)
    assert (second.id, second.source) == ("B0-000000.1", "B0-000000")
    assert second.view is not None
    assert asdict(second.view) == {"method": "biography", "index": 1, "seed": 9}
    assert first.meta == {"population": "B0", "person": 0, "pronoun": "he"}
    assert first.text != second.text


def test_ids_are_unique() -> None:
    ids = [text.id for text in documents(Population("B0", 50), seed=0, views=4, exposure=1.0)]
    assert len(set(ids)) == len(ids)


def test_pronouns_follow_the_number() -> None:
    he, she = (biography(person, 0, seed=0).text for person in Population("A", 2))
    assert re.search(r"\b(he|his|him)\b", he, re.I)
    assert not re.search(r"\b(she|her)\b", he, re.I)
    assert re.search(r"\b(she|her)\b", she, re.I)
    assert not re.search(r"\b(he|his|him)\b", she, re.I)


@pytest.mark.parametrize("relation", RELATIONS)
def test_sentence_templates(relation: str) -> None:
    train, held_out = templates(relation, "train"), templates(relation, "held_out")
    assert len(train) >= 20
    assert len(held_out) >= 5
    assert len({*train, *held_out}) == len(train) + len(held_out)
    for template in train + held_out:
        assert template.count("{value}") == 1
        assert len(re.findall(r"\{(Name|name|him|His|his)\}", template)) == 1
        assert template.endswith(".")
        assert template.count(".") == 1
        assert bool(re.match(r"\{(Name|His|value)\}|[A-Z]", template)), template
        assert "{Name}" not in template[1:]
        assert "{His}" not in template[1:]
    value_first = [
        template for template in train if template.index("{value}") < re.search(r"\{[NnHh]", template).start()
    ]  # type: ignore[union-attr]
    assert 4 <= len(value_first) <= 5


def test_no_sentence_belongs_to_both_splits_or_two_attributes() -> None:
    every = [t for relation in RELATIONS for split in SPLITS for t in templates(relation, split)]
    # "X was born in" (city) and "X was born on" (date) differ; the same words for two attributes would be ambiguous.
    assert len(set(every)) == len(every)


def test_held_out_sentences_are_never_in_training_texts() -> None:
    people = Population("A", 400)
    trained = {s for text in documents(people, seed=0, views=2, permute=True) for s in shapes(text)}
    held_out = {s for text in documents(people, seed=0, views=2, permute=True, split="held_out") for s in shapes(text)}
    assert len(held_out) >= 6 * 6
    assert trained.isdisjoint(held_out)


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(2, 20), st.floats(0, 3))
def test_exposures_add_up_and_never_rise(size: int, views: int, exponent: float) -> None:
    counts = list(exposures(size, views, exponent))
    assert len(counts) == size
    assert sum(counts) == size * views
    assert min(counts) >= 1
    # Rounding a running total moves a share by less than one.
    assert all(later <= earlier + 1 for earlier, later in pairwise(counts))


def test_exposures_follow_the_power_law() -> None:
    counts = list(exposures(1000, 50, 0.8))
    for i, j in ((0, 9), (0, 99), (9, 499)):
        assert counts[i] / counts[j] == pytest.approx(((j + 1) / (i + 1)) ** 0.8, rel=0.1)
    assert list(exposures(5, 3, 0.0)) == [3] * 5
    assert list(exposures(0, 3, 0.5)) == []


def test_exposure_reaches_the_texts() -> None:
    texts = list(documents(Population("B0", 30), seed=0, views=4, exposure=1.0))
    told = Counter(text.origin for text in texts)
    assert sum(told.values()) == 120
    assert told["B0-000000"] > told["B0-000009"] > told["B0-000029"] >= 1


def test_exposure_without_views_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no effect with data\.biographies\.views=1"):
        next(documents(Population("B0", 3), seed=0, exposure=0.5))
