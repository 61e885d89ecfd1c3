"""Probes about single facts: unseen contexts, doses, bits. Answers made by hand show what each figure means."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kinj.data.biographies import RELATIONS, data_set, entropies
from kinj.data.biographies.text import PRONOUNS, name_forms, sentences
from kinj.data.records import Document
from kinj.eval.asking import NotMeasuredError
from kinj.eval.base import Context, Measure
from kinj.eval.contexts import FAMILIAR, no_knowledge
from kinj.eval.probes.capacity import Capacity
from kinj.eval.probes.dose import Dose
from kinj.eval.probes.generalization import Generalization
from kinj.eval.probes.multihop import MultiHop
from kinj.eval.summary import interval, prediction_rows
from kinj.models.requests import Request, Response
from tests.eval.conftest import ask_about

BITS = sum(entropies().values())


def by_name(measures: list[Measure]) -> dict[str, Measure]:
    assert len({measure.name for measure in measures}) == len(measures)
    return {measure.name: measure for measure in measures}


def value(measure: Measure) -> float:
    return interval(measure).value


def answered(request: Request, knows: bool, logprob: float) -> Response:
    right = request.meta["question"].answers[0] if request.kind == "generate" else None
    return Response(request=request, text=right if knows or not right else "?", logprob=logprob, tokens=2, greedy=knows)


def test_contexts_are_held_out_sentences_with_the_name_before_the_value(people: Context) -> None:
    contexts = [request for request in Generalization().requests(people) if "fact" in request.meta]
    names = {document.id: document.title for document in people.data.pool("documents")}  # type: ignore[union-attr] # documents only
    trained = [
        record.text for pool in ("documents", "replay") for record in people.data.pool(pool) if hasattr(record, "text")
    ]
    assert len(contexts) == 6 * 6 * 5
    for request in contexts:
        person, relation = request.meta["fact"]
        assert request.completion
        assert names[person] in request.prompt
        told = [before.format_map(name_forms(names[person])) for before, _ in sentences(relation, "held_out")]
        assert request.prompt in told
        assert not any(request.prompt in text for text in trained)


@pytest.mark.parametrize("views", [1, 20])
def test_familiar_sentences_are_told_of_others_and_not_of_this_person(people: Context, views: int) -> None:
    people.settings.data.biographies.people, people.settings.data.biographies.views = 40, views
    people.data = data_set(people.settings.data)
    contexts = [request for request in Generalization().requests(people) if FAMILIAR in request.meta]
    texts: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for text in originals(people):
        texts.setdefault(text.origin, []).append(text.text)
        names[text.origin] = str(text.title)
    sentences_of_all = "\n".join(text for many in texts.values() for text in many)
    counts = Counter(request.meta[FAMILIAR] for request in contexts)
    assert set(counts.values()) <= {1, 2, 3}
    assert len(counts) == 40 * 6 if views == 1 else 40 * 5 < len(counts) <= 40 * 6  # some were told in every sentence
    for request in contexts:
        person, relation = request.meta[FAMILIAR]
        place = int(request.id.rpartition("familiar")[2])
        before, after = sentences(relation, "train")[place]
        assert request.prompt == before.format_map(name_forms(names[person]))
        forms = [name_forms(names[person]), *PRONOUNS.values()]
        told = [f"{before.format_map(f)}{request.continuation}{after.format_map(f)}" for f in forms]
        assert [(one, text) for one in told for text in texts[person] if one in text] == []
        if views > 1:
            wording = before.replace("{Name}", "").replace("{His}", "").partition("{")[0]
            assert wording in sentences_of_all


def test_familiar_sentences_have_measures_of_their_own(people: Context) -> None:
    def one(request: Request) -> Response:
        return answered(request, FAMILIAR in request.meta, -1.0 if FAMILIAR in request.meta else -5.0)

    measures = by_name(Generalization().summarise([one(request) for request in Generalization().requests(people)]))
    both = [
        (value(measures[name]), value(measures[f"{name}/familiar"])) for name in ("fact_accuracy", "attribute_loss")
    ]
    assert both == [(0, 1), (5, 1)]
    assert value(measures["fact_probability/familiar"]) == pytest.approx(math.exp(-1))


def test_facts_known_in_unseen_contexts_are_those_answered(people: Context) -> None:
    requests = Generalization().requests(people)
    known = {relation for relation in RELATIONS if relation.startswith("b")}

    def one(request: Request, knows_by_person: bool) -> Response:
        person, relation = request.meta.get("fact", request.meta.get(FAMILIAR)) or (
            request.meta["question"].document,
            request.meta["question"].meta["relation"],
        )
        knows = int(person[-1]) % 2 == 0 if knows_by_person else relation in known
        return answered(request, knows, -1.0 if knows else -5.0)

    by_person = by_name(Generalization().summarise([one(r, True) for r in requests]))
    assert [value(by_person[name]) for name in ("correlation", "correlation_within")] == pytest.approx([1, 1])
    assert value(by_person["answered"]) == value(by_person["fact_accuracy"]) == 0.5
    assert value(by_person["fact_probability"]) == pytest.approx((math.exp(-1) + math.exp(-5)) / 2)
    assert value(by_person["attribute_loss"]) == pytest.approx(3)
    assert interval(by_person["correlation"]).clusters == 6
    # What only separates easy attributes from hard ones is no relation within any of them.
    by_relation = by_name(Generalization().summarise([one(r, False) for r in requests]))
    assert value(by_relation["correlation"]) == pytest.approx(1)
    assert "correlation_within" not in by_relation


def test_without_any_answer_there_is_no_correlation(people: Context) -> None:
    measures = by_name(
        Generalization().summarise([answered(r, False, -5.0) for r in Generalization().requests(people)])
    )
    assert value(measures["answered"]) == 0
    assert not {"correlation", "correlation_within"} & set(measures)


def test_nor_is_there_one_with_a_handful_of_answers(people: Context) -> None:
    def one(request: Request) -> Response:
        key = request.meta.get("fact", request.meta.get(FAMILIAR)) or (
            request.meta["question"].document,
            request.meta["question"].meta["relation"],
        )
        knows = key == ("B0-000000", "major")
        return answered(request, knows, -1.0 if knows else -5.0)

    measures = by_name(Generalization().summarise([one(request) for request in Generalization().requests(people)]))
    assert value(measures["answered"]) == pytest.approx(1 / 36)
    assert "correlation" not in measures


def test_no_knowledge_is_the_entropy_of_each_attribute() -> None:
    for relation, bits in entropies().items():
        if bits:
            assert no_knowledge(relation) == pytest.approx(bits * math.log(2))
    assert 0 < no_knowledge("company_city") < no_knowledge("company")


def bits_of(people: Context, share: float) -> dict[str, Measure]:
    """The measures of a model that knows this share of the bits of every value: 0 is guessing evenly, 1 is a table."""
    answers = [
        answered(request, True, -(1 - share) * no_knowledge(request.meta["fact"][1]))
        for request in Capacity().requests(people)
    ]
    return by_name(Capacity().summarise(answers))


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_bits_are_none_for_guessing_and_all_for_a_table(people: Context, share: float) -> None:
    people.extras["parameters"] = (1000, 400)
    measures = bits_of(people, share)
    assert value(measures["bits_per_person"]) == pytest.approx(share * BITS, abs=1e-9)
    for where in ("sentences", "recited"):
        assert value(measures[f"bits_per_person/{where}"]) == pytest.approx(share * BITS, abs=1e-9)
    assert value(measures["bits"]) == pytest.approx(6 * share * BITS, abs=1e-9)
    assert value(measures["bits_per_parameter"]) == pytest.approx(6 * share * BITS / 1000, abs=1e-9)
    assert value(measures["bits_per_parameter_without_embeddings"]) == pytest.approx(6 * share * BITS / 400, abs=1e-9)
    parts = [value(measures[f"bits_per_person/{relation}"]) for relation in RELATIONS[:-1]]
    assert sum(parts) == pytest.approx(share * BITS, abs=1e-9)


def test_what_the_city_of_a_company_gives_away_is_nobody_s_bits(people: Context) -> None:
    """A model that knows nothing of anybody, but in which city each company is, and meets it before the company."""
    people.settings.data.biographies.people, people.settings.data.biographies.permute = 40, True
    people.data = data_set(people.settings.data)
    cities = {text.id: next(f.value for f in text.facts if f.relation == "company_city") for text in originals(people)}

    def knows(request: Request) -> float:
        person, relation = request.meta["fact"]
        return 0.0 if relation == "company" and cities[person] in request.prompt else -no_knowledge(relation)

    measures = by_name(Capacity().summarise([answered(r, True, knows(r)) for r in Capacity().requests(people)]))
    recited = measures["bits_per_person/recited"]
    assert 10 <= len(recited.values) <= 30  # of half of the people the company stands first
    assert value(recited) == pytest.approx(0, abs=1e-9)


def originals(context: Context) -> list[Document]:
    return [text for text in context.data.pool("documents") if isinstance(text, Document)]


def test_bits_of_the_paper() -> None:
    assert pytest.approx(47.6 - 1, abs=0.05) == BITS  # without the bit of the pronoun, which names do not show


def test_false_certainty_is_no_negative_knowledge(people: Context) -> None:
    measures = bits_of(people, -1.0)
    found = interval(measures["bits_per_person"])
    assert (found.value, found.low, found.high) == (0, 0, 0)
    assert (found.method, found.covers) == ("t", "other people like these 6")
    assert "bits_per_parameter" not in measures  # nobody said how large the model is


def test_where_values_are_left_out_for_everybody_no_bits_are_told(people: Context) -> None:
    read = [request for request in Capacity().requests(people) if request.meta["fact"][1] != "major"]
    with pytest.raises(NotMeasuredError, match="of nobody can all values be asked for"):
        Capacity().summarise([answered(request, True, -1.0) for request in read])


def write_doses(run: Path, rows: list[tuple[str, str | None, int]]) -> None:
    run.mkdir(exist_ok=True)
    columns = {name: [row[i] for row in rows] for i, name in enumerate(("document", "relation", "exposures"))}
    pq.write_table(pa.table(columns), run / "doses.parquet")


def test_accuracy_rises_with_the_dose(with_pools: Any) -> None:
    asked = [ask_about(f"d{n}", "Who?", "Ada", meta={"relation": "who"}) for n in range(40)]
    context = with_pools("corpus", questions=[*asked, ask_about("other", "Who?", "Ada")])
    write_doses(context.run, [(f"d{n}", "who", 2 ** (n // 10)) for n in range(40)])
    answers = [answered(r, int(r.meta["question"].document[1:]) >= 20, -1.0) for r in Dose().requests(context)]
    measures = by_name(Dose().summarise(answers))
    names = ["accuracy", "gain_per_doubling", "accuracy/1", "accuracy/2-3", "accuracy/4-7", "accuracy/8-15"]
    assert list(measures) == names
    assert [value(measures[name]) for name in names] == pytest.approx([0.5, 0.4, 0, 0, 1, 1])
    assert interval(measures["accuracy/1"]).clusters == 10
    assert any("1 of 41 questions" in notice for notice in context.notices)


def test_documents_that_were_never_drawn_have_a_bin_of_their_own_and_no_part_in_the_slope(with_pools: Any) -> None:
    asked = [ask_about(f"d{n}", "Who?", "Ada") for n in range(30)]
    context = with_pools("corpus", questions=asked, documents=[Document(id=f"d{n}", text="Ada.") for n in range(30)])
    write_doses(context.run, [(f"d{n}", None, 1 + (n >= 20)) for n in range(10, 30)])
    answers = [answered(r, r.meta["dose"] != 1, -1.0) for r in Dose().requests(context)]
    measures = by_name(Dose().summarise(answers))
    assert [value(measures[f"accuracy/{name}"]) for name in ("0", "1", "2-3")] == [1, 0, 1]
    assert value(measures["gain_per_doubling"]) == pytest.approx(1)
    assert interval(measures["gain_per_doubling"]).n == 20


def test_doses_add_up_over_sources_and_fall_back_to_the_document(with_pools: Any) -> None:
    asked = [
        ask_about("d", "Who?", "Ada", meta={"relation": "who"}),
        ask_about("d", "What?", "Ada"),
        ask_about("e", "?", "a"),
    ]
    context = with_pools("corpus", questions=asked)
    write_doses(context.run, [("d", "who", 2), ("d", "who", 1), ("d", "where", 5), ("e", None, 7)])
    assert [request.meta["dose"] for request in Dose().requests(context)] == [3, 5, 7]


def test_without_a_record_or_people_nothing_is_measured(with_pools: Any) -> None:
    context = with_pools("corpus", questions=[ask_about("d", "?", "a")])
    with pytest.raises(NotMeasuredError, match=r"doses\.parquet"):
        Dose().requests(context)
    write_doses(context.run, [("x", "who", 2)])
    with pytest.raises(NotMeasuredError, match="names no document"):
        Dose().requests(context)
    for probe in (Generalization(), Capacity()):
        with pytest.raises(NotMeasuredError, match="no generated people"):
            probe.requests(context)


def test_predictions_have_a_line_for_each_context(people: Context) -> None:
    people.settings.eval.limit = 1
    requests = Generalization().requests(people)
    rows = prediction_rows([answered(request, True, -1.0) for request in requests])
    assert len(rows) == len(requests) == 1 + 5 + 3


def chain(case: str, prompt: str, kind: str) -> Any:
    return ask_about("", f"{case} {prompt}?", "Ada", kind=kind, meta={"case": case})


def test_chains_are_counted_by_case_and_by_what_is_known_of_their_steps(with_pools: Any) -> None:
    asked = [chain(c, f"{kind}{n}", kind) for c in "abcd" for kind in ("chain", "hop") for n in range(2)]
    context = with_pools("mquake", questions=[*asked, chain("e", "alone", "hop")])
    requests = MultiHop().requests(context)
    assert len(requests) == 16  # a step without a chain is not asked
    # a: all steps and one wording; b: all steps, no wording; c: one step, both wordings; d: nothing.
    right = {"a chain0?", "a hop0?", "a hop1?", "b hop0?", "b hop1?", "c hop0?", "c chain0?", "c chain1?"}
    measures = by_name(MultiHop().summarise([answered(r, r.prompt in right, -1.0) for r in requests]))
    shares = {"chains": 2 / 4, "chains_each": 3 / 8, "hops": 2 / 4, "hops_each": 5 / 8}
    shares |= {"chains/hops_known": 1 / 2, "chains/hops_unknown": 1 / 2}
    assert {name: value(measure) for name, measure in measures.items()} == pytest.approx(shares)
    assert interval(measures["hops_each"]).clusters == 4
    assert measures["chains"].note == "steps asked: 2 in 4 cases"


def test_the_chain_of_generated_people_goes_through_their_employer(people: Context) -> None:
    people.settings.eval.limit = 2
    asked = [(q.document, q.kind, q.meta["relation"]) for q in MultiHop().questions(people)]
    assert asked == [
        (f"B0-00000{n}", kind, relation)
        for n in range(2)
        for kind, relation in (("forward", "company"), ("two_hop", "company_city"))
    ]


def test_data_without_chains_says_what_to_pass(with_pools: Any) -> None:
    with pytest.raises(NotMeasuredError, match="data=mquake"):
        MultiHop().requests(with_pools("corpus", questions=[chain("a", "b", "hop")]))
