"""Backward questions: only where no text leads from a value to the name, ranked among names that were learned alike."""

from __future__ import annotations

from typing import Any

import pytest

from kinj.config.schema import BiographySettings, DataSettings
from kinj.data import open_data
from kinj.data.records import Document
from kinj.eval.asking import NotMeasuredError
from kinj.eval.base import Context
from kinj.eval.probes.backward import Backward
from kinj.eval.summary import interval
from kinj.models.requests import Response

PEOPLE = 60


@pytest.fixture
def many(people: Context) -> Context:
    """A context with enough people for both kinds of text."""
    settings = DataSettings(biographies=BiographySettings(people=PEOPLE))
    return Context(settings=people.settings, data=open_data(settings), run=people.run)


def test_nobody_is_asked_about_whose_text_leads_from_a_value_to_the_name(many: Context) -> None:
    asked = {question.document for question in Backward().questions(many)}
    assert 0 < len(asked) < PEOPLE
    for document in many.data.pool("documents"):
        assert isinstance(document, Document)
        first = min(document.facts, key=lambda fact: fact.start)
        assert (document.id in asked) == (first.subject in document.text[: first.start])
    assert any(f"of {PEOPLE} questions are not asked" in notice for notice in many.notices)


def test_the_person_is_ranked_among_ten_that_were_injected(many: Context) -> None:
    requests = Backward().requests(many)
    names = {document.title for document in many.data.pool("documents")}  # type: ignore[union-attr] # documents only
    ranked = [request for request in requests if request.kind == "loglikelihood"]
    asked = len(requests) - len(ranked)
    assert len(ranked) == 2 * 10 * asked
    assert {request.continuation for request in ranked} <= names
    assert ranked == [request for request in Backward().requests(many) if request.kind == "loglikelihood"]


def test_a_limit_asks_fewer_questions_and_draws_the_same_names(many: Context) -> None:
    everything = Backward().requests(many)
    many.settings.eval.limit = 2
    few = Backward().requests(many)
    assert len({request.id for request in few}) == 2
    assert few == [request for request in everything if request.id in {one.id for one in few}]


@pytest.mark.parametrize(("knows", "expected"), [(True, 1.0), (False, 0.0)])
def test_knowing_the_way_back_ranks_first(many: Context, knows: bool, expected: float) -> None:
    def answer(request: Any) -> Response:
        right = request.meta["question"].answers[0]
        if request.kind == "generate":
            return Response(request=request, text=right if knows else "nobody", logprob=-1.0, tokens=1)
        good = request.meta["premise"] == "raw" and (request.continuation == right) == knows
        return Response(request=request, text=None, logprob=-1.0 if good else -9.0, tokens=1)

    measures = {m.name: interval(m).value for m in Backward().summarise([answer(r) for r in Backward().requests(many)])}
    assert measures["ranked_first"] == measures["exact"] == expected
    assert measures["ranked_first_no_question"] == pytest.approx(0.1)


def test_another_data_set_has_no_people(with_pools: Any) -> None:
    with pytest.raises(NotMeasuredError, match="no generated people"):
        Backward().questions(with_pools("corpus", questions=[]))
