"""Probes that look at what was taught: the loss gap, sharpness, and questions in formats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy

from kinj.config.schema import SourceSettings
from kinj.data.records import Document, Fact, Question
from kinj.eval.asking import NotMeasuredError
from kinj.eval.base import Context, Measure
from kinj.eval.observer import ProbeObserver
from kinj.eval.probes.formats import Formats
from kinj.eval.probes.loss_gap import LossGap
from kinj.eval.probes.sharpness import Sharpness
from kinj.eval.run import evaluate
from kinj.models.answering import answer
from kinj.models.loading import LanguageModel
from kinj.models.requests import Request
from tests.eval.conftest import perfectly, respond


def text_about(person: str, before: str, value: str, after: str = ".") -> Document:
    fact = Fact(subject=person, relation="city", value=value, start=len(before), end=len(before) + len(value))
    return Document(id=person, text=f"{before}{value}{after}", facts=[fact])


@pytest.fixture
def taught(with_pools: Callable[..., Context]) -> Context:
    trained = [
        text_about("a", "Ada was born in ", "London"),
        text_about("b", "Grace was born in ", "New York", ", then."),
    ]
    reworded = [text_about("a", "The city of Ada is ", "London"), text_about("b", "Grace comes from ", "New York")]
    return with_pools("corpus", documents=trained, reworded=reworded)


def by_name(measures: list[Measure]) -> dict[str, Measure]:
    return {measure.name: measure for measure in measures}


def test_a_loss_is_that_of_the_tokens_of_the_value(language_model: LanguageModel, taught: Context) -> None:
    found = by_name(LossGap().summarise(answer(language_model, LossGap().requests(taught))))
    for name, pool in (("loss_trained", "documents"), ("loss_unseen", "reworded")):
        documents = [record for record in taught.data.pool(pool) if isinstance(record, Document)]
        assert found[name].values == pytest.approx([value_loss(language_model, document) for document in documents])
    pairs = zip(found["loss_unseen"].values, found["loss_trained"].values, strict=True)
    assert found["loss_gap"].values == pytest.approx([unseen - trained for unseen, trained in pairs])
    assert found["loss_gap"].clusters == ["a", "b"]


def value_loss(language_model: LanguageModel, document: Document) -> float:
    """From one forward pass over the whole text."""
    encoded = language_model.tokenizer(document.text, add_special_tokens=False, return_offsets_mapping=True)
    bos = language_model.codec.bos
    ids = torch.tensor([[*bos, *encoded["input_ids"]]])
    with torch.no_grad():
        logits = language_model.model.eval()(ids).logits[0, :-1]
    losses = cross_entropy(logits, ids[0, 1:], reduction="none")
    (fact,) = document.facts
    spans = encoded["offset_mapping"]
    inside = [n + len(bos) - 1 for n, (start, end) in enumerate(spans) if start < fact.end and end > fact.start]
    return float(losses[inside].mean())


def test_a_value_that_opens_its_text_is_left_out_of_both(with_pools: Callable[..., Context]) -> None:
    opening = text_about("a", "", "London", " is the city of Ada.")
    context = with_pools("corpus", documents=[text_about("a", "Ada is from ", "London")], reworded=[opening])
    with pytest.raises(NotMeasuredError, match="no fact that was taught"):
        LossGap().requests(context)


def test_where_questions_were_taught_the_loss_is_that_of_their_answers(people: Context) -> None:
    stage = people.settings.train.stages["inject"]
    stage.data = {"taught_questions": SourceSettings(), **stage.data}
    requests = LossGap().requests(people)
    assert len(requests) == 6 * 6 * 2
    trained, unseen = ({r.prompt for r in requests if r.meta["side"] == side} for side in ("trained", "unseen"))
    assert not trained & unseen
    responses = [respond(r, logprob=-1.0 if r.meta["side"] == "trained" else -6.0, tokens=2) for r in requests]
    found = by_name(LossGap().summarise(responses, responses))
    assert set(found["loss_gap"].values) == {2.5}
    assert set(found["loss_gap_change"].values) == {0.0}


def test_sentences_of_the_unseen_texts_stand_in_no_training_text(people: Context) -> None:
    texts = {pool: list(people.data.pool(pool)) for pool in ("documents", "reworded")}
    requests = [r for r in LossGap().requests(people) if r.meta["side"] == "unseen"]
    assert requests
    assert all(any(r.prompt in document.text for document in texts["reworded"]) for r in requests)
    assert not any(r.prompt in document.text for r in requests if len(r.prompt) > 60 for document in texts["documents"])


def test_the_loss_gap_is_not_measured_where_nothing_says_the_same_in_other_words(
    with_pools: Callable[..., Context],
) -> None:
    with pytest.raises(NotMeasuredError, match="no pool `reworded`"):
        LossGap().requests(with_pools("corpus", documents=[text_about("a", "Ada is from ", "London")]))
    with pytest.raises(NotMeasuredError, match="no pool `documents`"):
        LossGap().requests(with_pools("corpus"))


def test_for_a_short_move_sharpness_is_the_norm_of_the_gradient(language_model: LanguageModel, taught: Context) -> None:
    rho = taught.settings.eval.sharpness_rho = 1e-2
    model = language_model.model.eval()
    each = []
    for document in taught.data.pool("documents"):
        assert isinstance(document, Document)
        ids = torch.tensor([list(language_model.codec.document(document.text)[0].ids)]).long()
        each.append(model(input_ids=ids, labels=ids).loss)
    torch.stack(each).mean().backward()
    norm = torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None]).norm()
    model.zero_grad(set_to_none=True)
    found = by_name(Sharpness().measure(language_model, taught))
    rise = sum(found["sharpness"].values) / 2
    assert rise == pytest.approx(rho * float(norm), rel=0.02)
    assert abs(sum(found["sharpness_random"].values)) / 2 < rise / 5


def test_sharpness_leaves_everything_as_it_was(language_model: LanguageModel, taught: Context) -> None:
    model = language_model.model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    first = Sharpness().measure(language_model, taught)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(torch.get_rng_state(), random)
    assert Sharpness().measure(language_model, taught) == first


def test_sharpness_is_of_the_answers_where_questions_were_taught(
    language_model: LanguageModel, taught: Context
) -> None:
    asked = [Question(id="q", prompt="Where was Ada born?", answers=["London"], document="a")]
    taught.data.pools["asked"] = lambda: asked
    taught.settings.train.stages["inject"].data = {"mine": SourceSettings(pool="asked")}
    measure, *_ = Sharpness().measure(language_model, taught)
    assert (len(measure.values), measure.clusters) == (1, ["a"])


def test_coarse_weights_and_missing_pools_are_not_measured(language_model: LanguageModel, taught: Context) -> None:
    with pytest.raises(NotMeasuredError, match=r"model\.dtype=float32"):
        Sharpness().measure(replace(language_model, model=language_model.model.to(torch.bfloat16)), taught)
    language_model.model.float()
    taught.data.pools.pop("documents")
    with pytest.raises(NotMeasuredError, match="no pool `documents`"):
        Sharpness().measure(language_model, taught)


def test_measures_of_the_network_stand_in_results_with_their_change(
    language_model: LanguageModel, taught: Context
) -> None:
    found = evaluate(taught.settings, language_model, taught, ["sharpness", "loss_gap"], before=language_model)
    assert list(found["probes"]["sharpness"]["measures"]) == [
        "sharpness",
        "sharpness_random",
        "top_eigenvalue",
        "sharpness_change",
        "sharpness_random_change",
        "top_eigenvalue_change",
    ]
    assert found["probes"]["sharpness"]["measures"]["sharpness_change"]["value"] == 0
    assert found["probes"]["loss_gap"]["measures"]["loss_gap"]["clusters"] == 2


def test_the_observer_measures_the_network_on_the_way(language_model: LanguageModel, taught: Context) -> None:
    rows = ProbeObserver(taught.settings, taught, ["sharpness"])(3, language_model)
    assert [row["measure"] for row in rows] == ["sharpness", "sharpness_random", "top_eigenvalue"]
    taught.data.pools.pop("documents")
    assert ProbeObserver(taught.settings, taught, ["sharpness"])(3, language_model) == []
    assert "sharpness: not measured" in taught.notices[-1]


def test_formats_asks_every_forward_question_in_the_format_given(people: Context) -> None:
    with pytest.raises(NotMeasuredError, match="nothing here can put questions into formats"):
        Formats().requests(people)
    people.reformat = lambda asked: [replace(question, prompt=f"* {question.prompt}") for question in asked]
    requests: list[Request] = Formats().requests(people)
    assert len(requests) == 6 * 6
    assert all(request.prompt.startswith("* ") for request in requests)
    assert sum(by_name(Formats().summarise(perfectly(requests)))["recall_formats"].values) == 36
