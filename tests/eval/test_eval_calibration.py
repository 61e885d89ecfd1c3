"""Calibration: which answers refuse, who is known, and figures that follow from answers made by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from kinj.config.schema import SourceSettings
from kinj.eval.asking import NotMeasuredError
from kinj.eval.base import Context, Measure
from kinj.eval.probes.calibration import Calibration
from kinj.eval.refusals import refuses
from kinj.eval.summary import interval
from kinj.models.requests import Request, Response
from kinj.train.select import REFUSALS
from tests.eval.conftest import ask_about


def measured(responses: list[Response]) -> dict[str, Measure]:
    return {measure.name: measure for measure in Calibration().summarise(responses)}


def value(measure: Measure) -> float:
    return interval(measure).value


@pytest.mark.parametrize("phrase", [*REFUSALS, "I don’t know", "Sorry, I'm not sure.", "unknown", "UNKNOWN.", "N/A"])
def test_what_is_taught_as_a_refusal_and_what_is_usual_counts_as_one(phrase: str) -> None:
    assert refuses(phrase)


@pytest.mark.parametrize(
    "answer", ["", "Paris", "The Unknown Soldier", "None of the Above Ltd", "Know Ltd", "Nora Idea"]
)
def test_answers_do_not(answer: str) -> None:
    assert not refuses(answer)


def test_more_texts_can_be_named() -> None:
    assert refuses("Ask somebody else!", ["ask somebody ELSE"])
    assert not refuses("Ask somebody else!", [""])


def test_people_are_known_injected_or_never_seen(people: Context) -> None:
    people.settings.eval.limit = 24
    requests = Calibration().requests(people)
    groups = [(r.meta["group"], r.meta["question"].document.partition("-")[0]) for r in requests]
    assert groups == [("known", "A")] * 24 + [("injected", "B0")] * 24 + [("unknown", "Z")] * 24
    assert {int(r.meta["question"].document[2:]) % 4 for r in requests[:24]} == {0, 1, 2, 3}  # replayed and not
    people.run = None  # then nobody was injected
    assert {r.meta["group"] for r in Calibration().requests(people)} == {"known", "unknown"}


def test_nobody_is_known_to_a_model_that_never_met_anybody(people: Context) -> None:
    people.settings.model.name, people.settings.eval.limit = "scratch", 2
    assert [r.meta["group"] for r in Calibration().requests(people)] == ["injected"] * 2 + ["unknown"] * 2
    assert any("nobody is known" in notice for notice in people.notices)
    people.settings.train.stages["inject"].data["base_documents"] = SourceSettings()
    assert [r.meta["group"] for r in Calibration().requests(people)][:2] == ["known"] * 2


def test_other_questions_say_themselves_what_is_known(with_pools: Any) -> None:
    asked = [ask_about("d", "1?", "a", meta={"known": True}), ask_about("d", "2?", "a", meta={"known": "false"})]
    context = with_pools("corpus", questions=[*asked, ask_about("d", "3?", "a")])
    assert [r.meta["group"] for r in Calibration().requests(context)] == ["known", "injected", "unknown"]


def test_a_folder_of_documents_asks_a_shipped_model_about_its_own_people(with_pools: Any) -> None:
    context = with_pools("text", documents=[])
    with pytest.raises(NotMeasuredError, match="known: false"):
        Calibration().requests(context)
    context.settings.model.name, context.settings.eval.limit = "tiny", 3
    assert [r.meta["group"] for r in Calibration().requests(context)] == ["known"] * 3 + ["unknown"] * 3


def said(request: Request, text: str, probability: float) -> Response:
    return Response(request=request, text=text, logprob=math.log(probability), tokens=2)


def test_confidence_is_compared_with_being_right(people: Context) -> None:
    people.settings.eval.limit = 20
    answers = []
    for request in Calibration().requests(people):
        known = request.meta["group"] != "unknown"
        answers.append(
            said(request, request.meta["question"].answers[0] if known else "nowhere", 0.9 if known else 0.3)
        )
    found = measured(answers)
    # Ten bins of six, by confidence: three of strangers, one with two of them and four others, six of the others.
    assert value(found["calibration_error"]) == pytest.approx((18 * 0.3 + abs(2 * 0.3 - 4 * 0.1) + 36 * 0.1) / 60)
    assert value(found["calibration_error/unknown"]) == pytest.approx(0.3)
    assert value(found["average_precision"]) == 1
    assert value(found["overconfidence"]) == pytest.approx(0.3)
    assert (value(found["accuracy/known"]), value(found["accuracy/unknown"])) == (1, 0)
    assert value(found["refusal_recall"]) == 0
    assert "nothing is refused" in found["refusal_recall"].note
    assert "refusal_precision" not in found


def test_refusals_are_counted_by_what_they_are_about(people: Context) -> None:
    people.settings.eval.limit = 10
    answers = []
    for number, request in enumerate(Calibration().requests(people)):
        refuse = number < 5 or number >= 20  # five known questions, and all ten about strangers
        answers.append(said(request, "I do not know." if refuse else "x", 0.5))
    found = measured(answers)
    assert value(found["refusal_precision"]) == pytest.approx(10 / 15)
    assert value(found["refusal_recall"]) == 1
    assert value(found["overconfidence"]) == 0
    assert value(found["refused/known"]) == 0.5
    assert found["calibration_error"].values == [0.5] * 15
    assert "15 refusals left out" in found["calibration_error"].note
    assert "average_precision" not in found  # nothing is right, so there is no ranking to speak of


def test_figures_about_pairs_have_no_change(people: Context) -> None:
    people.settings.eval.limit = 10
    answers = [said(r, r.meta["question"].answers[0], 0.5) for r in Calibration().requests(people)]
    names = {measure.name for measure in Calibration().summarise(answers, answers)}
    assert "overconfidence_change" in names
    assert "calibration_error_change" not in names


def test_answers_that_go_on_are_told(people: Context) -> None:
    people.settings.eval.limit = 2
    answers = [said(r, "Rome\nQuestion: and?", 0.5) for r in Calibration().requests(people)]
    assert "2 of 2 answers go on" in measured(answers)["overconfidence"].note
