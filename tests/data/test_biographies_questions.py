"""Questions: answered by the person, single people out, and keep held-out wordings apart."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinj.config.errors import UsageError
from kinj.data.biographies import (
    RELATIONS,
    Population,
    distractors,
    frequent_value_baseline,
    pools,
    questions,
)
from kinj.data.biographies.questions import wordings
from kinj.data.biographies.text import templates
from kinj.data.records import Question

SPLITS = ("train", "extra", "held_out", "fresh")
ASKED = [("forward", relation) for relation in RELATIONS] + [("reverse", "name"), ("two_hop", "company_city")]
populations = st.sampled_from(["A", "D", "Z", "B0", "B17", "B999", "C0", "C999"])


@pytest.mark.parametrize(("form", "relation"), ASKED)
def test_question_wordings(form: str, relation: str) -> None:
    train, extra, held_out, fresh = (wordings(form, relation, split) for split in SPLITS)
    assert len(train) >= 5
    assert len(extra) >= 3
    assert len(held_out) >= 3
    assert len(fresh) >= 4
    everything = train + extra + held_out + fresh
    assert len(set(everything)) == len(everything)
    assert all(wording.endswith("?") for wording in everything)
    if form != "reverse":
        assert all(re.findall(r"\{(\w+)\}", wording) == ["name"] for wording in everything)


def test_no_wording_is_shared_or_contained() -> None:
    asked = [(split, w) for form, relation in ASKED for split in SPLITS for w in wordings(form, relation, split)]
    assert len({w for _, w in asked}) == len(asked)
    bodies = {split: {w.rstrip("?").lower() for s, w in asked if s == split} for split in SPLITS}
    assert [(h, t) for h in bodies["held_out"] for t in bodies["train"] if h in t or t in h] == []


def test_no_question_wording_appears_in_a_sentence() -> None:
    told = [
        t.replace("{Name}", "{name}").lower() for r in RELATIONS for s in ("train", "held_out") for t in templates(r, s)
    ]
    asked = [
        w.rstrip("?").lower() for form, relation in ASKED for split in SPLITS for w in wordings(form, relation, split)
    ]
    assert [(w, t) for w in asked for t in told if w in t] == []


@settings(deadline=None)
@given(populations, st.integers(0, 900), st.integers(0, 1000), st.sampled_from(SPLITS), st.integers(1, 4))
def test_questions_are_answered_by_the_person(name: str, index: int, seed: int, split: str, count: int) -> None:
    people = Population(name, 901)
    person = people.person(index)
    asked = list(questions(people, seed=seed, split=split, per_attribute=count, people=[index]))
    assert len(asked) == 8 * count
    assert len({q.id for q in asked}) == len({q.prompt for q in asked}) == 8 * count
    assert all(q.document == person.id and q.meta["split"] == split for q in asked)
    for q in asked:
        value = person.name if q.kind == "reverse" else person.values[q.meta["relation"]]
        assert q.answers == [value]
        assert (person.name in q.prompt) == (q.kind != "reverse")
        assert value not in q.prompt
        if q.kind == "two_hop":
            assert person.values["company"] not in q.prompt


def test_question_ids_and_meta() -> None:
    ids = [q.id for q in questions(Population("B0", 18), seed=0, people=[17])]
    assert [re.sub(r"\d$", "", i) for i in ids] == [
        *(f"B0-000017.{relation}.h" for relation in RELATIONS),
        "B0-000017.reverse.h",
        "B0-000017.two_hop.h",
    ]
    trained = next(questions(Population("B0", 18), seed=0, split="train"))
    assert trained.id.startswith("B0-000000.birth_date.t")
    assert set(trained.meta) == {"relation", "wording", "split"}


def test_asking_for_more_changes_nothing_already_asked() -> None:
    people = Population("B0", 20)
    one = {q.id for q in questions(people, seed=3)}
    assert one < {q.id for q in questions(people, seed=3, per_attribute=3)}
    assert {q.id for q in questions(people, seed=3, forms=("reverse",))} == {i for i in one if ".reverse." in i}


def test_impossible_questions_are_refused() -> None:
    with pytest.raises(UsageError, match="5 wordings per attribute were asked for; there are 4 held-out ones"):
        list(questions(Population("A", 1), seed=0, per_attribute=5))
    for forms in (("backward",), ()):
        with pytest.raises(UsageError, match="no question form"):
            list(questions(Population("A", 1), seed=0, forms=forms))


@pytest.mark.parametrize("name", ["A", "Z", "B0", "B1", "C0"])
def test_reverse_questions_single_out_one_person(name: str) -> None:
    people = list(Population(name, 1000))
    for keys in (("birth_date", "birth_city"), ("university", "major", "company")):
        shared = Counter(tuple(person.values[key] for key in keys) for person in people)
        assert max(shared.values()) == 1


def test_reverse_wordings_name_one_of_the_two_identifying_sets() -> None:
    for split in SPLITS:
        used = {frozenset(re.findall(r"\{(\w+)\}", wording)) for wording in wordings("reverse", "name", split)}
        assert used == {frozenset({"birth_date", "birth_city"}), frozenset({"university", "major", "company"})}


@settings(deadline=None)
@given(populations, st.integers(0, 99), st.sampled_from(RELATIONS), st.integers(0, 60), st.integers(0, 9))
def test_distractors_are_other_values_of_the_same_kind(name: str, i: int, relation: str, count: int, seed: int) -> None:
    person = Population(name, 100).person(i)
    drawn = distractors(person, relation, count, seed)
    assert len(set(drawn)) == len(drawn) == count
    assert person.values[relation] not in drawn
    assert set(drawn) <= set(pools.values(relation))
    assert drawn == distractors(person, relation, count, seed)


def test_distractors_reach_every_other_value_and_no_more() -> None:
    person = Population("A", 1).person(0)
    assert len(distractors(person, "major", 99, 0)) == 99
    with pytest.raises(UsageError, match="major has 99 other values, 100 were asked for"):
        distractors(person, "major", 100, 0)


def test_frequent_value_baseline() -> None:
    def asked(relation: str, answer: str) -> Question:
        return Question(id="q", document=None, prompt="?", answers=[answer], meta={"relation": relation})

    assert frequent_value_baseline([asked("major", a) for a in "xxyz"] + [asked("company", "v")]) == {
        "major": 0.5,
        "company": 1.0,
    }
    baseline = frequent_value_baseline(questions(Population("Z", 1000), seed=0, forms=("forward",)))
    assert set(baseline) == set(RELATIONS)
    assert all(share < 0.03 for share in baseline.values())
