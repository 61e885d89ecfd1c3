"""`eval.limit` and `eval.sample`: which questions are asked."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinj.config.schema import EvalSettings, Settings
from kinj.data.records import Question
from kinj.eval.asking import limited

IDS = st.lists(st.text(min_size=1), unique=True, max_size=30)


def asking(limit: int | None, sample: bool) -> Settings:
    return replace(Settings(), eval=EvalSettings(limit=limit, sample=sample))


def questions(ids: list[str]) -> list[Question]:
    return [Question(id=one, document=None, prompt="?", answers=["!"]) for one in ids]


@given(ids=IDS, limit=st.integers(1, 40))
def test_without_a_sample_the_first_are_asked(ids: list[str], limit: int) -> None:
    asked = questions(ids)
    assert limited(asked, asking(limit, sample=False)) == asked[:limit]
    assert limited(asked, asking(None, sample=True)) == asked


@given(ids=IDS, limit=st.integers(1, 40), order=st.randoms(use_true_random=False))
def test_a_sample_depends_on_the_ids_alone_and_keeps_their_order(
    ids: list[str], limit: int, order: random.Random
) -> None:
    asked = questions(ids)
    drawn = limited(asked, asking(limit, sample=True))
    assert len(drawn) == min(limit, len(asked))
    assert drawn == [question for question in asked if question in drawn]
    shuffled = asked[:]
    order.shuffle(shuffled)
    again = limited(shuffled, asking(limit, sample=True))
    assert {question.id for question in again} == {question.id for question in drawn}
    larger = limited(asked, asking(limit + 5, sample=True))
    assert {question.id for question in drawn} <= {question.id for question in larger}


def test_a_sample_is_of_all_parts_and_not_of_a_period() -> None:
    """Every k-th question could always be of one kind."""
    keys = [(f"person-{person}", relation) for person in range(500) for relation in range(8)]
    drawn = limited(keys, asking(400, sample=True))
    by_relation = [sum(relation == one for _, relation in drawn) for one in range(8)]
    by_half = sum(int(person.removeprefix("person-")) < 250 for person, _ in drawn)
    assert all(25 <= count <= 75 for count in by_relation)
    assert 150 <= by_half <= 250


def test_a_limit_below_1_is_refused() -> None:
    with pytest.raises(ValueError, match="limit must be 1 or more, got 0"):
        EvalSettings(limit=0)
