"""The probe `cloze`: any documents, recitation and knowledge apart."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from kinj.augment import registry as methods
from kinj.augment.written.base import Written
from kinj.config.schema import AugmentSettings, ModelSettings, ReverseSettings
from kinj.data.biographies import Population, biography
from kinj.data.records import Document, View
from kinj.eval.asking import NotMeasuredError
from kinj.eval.base import Context
from kinj.eval.comparing import flips
from kinj.eval.overlap import words
from kinj.eval.probes.cloze import GAP, Cloze
from kinj.eval.run import evaluate
from kinj.eval.summary import interval, prediction_rows
from kinj.eval.table import results_table
from kinj.models.loading import LanguageModel, load_model
from kinj.models.requests import Request, Response
from tests.eval.conftest import respond

PEOPLE = [biography(person, 0, seed=0, full_name=True) for person in Population("D", 24)]
Pools = Callable[..., Context]


@pytest.fixture
def folder(with_pools: Pools) -> Context:
    """A run over 24 biographies that say every name in full."""
    return with_pools("corpus", documents=PEOPLE)


def answered(requests: list[Request], right: float = -1.0, wrong: float = -9.0) -> list[Response]:
    """Log-probabilities by whether the true value stands in a text, and the true value where something is to be written."""
    found = []
    for request in requests:
        question = request.meta["question"]
        true = request.meta.get("candidate") == question.answers[0]
        found.append(respond(request, f" {question.answers[0]} in 1900.", right if true else wrong))
    return found


def values(measures: list[Any]) -> dict[str, float]:
    return {measure.name: interval(measure).value for measure in measures}


def test_known_and_recited_are_counted_apart(folder: Context) -> None:
    requests = Cloze().requests(folder)
    found = values(Cloze().summarise(answered(requests)))
    assert found["known"] == found["known_written"] == found["not_knowledge/recited"] == 1
    known = [r for r in requests if not r.meta["question"].meta["recitation"]]
    mixed = [*answered(known, -9.0, -1.0), *answered([r for r in requests if r not in known])]
    found = values(Cloze().summarise(mixed))
    assert (found["known"], found["not_knowledge/value_alone"]) == (0, 0)
    assert found["known/pmi"] == pytest.approx(0.1)  # likely in the sentence as it is likely alone: a tie
    assert found["not_knowledge/recited"] == 1


def test_only_knowledge_is_a_headline(folder: Context) -> None:
    answers = answered(Cloze().requests(folder))
    measures = {measure.name: measure for measure in Cloze().summarise(answers, answers)}
    headlines = {name for name in measures if "/" not in name}
    assert headlines == {"known", "known_written", "known_change", "known_written_change"}
    assert {name for name, measure in measures.items() if measure.direction == 0} == {
        "not_knowledge/recited", "not_knowledge/recited_written", "not_knowledge/value_alone"
    }  # fmt: skip
    assert {"known/name", "known/date", "known/turned", "known/moved_front", "known/parted"} <= set(measures)
    assert "guessing gives 0.100" in measures["known"].note
    assert interval(measures["known"]).clusters == 24


def test_every_blank_is_asked_with_the_same_values_in_all_its_forms(folder: Context) -> None:
    requests = Cloze().requests(folder)
    for question in Cloze().questions(folder):
        mine = [r for r in requests if r.meta["question"].id == question.id]
        ranked = [r.meta["candidate"] for r in mine if r.meta.get("premise") == "raw"]
        assert len(set(ranked)) == len(ranked)
        assert ranked.count(question.answers[0]) == (0 if question.meta.get("form") else 1)
        assert (GAP in question.prompt) == bool(ranked)
        if not question.meta["recitation"] and ranked:
            twin = [r.meta["candidate"] for r in requests if r.meta["question"].id == f"{question.id}/recited"]
            assert twin == ranked == [r.meta["candidate"] for r in mine if r.meta.get("premise") == "neutral"]
    assert [r.prompt for r in requests] == [r.prompt for r in Cloze().requests(folder)]


def test_limit_and_notices(folder: Context) -> None:
    folder.settings.eval.limit = 5
    assert len({r.meta["question"].id.partition("/")[0] for r in Cloze().requests(folder)}) == 5
    assert "blanks in 24 of 24 documents; left out: " in folder.notices[0]
    assert "told earlier in the document" in folder.notices[0]


def test_documents_without_a_blank_are_not_measured_and_few_are_announced(with_pools: Pools) -> None:
    with pytest.raises(NotMeasuredError, match=r"no documents; pass --data FOLDER"):
        Cloze().requests(with_pools("corpus", questions=[]))
    with pytest.raises(NotMeasuredError, match=r"2 documents have no value to ask for; left out: 1 sentences: lean on"):
        Cloze().requests(
            with_pools("corpus", documents=[Document(id="a", text="It rains in Rome."), Document(id="b", text="")])
        )
    context = with_pools("corpus", documents=PEOPLE[:5])
    Cloze().requests(context)
    assert any("fewer than 30 blanks" in notice for notice in context.notices)


def test_views_are_no_documents(with_pools: Pools, folder: Context) -> None:
    views = [replace(d, id=f"{d.id}v", source=d.id, view=View(method="formatting", index=1, seed=0)) for d in PEOPLE]
    context = with_pools("corpus", documents=[*PEOPLE, *views])
    assert [r.prompt for r in Cloze().requests(context)] == [r.prompt for r in Cloze().requests(folder)]
    assert "24 documents: views of others" in context.notices[0]


def test_no_method_writes_a_sentence_as_the_probe_words_it(folder: Context) -> None:
    settings = (AugmentSettings(), AugmentSettings(reverse=ReverseSettings(how="segments")))
    built = [methods.get(name).build(setting, 0) for name in methods.names() for setting in settings]
    asked = {
        f" {' '.join(words(r.prompt))} "
        for r in Cloze().requests(folder)
        if not r.meta["question"].meta["recitation"] and r.kind == "rolling" and r.meta["premise"] == "raw"
    }
    written = [method for method in built if method.preserves != "nothing" and not isinstance(method, Written)]
    assert len(written) >= 2 * 7
    for method in written:
        for document in PEOPLE[:8]:
            for view in method.views(document, 4, random.Random(0)):
                told = f" {' '.join(words(view.text))} "
                assert not any(run in told for run in asked)


def test_files_and_table_of_an_evaluation(
    language_model: LanguageModel, folder: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kinj.eval.cloze.blanks.CONTEXT", 60)  # the model reads 128 tokens
    folder.settings.eval.limit, folder.settings.eval.max_new_tokens = 6, 4
    results = evaluate(folder.settings, language_model, folder, ["cloze"], tmp_path)
    found = results["probes"]["cloze"]
    assert found["prompt_overlap"]["prompts"] == 6 + found["measures"]["known_written"]["n"]  # none of recitation
    rows = [json.loads(line) for line in (tmp_path / "predictions" / "cloze.jsonl").read_text().splitlines()]
    ranked = [row for row in rows if "ranking" in row]
    assert len(ranked) == 12
    assert all(row["ranking"]["candidates"][0] == row["answers"][0] and GAP in row["prompt"] for row in ranked)
    shown = list(results_table(results).columns[1].cells)
    assert "not_knowledge/recited" in shown
    assert "known/name" not in shown


def test_flips_go_by_the_ranking_and_by_what_a_text_goes_on_with(folder: Context) -> None:
    after = answered(Cloze().requests(folder))
    before = [replace(r, text="?") if r.request.kind == "generate" else replace(r, logprob=-5.0) for r in after]
    found = flips(Cloze().summarise(after), Cloze().summarise(before), prediction_rows(after))
    changed = {(row["score"], row["change"]) for row in found}
    assert {("known", "gained"), ("known_written", "gained")} <= changed
    written = next(row for row in found if row["score"] == "known_written")
    assert written["after"].startswith(written["answers"][0])  # and goes on: no exact match


def test_texts_longer_than_the_context_are_counted_and_the_rest_is_asked(
    language_model: LanguageModel, folder: Context
) -> None:
    """The model reads 128 tokens: 400 characters before a sentence are too much for it, most sentences alone are not."""
    folder.settings.eval.limit, folder.settings.eval.max_new_tokens = 6, 4
    found = evaluate(folder.settings, language_model, folder, ["cloze"])
    result = found["probes"]["cloze"]
    assert result["too_long"] > 0
    assert result["measures"]["known"]["n"] == 6
    assert result["measures"].get("not_knowledge/recited", {"n": 0})["n"] < 6
    assert any("are left out: they are longer than the 128 tokens" in notice for notice in found["notices"])


def train(model: LanguageModel, documents: list[Document], epochs: int) -> None:
    """Next-token training on the documents, their sentences in another order every time."""
    optimizer = torch.optim.AdamW(model.model.parameters(), lr=1e-3)
    rng = random.Random(0)
    for _ in range(epochs):
        rows = []
        for document in documents:
            said = document.text.split(". ")
            rows += model.codec.document(". ".join(rng.sample(said, len(said))))
        width = max(map(len, rows))
        ids = torch.tensor([[*row.ids.tolist(), *[model.codec.pad_id] * (width - len(row))] for row in rows])
        labels = torch.tensor([[*row.labels.tolist(), *[-100] * (width - len(row))] for row in rows])
        model.model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.slow
def test_a_model_that_was_taught_the_documents_recites_more_than_it_knows_and_knows_more_than_chance(
    folder: Context,
) -> None:
    model = load_model(ModelSettings(name="tiny"))
    before = evaluate(folder.settings, model, folder, ["cloze"])["probes"]["cloze"]["measures"]
    train(model, PEOPLE, 40)
    after = evaluate(folder.settings, model, folder, ["cloze"])["probes"]["cloze"]["measures"]
    assert before["known"]["low"] < 0.1 < before["known"]["high"]
    assert after["not_knowledge/recited"]["low"] > after["known"]["value"]
    assert after["known"]["low"] > 0.15
    assert after["not_knowledge/value_alone"]["value"] < 0.25
