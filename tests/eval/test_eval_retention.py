"""The probe `retention` on what kinj knows nothing of: multiple choice, texts, text drawn from the start model; forgetting."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from kinj.config import to_yaml
from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import ModelSettings
from kinj.data.choices import choice_question
from kinj.data.records import Document, Question
from kinj.eval.asking import NotMeasuredError
from kinj.eval.base import Context
from kinj.eval.observer import ProbeObserver
from kinj.eval.probes.retention import Retention
from kinj.eval.run import evaluate
from kinj.eval.sampled import FILE
from kinj.eval.summary import interval
from kinj.models.loading import LanguageModel, load_model
from kinj.models.requests import Request, Response
from tests.eval.conftest import ask_about, respond

Pools = Callable[..., Context]
GASES = {"A": "neon", "B": "carbon dioxide", "C": "helium"}
CHOICES = [
    choice_question({"id": n, "question": f"Number {n}?", "choices": GASES, "answer": "ABC"[n % 3]}, "mmlu", n)
    for n in range(12)
]


def value(measures: Sequence[Any], name: str) -> float:
    return interval(next(measure for measure in measures if measure.name == name)).value


def scored(requests: Sequence[Request], right: Callable[[Question], bool]) -> list[Response]:
    """The right choice is the likeliest for some questions, and the least likely for the others."""
    found = []
    for request in requests:
        question = request.meta["question"]
        accepted = request.continuation == question.answers[0]
        found.append(respond(request, logprob=-1.0 if accepted == right(question) else -50.0))
    return found


def test_a_choice_is_asked_as_text_and_as_letter(with_pools: Pools) -> None:
    requests = Retention().requests(with_pools("corpus", retention_questions=CHOICES[:2]))
    text, letter = requests[:6], requests[6:9]
    assert [(r.prompt, r.continuation) for r in text] == [
        ("Number 0?", "neon"),
        ("Number 0?", "carbon dioxide"),
        ("Number 0?", "helium"),
        *(("What is the answer?", gas) for gas in GASES.values()),
    ]
    assert letter[0].prompt == "Number 0?\nA. neon\nB. carbon dioxide\nC. helium"
    assert [r.continuation for r in letter] == ["A", "B", "C"]
    assert [r.continuation for r in requests[9 + 6 :]] == ["B", "A", "C"]  # the right one first


def test_text_and_letter_are_counted_apart_and_guessing_is_said(with_pools: Pools) -> None:
    requests = Retention().requests(with_pools("corpus", retention_questions=CHOICES))
    measures = Retention().summarise(scored(requests, lambda question: question.meta.get("asks") == "letter"))
    assert (value(measures, "choices"), value(measures, "choices_letter")) == (0, 1)
    assert "guessing gives 0.333" in measures[0].note
    assert [m.name for m in measures if "/" not in m.name] == ["choices", "choices_letter"]


def test_the_headline_divides_by_characters(with_pools: Pools) -> None:
    requests = Retention().requests(with_pools("corpus", retention_questions=CHOICES[1:2]))
    # By the sum, the short `neon` would win: -3 against -7; per character, `carbon dioxide` does: -0.5 against -0.75.
    amounts = {"neon": -3.0, "carbon dioxide": -7.0, "helium": -9.0}
    measures = Retention().summarise([respond(r, logprob=amounts.get(str(r.continuation), -1.0)) for r in requests])
    assert (value(measures, "choices"), value(measures, "choices/raw")) == (1, 0)


def test_files_are_reported_apart_and_limited_apart(with_pools: Pools) -> None:
    arc = [replace(question, id=f"arc.{n}", kind="arc") for n, question in enumerate(CHOICES)]
    texts = [Document(id=f, text="line\n" * 2000, meta={"file": f}) for f in ("moby", "emma")]
    context = with_pools("corpus", retention_questions=[*CHOICES, *arc], retention_texts=texts)
    context.settings.eval.limit = 2
    requests = Retention().requests(context)
    assert list(dict.fromkeys(r.meta["question"].id for r in requests if r.kind == "loglikelihood")) == [
        *("mmlu.0", "mmlu.0/letter", "mmlu.1", "mmlu.1/letter", "arc.0", "arc.0/letter", "arc.1", "arc.1/letter")
    ]
    assert [r.id for r in requests if r.kind == "rolling"] == ["moby/0", "moby/1", "emma/0", "emma/1"]
    assert context.notices == ["retention: perplexity of 4 of 10 passages (eval.limit)"]
    answers = [respond(r, logprob=-2.0 if r.id.startswith("emma") else -1.0) for r in requests]
    measures = Retention().summarise(answers)
    names = [measure.name for measure in measures]
    assert {"choices/mmlu", "choices/arc", "perplexity/moby", "perplexity/emma"} < set(names)
    assert value(measures, "perplexity") == pytest.approx(2.718281828**1.5)
    assert value(measures, "perplexity/emma") == pytest.approx(2.718281828**2)


def test_a_model_that_forgets_exactly_three_is_found_out(with_pools: Pools) -> None:
    requests = Retention().requests(with_pools("corpus", retention_questions=CHOICES))
    lost, learned = ("mmlu.3", "mmlu.5", "mmlu.8"), "mmlu.0"
    before = scored(requests, lambda q: q.id.split("/")[0] != learned)
    after = scored(requests, lambda q: q.id not in lost)
    measures = Retention().summarise(after, before)
    found = {measure.name: measure for measure in measures}
    assert found["choices_forgotten"].note == "3 of 11 that were right before are wrong now"
    assert value(measures, "choices_forgotten") == pytest.approx(3 / 11)
    assert value(measures, "choices_letter_forgotten") == 0
    assert value(measures, "choices_change") == pytest.approx((1 - 3) / 12)
    assert "choices_forgotten" not in {measure.name for measure in Retention().summarise(after)}


@pytest.fixture
def run(with_pools: Pools, tmp_path: Path) -> Context:
    """A run that began as `tiny`, about documents alone."""
    context = with_pools("corpus", documents=[Document(id="a", text="b")])
    context.settings.model.name = "tiny"
    context.settings.data.name = "corpus"
    context.settings.eval.limit, context.settings.eval.retention.sampled_tokens = 1, 300
    assert context.run
    context.run.mkdir()
    (context.run / "config.yaml").write_text(to_yaml(context.settings))
    return context


def moved(model: LanguageModel, factor: float) -> LanguageModel:
    with torch.no_grad():
        model.model.lm_head.weight.mul_(factor)
    return model


@pytest.fixture
def tiny() -> LanguageModel:
    return load_model(ModelSettings(name="tiny"))


def test_the_start_model_has_not_moved_from_itself_and_another_has(run: Context, tiny: LanguageModel) -> None:
    same = {m.name: m for m in Retention().measure(tiny, run)}
    assert set(same["sampled_kl"].values) == {0.0}
    assert interval(same["sampled_kl"]).clusters == 3
    other = {m.name: m for m in Retention().measure(moved(tiny, 1.5), run)}
    assert interval(other["sampled_kl"]).low > 0.001
    assert interval(other["sampled_loss"]).value > interval(same["sampled_loss"]).value


def test_all_checkpoints_of_a_run_are_measured_on_the_text_that_it_keeps(
    run: Context, tiny: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Retention().measure(tiny, run)
    assert run.run
    path = run.run / FILE
    kept = path.read_bytes()
    assert len(kept.splitlines()) == 1 + 3
    with monkeypatch.context() as patch:
        patch.setattr("kinj.eval.sampled.draw_passages", lambda *_: pytest.fail("the text was drawn again"))
        assert Retention().measure(tiny, run) == first
        assert Retention().measure(tiny, replace(run, extras={})) == first
    path.unlink()  # an interruption before it was written
    later = replace(run, extras={})
    Retention().measure(tiny, later)
    assert path.read_bytes() == kept
    run.settings.eval.retention.seed = 1
    assert Retention().measure(tiny, run) != first
    path.write_text("{}\n[")
    with pytest.raises(KinjError, match="is broken"):
        Retention().measure(tiny, replace(run, extras={}))


def test_nothing_is_drawn_where_it_is_off_or_nothing_came_before(
    run: Context, tiny: LanguageModel, people: Context
) -> None:
    for tokens in (0, None):  # the facts that `tiny` knew are asked, so by default nothing is drawn
        run.settings.eval.retention.sampled_tokens = tokens
        assert Retention().measure(tiny, run) == []
    assert Retention().measure(tiny, replace(people, run=None)) == []
    people.settings.model.name = "scratch"
    assert Retention().measure(tiny, people) == []


def test_a_start_model_that_is_gone_or_of_another_vocabulary_is_said(
    run: Context, language_model: LanguageModel, tiny: LanguageModel
) -> None:
    with pytest.raises(NotMeasuredError, match="another vocabulary"):
        Retention().measure(language_model, run)
    run.settings.model.name = "gone/model-x/y"
    assert run.run
    (run.run / "config.yaml").write_text(to_yaml(run.settings))
    with pytest.raises(NotMeasuredError, match="cannot be loaded"):
        Retention().measure(tiny, run)


def test_a_users_model_beside_another_needs_no_test_set(with_pools: Pools, tiny: LanguageModel, tmp_path: Path) -> None:
    context = replace(with_pools("corpus", documents=[]), run=None)
    context.settings.eval.retention.sampled_tokens = 200
    start = load_model(ModelSettings(name="tiny"))
    results = evaluate(context.settings, moved(tiny, 1.5), context, ["retention"], tmp_path / "out", before=start)
    measures = results["probes"]["retention"]["measures"]
    assert list(measures) == ["sampled_kl", "sampled_loss"]
    assert measures["sampled_kl"]["value"] > 0.001
    assert "drawn from tiny" in measures["sampled_kl"]["note"]
    assert any(
        "retention: not measured: data=corpus has nothing that was known before" in n for n in results["notices"]
    )
    with pytest.raises(UsageError, match="nothing could be measured"):
        evaluate(context.settings, tiny, context, ["retention"])


def test_it_is_measured_on_the_way_too(run: Context, tiny: LanguageModel) -> None:
    rows = ProbeObserver(run.settings, run, ["retention"])(5, moved(tiny, 1.5))
    assert {"known_unreplayed", "sampled_kl", "sampled_loss"} <= {row["measure"] for row in rows}


def test_what_changed_stands_in_the_files_by_the_score_of_the_probe(
    with_pools: Pools, tiny: LanguageModel, tmp_path: Path
) -> None:
    context = replace(with_pools("corpus", retention_questions=CHOICES), run=None)
    context.settings.eval.retention.sampled_tokens = 0
    start = load_model(ModelSettings(name="tiny-plain"))
    results = evaluate(context.settings, tiny, context, ["retention"], tmp_path, before=start)["probes"]["retention"]
    flips = [json.loads(line) for line in (tmp_path / "predictions" / "retention.flips.jsonl").read_text().splitlines()]
    assert len(flips) == results["flips"]["gained"] + results["flips"]["lost"] > 0
    texts = [row for row in flips if row["score"] == "choices"]
    net = sum(1 if row["change"] == "gained" else -1 for row in texts)
    assert net == pytest.approx(12 * results["measures"]["choices_change"]["value"])
    for row in texts:
        said = row["after"] if row["change"] == "gained" else row["before"]
        assert said == row["answers"][0] != (row["before"] if row["change"] == "gained" else row["after"])


def test_questions_longer_than_the_context_are_counted_and_left_out(with_pools: Pools, tiny: LanguageModel) -> None:
    asked = [ask_about("d", "Who?", "Ada"), ask_about("d", "Who is it? " * 400, "Ada")]
    context = replace(with_pools("corpus", questions=asked), run=None)
    result = evaluate(context.settings, tiny, context, ["qa"])
    assert result["probes"]["qa"]["too_long"] == 1
    assert result["probes"]["qa"]["measures"]["exact_match"]["n"] == 1
    assert any("1 of 2 questions are left out: they are longer than the 512 tokens" in n for n in result["notices"])
    context = replace(with_pools("corpus", questions=asked[1:]), run=None, notices=[])
    with pytest.raises(UsageError, match="nothing could be measured") as caught:
        evaluate(context.settings, tiny, context, ["qa"])
    assert "all 1 questions are longer" in caught.value.hint


def test_text_is_drawn_by_default_for_any_model_that_is_not_shipped(
    with_pools: Pools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kinj.eval.probes.retention.SAMPLED", 130)
    own = load_model(ModelSettings(name="tiny"))
    own.model.save_pretrained(tmp_path / "own")
    own.tokenizer.save_pretrained(tmp_path / "own")
    context = with_pools("corpus", documents=[])
    context.settings.model.name = str(tmp_path / "own")
    assert context.run
    context.run.mkdir()
    (context.run / "config.yaml").write_text(to_yaml(context.settings))
    found = {measure.name: measure for measure in Retention().measure(moved(own, 1.5), context)}
    assert len(found["sampled_kl"].values) >= 130
    assert interval(found["sampled_kl"]).covers.startswith("other passages like these 2")
