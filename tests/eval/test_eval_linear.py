"""Probing of hidden states, on models whose states are planted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from kinj.config.errors import KinjError
from kinj.config.schema import ModelSettings, Settings
from kinj.data.base import DataSet
from kinj.data.records import Document, Fact
from kinj.eval.asking import NotMeasuredError, with_changes
from kinj.eval.base import Context, Measure
from kinj.eval.probes.linear import Linear, label
from kinj.eval.summary import interval
from kinj.models.codec import Codec
from kinj.models.loading import LanguageModel, load_model
from kinj.models.scratch import train_tokenizer
from kinj.models.states import states_at
from tests.gap_models import save

VALUES = {
    "birth_city": ("London", "Rome", "Oslo", "Lima"),
    "company": ("Acme", "Bolt", "Crux", "Dune"),
    "company_city": ("Kyiv", "Bern", "Riga", "Bonn"),
}
HEADS = ("{name} was born in ", ". Then came work for ", ", which sits in ")
PEOPLE = 100
WIDTH = 64


def person(number: int) -> Document:
    """A text about a person: a city, a company, and its city, which follows from the company."""
    rng = np.random.default_rng(number)
    city, company = rng.integers(0, 4, 2)
    name, text, facts = f"Nr {number:03}", "", []
    for head, (relation, pool), choice in zip(HEADS, VALUES.items(), (city, company, company), strict=True):
        text += head.format(name=name)
        value = pool[choice]
        facts.append(Fact(subject=name, relation=relation, value=value, start=len(text), end=len(text) + len(value)))
        text += value
    return Document(id=f"B-{number}", text=f"{text}.", facts=facts)


TEXTS = [person(number) for number in range(PEOPLE)]
BY_NAME = {text.facts[0].subject: text for text in TEXTS}


class Planted(torch.nn.Module):
    """A model whose state after a text is noise, and the sum of what `shown` says can be read there."""

    def __init__(self, tokenizer: Any, shown: Callable[[str, Document], list[str]]) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.tokenizer, self.shown, self.base_model = tokenizer, shown, self._read
        self.codes: dict[str, torch.Tensor] = {}

    def _code(self, value: str) -> torch.Tensor:
        """A direction of its own for each value; the first time a value is met, it gets one."""
        generator = torch.Generator().manual_seed(len(self.codes))
        return self.codes.setdefault(value, torch.randn(WIDTH, generator=generator))

    def _read(self, input_ids: torch.Tensor, use_cache: bool) -> SimpleNamespace:
        assert not use_cache
        assert torch.is_inference_mode_enabled()
        assert not self.training
        rows = [[self._state(ids[: end + 1]) for end in range(len(ids))] for ids in input_ids.tolist()]
        return SimpleNamespace(last_hidden_state=torch.stack([torch.stack(row) for row in rows]))

    def _state(self, ids: list[int]) -> torch.Tensor:
        text = self.tokenizer.decode(ids, skip_special_tokens=True)
        noise = torch.randn(WIDTH, generator=torch.Generator().manual_seed(hash(tuple(ids)) % 2**31))
        known = [BY_NAME[name] for name in BY_NAME if name in text]
        shown = self.shown(text, known[0]) if known else []
        return noise + 3 * sum((self._code(value) for value in shown), torch.zeros(WIDTH))


def all_of(_: str, about: Document) -> list[str]:
    return [fact.value for fact in about.facts]


def just_before(text: str, about: Document) -> list[str]:
    return [fact.value for fact in about.facts if about.text[: fact.start].rstrip() == text.rstrip()]


def the_person(_: str, about: Document) -> list[str]:
    return [about.id]


def nothing(_: str, __: Document) -> list[str]:
    return []


@pytest.fixture(scope="module")
def words() -> Any:
    return train_tokenizer([text.text for text in TEXTS], 500)


@pytest.fixture
def context(settings: Settings, tmp_path: Path) -> Context:
    settings.model.name = "scratch"
    return Context(settings=settings, data=DataSet("biographies", {"documents": lambda: list(TEXTS)}), run=tmp_path)


def planted(words: Any, shown: Callable[[str, Document], list[str]]) -> LanguageModel:
    model = Planted(words, shown)
    return LanguageModel(model, words, Codec(words, ModelSettings(name="scratch"), 64), "planted")


def figures(measures: list[Measure]) -> dict[str, float]:
    return {measure.name: interval(measure).value for measure in measures}


def test_what_the_name_alone_holds_is_read_everywhere(words: Any, context: Context) -> None:
    found = figures(Linear().measure(planted(words, all_of), context))
    assert {name for name in found if "/" not in name} == {
        f"{place}{end}"
        for place in ("from_name", "from_first", "before_value")
        for end in ("", "_accuracy", "_shuffled")
    }
    for place in ("from_name", "from_first", "before_value"):
        assert found[place] > 0.97
        assert found[f"{place}_accuracy"] > 0.95
        assert abs(found[f"{place}_shuffled"] - 0.5) < 0.12


def test_what_is_held_just_before_the_value_is_read_there_only(words: Any, context: Context) -> None:
    found = figures(Linear().measure(planted(words, just_before), context))
    assert found["before_value"] > 0.97
    assert abs(found["from_name"] - 0.5) < 0.1
    assert abs(found["from_first"] - 0.5) < 0.1


@pytest.mark.parametrize("shown", [nothing, the_person])
def test_without_the_values_nothing_is_read_though_the_person_is(
    words: Any, context: Context, shown: Callable[[str, Document], list[str]]
) -> None:
    found = figures(Linear().measure(planted(words, shown), context))
    for place in ("from_name", "from_first", "before_value"):
        assert abs(found[place] - 0.5) < 0.1
        assert found[f"{place}_accuracy"] < 0.4


def test_every_place_has_its_attributes_and_nothing_that_was_given_away(words: Any, context: Context) -> None:
    measures = {measure.name: measure for measure in Linear().measure(planted(words, nothing), context)}
    assert {name for name in measures if "/" in name} == {
        *(f"from_name/{relation}" for relation in VALUES),
        "before_value/birth_city",
        "before_value/company",
        "from_slot_1/company",
        "from_slot_1/company_city",
        "from_slot_2/company_city",
    }
    assert measures["from_name"].clusters == [text.id for text in TEXTS] * 3
    assert "100 people; 100.0% of the values" in measures["from_name"].note


def test_a_company_whose_city_was_told_is_not_asked_for(words: Any, context: Context) -> None:
    """Where sentences are permuted the city may come first, and tells which company it is."""
    context.data.pools["documents"] = lambda: [
        _text(number, order=("company_city", "company", "birth_city")) for number in range(30)
    ]
    measures = {measure.name for measure in Linear().measure(planted(words, nothing), context)}
    assert {name for name in measures if name.endswith("/company")} == {"from_name/company", "from_slot_1/company"}
    assert "before_value/company_city" in measures


def _text(number: int, order: tuple[str, ...]) -> Document:
    """The person's values in another order."""
    told = {fact.relation: fact.value for fact in person(number).facts}
    text, facts = "", []
    for relation in order:
        text += f"{'Nr ' if not text else ' '}{number:03} has "
        value, start = told[relation], len(text)
        facts.append(
            Fact(subject=f"Nr {number:03}", relation=relation, value=value, start=start, end=start + len(value))
        )
        text += f"{value}."
    return Document(id=f"B-{number}", text=text, facts=facts)


def test_a_value_that_opens_its_text_is_not_asked_for_there(words: Any, context: Context) -> None:
    turned = Document(id="t", text="London saw Nr 001 born.", facts=[TEXTS[1].facts[0].__class__(
        subject="Nr 001", relation="birth_city", value="London", start=0, end=6
    )])  # fmt: skip
    context.data.pools["documents"] = lambda: [*TEXTS[:30], turned]
    measures = {measure.name: measure for measure in Linear().measure(planted(words, nothing), context)}
    assert len(measures["from_name/birth_city"].values) == 31
    assert len(measures["before_value/birth_city"].values) == 30


def test_where_the_model_met_population_a_heads_learn_from_it_too(
    language_model: LanguageModel, people: Context
) -> None:
    people.settings.model.name, people.settings.eval.limit = "tiny", 30
    assert people.run is not None
    people.run.mkdir()
    wide = LanguageModel(
        language_model.model,
        language_model.tokenizer,
        Codec(language_model.tokenizer, ModelSettings(name="x"), 512),
        "x",
    )
    measures = {measure.name: measure for measure in Linear().measure(wide, people)}
    assert "heads of up to 36 people" in measures["from_name"].note
    assert len(measures["from_name"].values) == 6 * 6
    people.run = None
    measures = {measure.name: measure for measure in Linear().measure(wide, people)}
    assert len(measures["from_name"].values) == 30 * 6


def test_places_with_few_people_are_left_out_and_this_is_said(words: Any, context: Context) -> None:
    turned = TEXTS[:20]
    late = next(fact for fact in turned[0].facts if fact.relation == "birth_city")
    # One person's city is told a second time, after the company: a place that nobody else has.
    again = f" So {late.subject} is from "
    start = len(turned[0].text) + len(again)
    more = replace(late, start=start, end=start + len(late.value))
    turned[0] = replace(turned[0], text=f"{turned[0].text}{again}{late.value}.", facts=[*turned[0].facts[1:], more])
    context.data.pools["documents"] = lambda: turned
    measures = {measure.name for measure in Linear().measure(planted(words, nothing), context)}
    assert "from_slot_2/birth_city" not in measures
    assert context.notices == ["linear: 2 pairs of place and attribute have fewer than 10 people: left out"]


def test_weights_gradients_modes_and_random_state_stay(words: Any, context: Context) -> None:
    language_model = planted(words, all_of)
    language_model.model.train()
    random, numbers = torch.get_rng_state(), np.random.get_state()[1].copy()
    before = language_model.model.weight.clone()
    first = Linear().measure(language_model, context)
    assert language_model.model.training
    assert language_model.model.weight.grad is None
    assert torch.equal(language_model.model.weight, before)
    assert torch.equal(torch.get_rng_state(), random)
    assert np.array_equal(np.random.get_state()[1], numbers)
    context.settings.eval.batch_tokens = 1
    assert Linear().measure(language_model, context) == first


def test_texts_that_the_model_cannot_read_whole_are_counted_and_left_out(words: Any, context: Context) -> None:
    long = [replace(TEXTS[number], text=TEXTS[number].text + " and so on" * 40) for number in (0, 3)]
    context.data.pools["documents"] = lambda: [long[0], *TEXTS[1:3], long[1], *TEXTS[4:]]
    measures = {measure.name: measure for measure in Linear().measure(planted(words, nothing), context)}
    assert measures["from_name/birth_city"].clusters == [text.id for text in TEXTS if text.id not in ("B-0", "B-3")]
    assert context.notices == [
        "linear: 2 of 100 people are left out: their texts are longer than the 64 tokens that the model reads, and nothing is cut"
    ]
    whole = Linear().measure(
        planted(words, nothing), replace(context, data=DataSet("biographies", {"documents": lambda: TEXTS}))
    )
    assert not [m for m in with_changes(list(measures.values()), whole) if m.name.endswith("_change")]


def test_two_models_are_compared_person_by_person(words: Any, context: Context) -> None:
    after, before = (Linear().measure(planted(words, shown), context) for shown in (all_of, nothing))
    found = {measure.name: measure for measure in with_changes(after, before)}
    assert interval(found["from_name_change"]).value > 0.4
    assert interval(found["from_name_change"]).clusters == PEOPLE


def test_what_cannot_be_probed_is_said(words: Any, context: Context, tmp_path: Path) -> None:
    language_model = planted(words, nothing)
    context.settings.eval.limit = 5
    with pytest.raises(NotMeasuredError, match="heads need 10 people"):
        Linear().measure(language_model, context)
    context.data = DataSet("corpus", {})
    with pytest.raises(NotMeasuredError, match="data=corpus holds no generated people"):
        Linear().measure(language_model, context)
    with pytest.raises(NotMeasuredError, match="reads from both sides"):
        Linear().measure(load_model(ModelSettings(name=str(save("bert", tmp_path / "bert")))), context)


def test_of_a_date_the_month_is_asked_for() -> None:
    assert (label("birth_date", "May 3, 1912"), label("major", "May 3, 1912")) == ("May", "May 3, 1912")


def test_states_are_those_the_output_layer_is_given(language_model: LanguageModel) -> None:
    text = "Ada Byron was born in London."
    place = text.index("London")
    (states,) = states_at(language_model, [(text, [len("Ada Byron"), place])], 64)
    codec = language_model.codec
    for end, state in zip((len("Ada Byron"), place - 1), states, strict=True):
        ids = torch.tensor([[*codec.bos, *codec.encode([text[:end]])[0]]])
        logits = language_model.model.eval()(ids).logits[0, -1]
        assert torch.allclose(language_model.model.lm_head(torch.from_numpy(state)), logits, atol=1e-5)


def test_states_do_not_depend_on_the_batch(language_model: LanguageModel) -> None:
    texts = [("Ada Byron was born in London.", [9, 20]), ("Grace", [5]), ("The weather in the north is cold.", [33])]
    alone, together = (states_at(language_model, texts, tokens) for tokens in (1, 1000))
    assert [len(rows) for rows in alone] == [2, 1, 1]
    for one, other in zip(alone, together, strict=True):
        assert np.allclose(one, other, atol=1e-5)


def test_states_refuse_long_texts_and_broken_weights(language_model: LanguageModel) -> None:
    with pytest.raises(KinjError, match="longer than the model reads: 128"):
        states_at(language_model, [("word " * 200, [3])], 64)
    with torch.no_grad():
        language_model.model.model.norm.weight.fill_(float("nan"))
    with pytest.raises(KinjError, match="not a number"):
        states_at(language_model, [("Ada", [3])], 64)
