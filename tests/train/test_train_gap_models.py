"""Models that fill gaps, trained: they learn facts and answers, resume to the same bytes, and open in plain transformers."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from kinj.cli.pipeline import start_model, write_merged
from kinj.config.errors import UsageError
from kinj.config.schema import (
    LoraSettings,
    ModelSettings,
    OptimSettings,
    SamSettings,
    Settings,
    SourceSettings,
    StageSettings,
    TrainSettings,
)
from kinj.data.base import DataSet
from kinj.data.records import Document, Question
from kinj.data.rundir import RunDir
from kinj.models.answering import answer
from kinj.models.batch import predictions
from kinj.models.codec import IGNORE
from kinj.models.gap_codecs import MaskCodec, SentinelCodec
from kinj.models.loading import LanguageModel, load_model
from kinj.models.requests import Request
from kinj.train.batching import micro_batches
from kinj.train.objectives.gaps import MASKED, TokenGaps, gap_rows
from kinj.train.optim import build_adamw
from kinj.train.run import train
from kinj.train.step import Stepper
from tests.gap_models import FACTS, NAMES, QUESTIONS, TOWNS, save
from tests.train.test_train_conformance import RECIPES, asker, pools, small
from tests.train.test_train_run import StopError, digest, run_dir, stop_after

KINDS = ("t5", "bert")


def data() -> DataSet:
    documents = [Document(id=name, title=name, text=text) for name, text in zip(NAMES, FACTS, strict=True)]
    questions = [
        Question(id=f"q{name}", document=name, prompt=prompt, answers=[town])
        for name, prompt, town in zip(NAMES, QUESTIONS, TOWNS, strict=True)
    ]
    return DataSet("test", {"documents": lambda: documents, "questions": lambda: questions})


def settings(folder: Path, *, steps: int = 6, objective: str = "auto", sources: Any = None, **optim: Any) -> Settings:
    mixture = {name: SourceSettings() for name in sources or ("documents", "questions")}
    stage = StageSettings(data=mixture, objective=objective, steps=steps)
    return Settings(
        model=ModelSettings(name=str(folder)),
        train=TrainSettings(order=["only"], stages={"only": stage}, checkpoint_every=2, keep_checkpoints=9),
        optim=OptimSettings(**{"batch_tokens": 400, "lr": 1e-2, "weight_decay": 0.0, **optim}),
    )


@pytest.fixture(params=KINDS)
def folder(request: Any, tmp_path: Path) -> Path:
    return save(request.param, tmp_path / request.param)


def trained(chosen: Settings, path: Path) -> RunDir:
    run = run_dir(path)
    train(chosen, start_model(chosen, data()), data(), run)
    return run


def answers(language_model: LanguageModel) -> list[str]:
    requests = [Request(kind="generate", prompt=question, max_new_tokens=8) for question in QUESTIONS]
    return [response.text or "" for response in answer(language_model, requests)]


def test_after_some_steps_they_answer(folder: Path, tmp_path: Path) -> None:
    chosen = settings(folder, steps=20 if folder.name == "t5" else 40, sources=("questions",))
    chosen.train.stages["only"].data["questions"].weight = 4
    run = trained(chosen, tmp_path / "run")
    assert answers(load_model(ModelSettings(name=str(folder)))) != list(TOWNS)
    assert answers(load_model(ModelSettings(name=str(run.path)))) == list(TOWNS)


@pytest.mark.slow
def test_facts_are_learned_from_documents_with_gaps(folder: Path, tmp_path: Path) -> None:
    t5 = folder.name == "t5"
    chosen = settings(
        folder, steps=120 if t5 else 60, lr=3e-3 if t5 else 1e-2, sources=("documents",), objective="span"
    )
    chosen.train.stages["only"].data["documents"].weight = 10
    chosen.train.checkpoint_every = None
    run = trained(chosen, tmp_path / "run")
    asked = [
        Request(kind="generate", prompt=fact.rpartition(" ")[0], completion=True, max_new_tokens=8) for fact in FACTS
    ]
    said = [response.text or "" for response in answer(load_model(ModelSettings(name=str(run.path))), asked)]
    assert [text.partition(".")[0] for text in said] == list(TOWNS)


@pytest.mark.parametrize("sam", [{}, {"rho": 0.05}])
def test_an_interrupted_run_ends_with_the_same_bytes(folder: Path, tmp_path: Path, sam: dict[str, Any]) -> None:
    chosen = settings(folder, sam=SamSettings(**sam))
    trained(chosen, tmp_path / "whole")
    with pytest.raises(StopError):
        train(chosen, start_model(chosen, data()), data(), run_dir(tmp_path / "cut"), progress=stop_after(5))
    again = run_dir(tmp_path / "cut", resume=True)
    train(chosen, start_model(chosen, data(), again.latest_checkpoint()), data(), again, resume=True)
    assert digest(tmp_path / "cut") == digest(tmp_path / "whole")


def logits(model: Any, language_model: LanguageModel) -> torch.Tensor:
    rows = language_model.codec.questions([(QUESTIONS[0], "Rome")])
    with torch.no_grad():
        return predictions(model, micro_batches(rows, 999, 0)[0])[0]


def test_a_checkpoint_opens_in_plain_transformers(folder: Path, tmp_path: Path) -> None:
    run = trained(settings(folder), tmp_path / "run")
    kind = "AutoModelForSeq2SeqLM" if folder.name == "t5" else "AutoModelForMaskedLM"
    plain = getattr(transformers, kind).from_pretrained(run.latest_checkpoint(), dtype=torch.float32).eval()
    ours = load_model(ModelSettings(name=str(run.path)))
    assert torch.equal(logits(plain, ours), logits(ours.model, ours))


def test_with_adapters_they_are_trained_resumed_and_merged(folder: Path, tmp_path: Path) -> None:
    chosen = settings(folder)
    chosen.model.lora = LoraSettings(rank=2)
    run = trained(chosen, tmp_path / "run")
    write_merged(chosen, run)
    ours, plain = (
        load_model(ModelSettings(name=str(run.path))),
        load_model(ModelSettings(name=str(run.path / "merged"))),
    )
    assert 0 < ours.trained < ours.parameters
    torch.testing.assert_close(logits(plain.model, plain), logits(ours.model, ours), rtol=1e-4, atol=1e-5)


def test_padding_does_not_change_the_loss(folder: Path) -> None:
    language_model = load_model(ModelSettings(name=str(folder)))
    codec = language_model.codec
    rows = [*codec.questions([(QUESTIONS[0], "Rome"), ("Who?", "Nobody knows"), (" ".join(QUESTIONS), "Kyiv")])]
    found = []
    for groups in ([[row] for row in rows], [rows]):
        optim = OptimSettings(clip=0.0)
        stepper = Stepper(language_model.model, build_adamw(language_model.model, optim), optim, codec.pad_id)
        batches = [batch for group in groups for batch in micro_batches(group, 9999, codec.pad_id)]
        stepper.optimizer.zero_grad()
        losses = stepper.backward(batches, sum(batch.label_tokens for batch in batches))
        found.append((sum(losses), [p.grad.clone() for p in stepper.parameters if p.grad is not None]))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
    for one, other in zip(found[0][1], found[1][1], strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-3)


def test_labels_are_counted_where_they_stand(folder: Path) -> None:
    codec = load_model(ModelSettings(name=str(folder))).codec
    rows = codec.questions([(QUESTIONS[0], "Rome"), (QUESTIONS[1], "Kyiv or Lima")])
    (batch,) = micro_batches([rows[1], rows[1]], 9999, codec.pad_id)
    assert batch.label_tokens == 2 * int((rows[1].labels != IGNORE).sum()) == 2 * rows[1].label_tokens
    assert batch.tokens == batch.computed_tokens == 2 * len(rows[1])


def rows_of(folder: Path, texts: list[str], most: int = 5) -> list[Any]:
    codec = load_model(ModelSettings(name=str(folder))).codec
    assert isinstance(codec, SentinelCodec | MaskCodec)
    return [row for rows in gap_rows(texts, codec, most) for row in rows]


def test_every_exposure_has_another_gap_and_the_same_seed_the_same(folder: Path) -> None:
    (row,) = rows_of(folder, [FACTS[0]])

    def draw(seed: int) -> tuple[list[int], list[int]]:
        example = row.draw(random.Random(seed), 0.0)
        assert len(example.ids) <= len(row)
        assert example.label_tokens > 0
        return example.ids.tolist(), example.labels.tolist()

    assert draw(1) == draw(1)
    assert len({str(draw(seed)) for seed in range(20)}) > 5


def test_the_span_of_t5_has_at_most_so_many_words(tmp_path: Path) -> None:
    folder = save("t5", tmp_path / "t5")
    tokenizer = load_model(ModelSettings(name=str(folder))).tokenizer
    (row,) = rows_of(folder, [FACTS[0]], most=2)
    drawn = [row.draw(random.Random(seed), 0.0) for seed in range(50)]
    missing = {tokenizer.decode(example.labels[1:-2].tolist()).strip() for example in drawn}
    assert missing <= {"Ada", "was", "born", "in", "Rome.", "Ada was", "was born", "born in", "in Rome."}
    assert len(missing) == 9


def test_bert_hides_its_share_as_masks_other_tokens_and_themselves(tmp_path: Path) -> None:
    (row,) = rows_of(save("bert", tmp_path / "bert"), [" ".join(FACTS)])
    assert isinstance(row, TokenGaps)
    shown = {"mask": 0, "other": 0, "same": 0}
    for seed in range(300):
        example = row.draw(random.Random(seed), 0.0)
        hidden = (example.labels != IGNORE).nonzero()[0]
        assert len(hidden) == round(MASKED * len(row.ids))
        for position in hidden:
            assert example.labels[position] == row.ids[position - 1]
            token = example.ids[position]
            kind = "mask" if token == row.codec.mask_id else "same" if token == example.labels[position] else "other"
            shown[kind] += 1
    total = sum(shown.values())
    assert shown["mask"] / total == pytest.approx(0.8, abs=0.03)
    assert shown["other"] / total == pytest.approx(0.1, abs=0.03)


def test_a_long_document_is_split_and_none_of_it_lost(folder: Path) -> None:
    language_model = load_model(ModelSettings(name=str(folder)), max_tokens=40)
    codec = language_model.codec
    assert isinstance(codec, SentinelCodec | MaskCodec)
    (rows,) = gap_rows([" ".join(FACTS * 3)], codec, 5)
    assert len(rows) > 1
    for row in rows:
        example = row.draw(random.Random(0), 0.0)
        assert max(example.widths) <= 40


@pytest.mark.parametrize("objective", ["next_token", "masked", "path"])
def test_objectives_about_next_tokens_are_refused(folder: Path, tmp_path: Path, objective: str) -> None:
    with pytest.raises(UsageError, match="fills gaps") as caught:
        trained(settings(folder, objective=objective), tmp_path / "run")
    assert "auto, span or answer" in caught.value.hint


@pytest.mark.parametrize("objective", ["span", "answer", "distill"])
def test_the_other_objectives_train(folder: Path, tmp_path: Path, objective: str) -> None:
    chosen = settings(folder, objective=objective, sources=("questions",) if objective == "answer" else None)
    run = run_dir(tmp_path / "run")
    start: Callable[[], LanguageModel] = lambda: start_model(chosen, data())  # noqa: E731
    result = train(chosen, start(), data(), run, start_model=start)
    losses = [line["loss"] for line in run.metrics()]
    assert result.steps == 6
    assert losses[-1] < losses[0]


GAPS = [name for name, objectives in RECIPES.items() if not {"masked", "path"} & set(objectives)]
"""Recipes that are not about next tokens."""


@pytest.mark.parametrize(
    "recipe", [name if name == "gradual" else pytest.param(name, marks=pytest.mark.slow) for name in GAPS]
)
def test_recipes_train_them_as_they_train_causal_models(recipe: str, folder: Path, tmp_path: Path) -> None:
    chosen = small(recipe)
    chosen.model = ModelSettings(name=str(folder), lora=LoraSettings(rank=2))
    start = lambda: start_model(chosen, pools())  # noqa: E731
    result = train(chosen, start(), pools(), run_dir(tmp_path / "run"), asker=asker, start_model=start)
    assert result.steps == 3 * len(chosen.train.order)
    assert result.sam_steps == 3
    assert 0 < result.label_tokens < result.tokens <= result.computed_tokens
