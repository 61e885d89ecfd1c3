"""Examples before the questions, and the document before them (open book)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kinj.cli.main import app
from kinj.config.schema import ModelSettings
from kinj.data.records import Document, Question
from kinj.eval import registry
from kinj.eval.asking import NotMeasuredError
from kinj.eval.base import Context
from kinj.eval.prompting import Prompted
from kinj.eval.run import evaluate
from kinj.eval.summary import interval
from kinj.models.answering import answer
from kinj.models.loading import LanguageModel, load_model
from kinj.models.requests import Request
from tests.eval.conftest import ask_about, perfectly

Pools = Callable[..., Context]
TOWNS = ("Rome", "Kyiv", "Lima", "Oslo", "Baku", "Riga", "Doha", "Male")
TEXTS = [Document(id=f"d{n}", text=f"Person {n} was born in {town}.") for n, town in enumerate(TOWNS)]
ASKED = [ask_about(f"d{n}", f"Where was person {n} born?", town) for n, town in enumerate(TOWNS)]


def probe(context: Context, name: str = "qa") -> Prompted:
    found = registry.get(name, context)
    assert isinstance(found, Prompted)
    return found


def shots_of(requests: list[Request]) -> tuple[tuple[str, str], ...]:
    (shots,) = {request.shots for request in requests}
    return shots


def test_without_the_settings_nothing_comes_before_a_question(with_pools: Pools) -> None:
    assert not isinstance(registry.get("qa", with_pools("corpus", questions=ASKED)), Prompted)


def test_examples_are_the_same_for_all_and_none_of_them_is_asked(with_pools: Pools) -> None:
    context = with_pools("corpus", questions=ASKED)
    context.settings.eval.limit, context.settings.eval.shots = 4, 3
    requests = probe(context).requests(context)
    assert [r.meta["question"].document for r in requests] == ["d0", "d1", "d2", "d3"]
    assert set(shots_of(requests)) < {(q.prompt, q.answers[0]) for q in ASKED[4:]}
    assert context.notices == []
    assert probe(context).name == "qa-3-shot"
    assert "after 3 examples" in probe(context).summarise(perfectly(requests))[0].note
    again = with_pools("corpus", questions=ASKED)
    assert shots_of(probe(again).requests(again)) == shots_of(requests)


def test_examples_come_from_the_training_questions_where_there_are_any(with_pools: Pools) -> None:
    others = [replace(q, id=f"t{n}", document=f"t{n}", prompt=f"Other {n}?") for n, q in enumerate(ASKED)]
    context = with_pools("corpus", questions=ASKED, train_questions=others)
    context.settings.eval.shots = 2
    requests = probe(context).requests(context)
    assert len(requests) == len(ASKED)
    assert all(prompt.startswith("Other") for prompt, _ in shots_of(requests))


def test_a_training_question_about_a_document_that_is_asked_about_is_no_example(with_pools: Pools) -> None:
    same = [replace(q, id=f"t{n}", prompt=f"Other {n}?") for n, q in enumerate(ASKED)]
    context = with_pools("corpus", questions=ASKED[:6], train_questions=same)
    context.settings.eval.shots = 2
    assert {prompt for prompt, _ in shots_of(probe(context).requests(context))} == {"Other 6?", "Other 7?"}


def test_where_all_are_asked_the_examples_and_what_is_about_their_documents_are_not(with_pools: Pools) -> None:
    twice = [replace(q, id=f"{q.id}2", prompt=f"In what town was {q.prompt[10:]}") for q in ASKED]
    context = with_pools("corpus", questions=[*ASKED, *twice])
    context.settings.eval.shots = 2
    requests = probe(context).requests(context)
    asked = {r.meta["question"].document for r in requests}
    told = {town for _, town in shots_of(requests)}
    assert len(requests) == 12
    assert len(told) == 2
    assert not told & {TOWNS[int(str(document)[1:])] for document in asked}
    assert "4 of 16 questions are left out: they are about the documents of the examples" in context.notices[0]


def test_too_few_questions_for_examples_are_said(with_pools: Pools) -> None:
    context = with_pools("corpus", questions=ASKED[:2])
    context.settings.eval.shots = 3
    with pytest.raises(NotMeasuredError, match=r"eval\.shots=3 takes"):
        probe(context).requests(context)
    context.settings.eval.shots = 2
    with pytest.raises(NotMeasuredError, match="no question is left"):
        probe(context).requests(context)


def test_texts_to_go_on_with_have_no_examples_and_are_none(with_pools: Pools) -> None:
    begun = [replace(q, meta={"form": "completion"}) for q in ASKED[:4]]
    context = with_pools("corpus", questions=[*begun, *ASKED[4:]])
    context.settings.eval.shots = 2
    requests = probe(context).requests(context)
    assert {bool(r.shots) for r in requests if r.completion} == {False}
    assert all(prompt.startswith("Where") for r in requests for prompt, _ in r.shots)
    assert any("no examples before them" in notice for notice in context.notices)


def test_the_ranking_too_comes_after_the_examples(with_pools: Pools) -> None:
    films = [ask_about(f"f{n}", f"Who directed film {n}?", f"Person Nr{c}") for n, c in enumerate("abcdefghijklmnop")]
    context = with_pools("wiki2023", questions=films[:12], train_questions=films[12:])
    context.settings.eval.shots = 2
    requests = probe(context, "wiki2023").requests(context)
    assert {request.kind for request in requests} == {"generate", "loglikelihood"}
    assert len(shots_of(requests)) == 2


def test_the_codec_writes_the_same_beginning_for_answers_and_for_rankings(language_model: LanguageModel) -> None:
    shots = (("Who?", "Ada"),)
    written = Request(kind="loglikelihood", prompt="Question: Who?\nAnswer: Ada\n\nQuestion: Where?\nAnswer:",
                      continuation="Rome", completion=True)  # fmt: skip
    asked = Request(kind="loglikelihood", prompt="Where?", continuation="Rome", shots=shots)
    alone = replace(asked, shots=())
    found = [response.logprob for response in answer(language_model, [asked, written, alone])]
    assert found[0] == pytest.approx(found[1], abs=1e-5)
    assert found[0] != pytest.approx(found[2], abs=1e-3)


def test_examples_are_read_once_for_several_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(ModelSettings(name="tiny"))
    shots = tuple((f"Where was person {n} born?", f"Town {n}") for n in range(8))
    requests = [Request(kind="generate", prompt=q.prompt, shots=shots, max_new_tokens=1) for q in ASKED]
    read: list[int] = []
    forward = type(model.model).forward

    def counted(self: Any, *args: Any, **inputs: Any) -> Any:
        read.append(inputs["input_ids"].numel())
        return forward(self, *args, **inputs)

    monkeypatch.setattr(type(model.model), "forward", counted)
    answer(model, requests)
    lengths = [len(ids) for ids in model.codec.prompts(requests)]
    assert sum(read) < sum(lengths) / 2


def test_open_book_puts_the_document_before_the_question_and_has_names_of_its_own(with_pools: Pools) -> None:
    context = with_pools("corpus", questions=ASKED, documents=TEXTS)
    context.settings.eval.open_book = True
    asked = probe(context)
    requests = asked.requests(context)
    assert asked.name == "qa-open-book"
    assert requests[2].prompt == "Person 2 was born in Lima.\n\nWhere was person 2 born?"
    assert requests[2].meta["question"].prompt == "Where was person 2 born?"  # what the files show
    measures = asked.summarise(perfectly(requests))
    assert [measure.name for measure in measures][:2] == ["open_book_exact_match", "open_book_f1"]
    assert all(measure.note.startswith("the document at hand") for measure in measures)
    assert interval(measures[0]).value == 1


def test_open_book_examples_have_their_documents_too(with_pools: Pools) -> None:
    context = with_pools("corpus", questions=ASKED, documents=TEXTS)
    context.settings.eval.open_book, context.settings.eval.shots, context.settings.eval.limit = True, 2, 3
    requests = probe(context).requests(context)
    assert probe(context).name == "qa-open-book-2-shot"
    for prompt, town in shots_of(requests):
        assert prompt.startswith("Person ")
        assert f"was born in {town}.\n\nWhere was" in prompt


def test_questions_without_their_document_are_counted(with_pools: Pools) -> None:
    loose = Question(id="loose", document=None, prompt="Why?", answers=["so"])
    context = with_pools("corpus", questions=[*ASKED, loose], documents=TEXTS[:5])
    context.settings.eval.open_book = True
    assert len(probe(context).requests(context)) == 5
    assert context.notices == ["qa-open-book: 4 of 9 questions are left out: no document that is here is named by them"]
    context = with_pools("corpus", questions=[loose], documents=TEXTS)
    with pytest.raises(NotMeasuredError, match="no book to open"):
        probe(context).requests(context)
    context = with_pools("corpus", questions=ASKED)
    with pytest.raises(NotMeasuredError, match="has no documents to put before"):
        probe(context).requests(context)


def test_a_document_that_does_not_fit_is_counted_and_open_and_closed_book_stand_side_by_side(
    with_pools: Pools, language_model: LanguageModel, tmp_path: Path
) -> None:
    long = [replace(TEXTS[0], text=TEXTS[0].text * 40), *TEXTS[1:]]
    context = replace(with_pools("corpus", questions=ASKED, documents=long), run=None)
    context.settings.eval.max_new_tokens = 4
    evaluate(context.settings, language_model, context, ["qa"], tmp_path)
    context.settings.eval.open_book = True
    found = evaluate(context.settings, language_model, context, ["qa"], tmp_path)["probes"]
    assert set(found) == {"qa", "qa-open-book"}
    assert (found["qa"]["too_long"], found["qa-open-book"]["too_long"]) == (0, 1)
    assert found["qa-open-book"]["measures"]["open_book_exact_match"]["n"] == 7
    for name, lines in (("qa", 8), ("qa-open-book", 7)):
        rows = (tmp_path / "predictions" / f"{name}.jsonl").read_text().splitlines()
        assert len([json.loads(row) for row in rows]) == lines


def test_the_flag_sets_the_setting_and_other_probes_say_that_they_do_not_read_it() -> None:
    few = ["eval.limit=4", "--dry-run"]
    told = CliRunner().invoke(app, ["eval", "tiny", "--probe", "qa", "--open-book", "eval.shots=2", *few])
    assert told.exit_code == 0
    assert "eval.open_book" in told.output
    assert "only the probes qa" not in told.output
    told = CliRunner().invoke(app, ["eval", "tiny", "--probe", "biographies", "--open-book", *few])
    assert "only the probes qa and wiki2023 read it" in told.output
