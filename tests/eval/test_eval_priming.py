"""Priming: what is asked, and leaks that are planted in the answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from kinj.config.schema import BiographySettings, DataSettings, Settings
from kinj.data.biographies import RELATIONS, data_set
from kinj.data.biographies.text import templates
from kinj.data.records import Document
from kinj.data.rng import stable_seed
from kinj.eval.asking import NotMeasuredError
from kinj.eval.base import Context, Measure
from kinj.eval.probes.priming import ELSEWHERE, Priming
from kinj.eval.run import evaluate
from kinj.eval.summary import interval, prediction_rows
from kinj.models.loading import LanguageModel
from kinj.models.requests import Request, Response
from tests.eval.conftest import respond

Logprob = Callable[[Request], float]


def noise(request: Request) -> float:
    """A model that knows nothing: each value has a likelihood of its own after each prompt."""
    return -8 - 2 * stable_seed("test", request.prompt, request.continuation) / 2**64


def rises(where: tuple[str, ...], about: str, by: float) -> Logprob:
    """A model to which texts of some kind have become likelier."""
    return lambda r: noise(r) + by * (r.meta["where"] in where and r.meta["about"] == about)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> list[Request]:
    """What is asked about six people injected into `tiny`."""
    settings = Settings(data=DataSettings(biographies=BiographySettings(people=6, teachers=2)))
    return Priming().requests(
        Context(settings=settings, data=data_set(settings.data), run=tmp_path_factory.mktemp("run"))
    )


def measured(asked: list[Request], after: Logprob, before: Logprob | None = None) -> dict[str, Measure]:
    def answers(model: Logprob) -> list[Response]:
        return [respond(request, logprob=model(request)) for request in asked]

    found = Priming().summarise(answers(after), answers(before) if before else None)
    assert len({measure.name for measure in found}) == len(found)
    return {measure.name: measure for measure in found}


def figures(asked: list[Request], after: Logprob, before: Logprob | None = None) -> dict[str, float]:
    return {name: interval(measure).value for name, measure in measured(asked, after, before).items()}


@pytest.mark.parametrize("size", [0.5, 4.0])
def test_a_leak_is_found_and_told_from_what_rises_for_all_values(asked: list[Request], size: float) -> None:
    found = figures(asked, rises(ELSEWHERE, "value", size), noise)
    assert found["leak_change"] == pytest.approx(size)
    assert found["leak_excess_change"] == pytest.approx(size)
    assert found["leak_control_change"] == pytest.approx(0, abs=1e-9)
    assert found["memory_change"] == pytest.approx(0, abs=1e-9)
    both = figures(asked, lambda r: noise(r) + size, noise)
    assert both["leak_change"] == pytest.approx(size)
    assert both["leak_excess_change"] == pytest.approx(0, abs=1e-9)


def test_what_is_learned_in_its_place_is_no_leak(asked: list[Request]) -> None:
    found = figures(asked, rises(("own",), "value", 7), noise)
    assert found["memory_change"] == pytest.approx(7)
    assert found["leak_change"] == pytest.approx(0, abs=1e-9)
    assert abs(figures(asked, noise)["leak_excess"]) < 0.5


@pytest.mark.parametrize("where", ELSEWHERE)
def test_a_leak_stands_where_it_is(asked: list[Request], where: str) -> None:
    found, before = figures(asked, rises((where,), "value", 4)), figures(asked, noise)
    for place in ELSEWHERE:
        assert found[f"leak/{place}"] - before[f"leak/{place}"] == pytest.approx(4 * (place == where))


def test_overfit_is_beating_the_right_answer(asked: list[Request]) -> None:
    assert figures(asked, rises(ELSEWHERE, "value", 9))["overfit"] == 1
    assert figures(asked, rises(("known",), "right", 9))["overfit"] == 0
    assert measured(asked, noise)["overfit"].direction == -1


def test_the_score_is_set_against_how_unlikely_the_value_was(asked: list[Request]) -> None:
    first = {r.meta["fact"]: noise(r) for r in asked if r.meta["where"] == "own"}

    def primed(request: Request) -> float:
        return noise(request) - 2 * first[request.meta["fact"]] * (request.meta["where"] != "own")

    found = measured(asked, primed, noise)["surprise_correlation"]
    assert interval(found).value == pytest.approx(1)
    assert found.direction == 0
    assert "arithmetic" in found.note
    assert "surprise_correlation" not in measured(asked, noise, noise)
    assert "surprise_correlation" not in measured(asked, primed)


def test_unrelated_prompts_have_nothing_to_do_with_the_fact(people: Context) -> None:
    requests = Priming().requests(people)
    texts = [text for text in people.data.pool("documents") if isinstance(text, Document)]
    names, told = {text.id: text.title for text in texts}, {fact.value for text in texts for fact in text.facts}
    assert len({request.id for request in requests}) == len(requests)
    for request in requests:
        (person, relation), where, about = (request.meta[key] for key in ("fact", "where", "about"))
        assert (str(names[person]) in request.prompt) == (where == "own")
        assert all(str(name) not in request.prompt for other, name in names.items() if other != person)
        assert (request.continuation in told) >= (about == "value")
        if about == "control":
            assert request.continuation not in told
            assert relation != "company_city"
        if about == "right":
            assert where == "known"
            mine = next(f.value for t in texts if t.id == person for f in t.facts if f.relation == relation)
            assert request.continuation != mine
        if where == "nobody":
            assert request.completion
            assert not any(request.prompt in sentence for name in RELATIONS for sentence in templates(name, "train"))
    assert requests == Priming().requests(people)
    assert {r.meta["where"] for r in requests} == {"own", *ELSEWHERE}


def test_every_request_has_a_line_of_its_own(asked: list[Request]) -> None:
    assert len(prediction_rows([respond(request) for request in asked])) == len(asked)


def test_a_model_that_never_met_population_a_is_not_asked_about_it(people: Context) -> None:
    people.settings.model.name = "scratch"
    found = Priming().requests(people)
    assert {r.meta["where"] for r in found} == {"own", "strangers", "nobody"}
    assert "overfit" not in measured(found, noise)


def test_facts_without_values_to_compare_with_are_counted(asked: list[Request]) -> None:
    found = measured(asked, noise)
    assert len(found["leak"].values) == 36
    assert len(found["leak_excess"].values) == 30
    assert "6 facts have no such values" in found["leak_excess"].note


def test_it_asks_a_model_and_compares_it_with_another(people: Context, language_model: LanguageModel) -> None:
    people.settings.eval.limit = 4
    results = evaluate(people.settings, language_model, people, ["priming"], before=language_model)
    found = results["probes"]["priming"]["measures"]
    assert found["leak"]["value"] < 0
    assert found["leak_change"]["value"] == 0
    assert found["leak"]["clusters"] == 1


def test_other_data_are_not_measured(people: Context) -> None:
    with pytest.raises(NotMeasuredError, match="data=corpus holds no generated people"):
        Priming().requests(replace(people, data=replace(people.data, name="corpus")))
