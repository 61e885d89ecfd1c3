"""Questions chosen by what a model knows: classes, rules, and what a run keeps of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import AskingSettings, SelectSettings, Settings, SourceSettings, StageSettings, TrainSettings
from kinj.data.base import DataSet
from kinj.data.records import Document, Question
from kinj.data.rundir import RunDir
from kinj.models.loading import LanguageModel
from kinj.train.select import CERTAINTY, REFUSALS, Chooser, class_of, selected
from kinj.train.stages import Stage, prepare_stage

QUESTIONS = [Question(id=f"q{i}", document=f"d{i}", prompt=f"What is {i}?", answers=[f"a{i}", "b"]) for i in range(4)]
KEEP_HIGHLY = SelectSettings(keep=["highly"])
KNOWN = {"q0": "highly", "q1": "maybe", "q2": "weakly", "q3": "unknown"}


def source(**select: Any) -> SourceSettings:
    return SourceSettings(select=SelectSettings(**select))


class Asker:
    """Answers are known beforehand; counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, _: LanguageModel, questions: Sequence[Question]) -> list[tuple[int, int]]:
        self.asked += 1
        return [{"q0": (5, 0), "q1": (2, 0), "q2": (0, 3), "q3": (0, 0)}[question.id] for question in questions]


@given(st.integers(1, 9), st.integers(0, 9), st.integers(0, 9))
def test_classes_by_how_often_an_answer_was_right(prompts: int, greedy: int, sampled: int) -> None:
    found = class_of(min(greedy, prompts), sampled, AskingSettings(prompts=prompts, shots=1))
    expected = "highly" if greedy >= prompts else "maybe" if greedy else "weakly" if sampled else "unknown"
    assert found == expected


def test_others_are_dropped_refused_or_marked() -> None:
    kept = selected(QUESTIONS, KNOWN, source(keep=["maybe", "highly"]), seed=0)
    assert [record.id for record in kept] == ["q0", "q1"]
    refused = selected(QUESTIONS, KNOWN, source(keep=["highly"], others="refuse"), seed=0)
    assert [question.answers == original.answers for question, original in zip(refused, QUESTIONS, strict=True)] == [
        True,
        False,
        False,
        False,
    ]  # type: ignore[union-attr]
    assert all(question.answers[0] in REFUSALS for question in refused[1:])  # type: ignore[union-attr]
    assert refused == selected(QUESTIONS, KNOWN, source(keep=["highly"], others="refuse"), seed=0)
    marked = selected(QUESTIONS, KNOWN, source(keep=["highly", "maybe"], others="mark"), seed=0)
    ends = ["sure", "sure", "unsure", "unsure"]
    assert [q.answers[0] for q in marked] == [f"a{i}\n{CERTAINTY} {end}" for i, end in enumerate(ends)]  # type: ignore[union-attr]
    assert [q.answers for q in QUESTIONS] == [[f"a{i}", "b"] for i in range(4)]


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir.create(tmp_path / "run")


def test_a_pool_is_asked_once_per_stage_and_never_again_when_resumed(
    run: RunDir, language_model: LanguageModel
) -> None:
    asker = Asker()
    choose = Chooser(Settings(), language_model, run, asker)
    half = choose("s", "questions", source(keep=["maybe"]), QUESTIONS)
    well = choose("s", "known", SourceSettings(pool="questions", select=SelectSettings(keep=["highly"])), QUESTIONS)
    assert ([r.id for r in half], [r.id for r in well], asker.asked) == (["q1"], ["q0"], 1)
    rows = [json.loads(line) for line in (run.path / "selections" / "s.questions.jsonl").read_text().splitlines()]
    assert {row["id"]: row["known"] for row in rows} == KNOWN
    again = Chooser(Settings(), language_model, run, None, begun=["s"])
    assert again("s", "questions", source(keep=["weakly"]), QUESTIONS) == [QUESTIONS[2]]
    events = [event for event in run.events() if event["kind"] == "selected"]
    assert events[0]["classes"] == {"highly": 1, "maybe": 1, "weakly": 1, "unknown": 1}
    assert [event["kept"] for event in events] == [1, 1, 1]


def test_what_cannot_be_selected_is_said(run: RunDir, language_model: LanguageModel) -> None:
    choose = Chooser(Settings(), language_model, run, Asker())
    with pytest.raises(KinjError, match="holds documents"):
        choose("s", "documents", source(keep=["maybe"]), [Document(id="d", text="Text.")])
    assert choose("s", "some", source(keep=["maybe", "highly"]), QUESTIONS[2:]) == []
    with pytest.raises(KinjError, match="it is about other questions"):
        choose("s", "some", source(keep=["maybe"]), QUESTIONS)
    with pytest.raises(UsageError, match="cannot ask the model"):
        Chooser(Settings(), language_model, run, None)("t", "some", source(keep=["maybe"]), QUESTIONS)
    with pytest.raises(KinjError, match="began with it"):
        Chooser(Settings(), language_model, run, Asker(), begun=["u"])("u", "x", source(keep=["maybe"]), QUESTIONS)


def test_asking_twice_needs_examples_that_differ() -> None:
    with pytest.raises(ValueError, match="shots must be 1 or more"):
        AskingSettings(prompts=2, shots=0)
    assert TrainSettings(asking=AskingSettings(prompts=1, shots=0)).asking.samples == 16


def test_a_source_of_which_nothing_is_left_is_said_and_left_out(tmp_path: Path, language_model: LanguageModel) -> None:
    def staged(**sources: SourceSettings) -> Settings:
        stage = StageSettings(data=sources, epochs=1)
        return Settings(train=TrainSettings(order=["s"], stages={"s": stage}))

    records: list[Question | Document] = [*QUESTIONS]
    data = DataSet("test", {"questions": lambda: list(records)})
    run = RunDir.create(tmp_path / "run")

    def prepared(chosen: Settings) -> Stage:
        choose = Chooser(chosen, language_model, run, lambda _, questions: [(0, 0)] * len(questions))
        return prepare_stage("s", chosen, data, language_model.codec, None, choose)

    some = prepared(
        staged(questions=source(keep=["unknown"]), known=SourceSettings(pool="questions", select=KEEP_HIGHLY))
    )
    assert list(some.mixture.sources) == ["questions"]
    assert some.notices == ["stage `s`: no question of `known` is known highly, so the source is left out"]
    per = SourceSettings(pool="questions", per="known")
    with pytest.raises(KinjError, match="nothing to train on") as caught:
        prepared(staged(known=SourceSettings(pool="questions", select=KEEP_HIGHLY), replay=per))
    assert "`known` is known highly" in caught.value.hint


def test_before_a_run_all_questions_count(language_model: LanguageModel) -> None:
    stage = StageSettings(data={"questions": source(keep=["maybe"])}, epochs=1)
    chosen = Settings(train=TrainSettings(order=["s"], stages={"s": stage}))
    records: list[Question | Document] = [*QUESTIONS]
    data = DataSet("test", {"questions": lambda: list(records)})
    made = prepare_stage("s", chosen, data, language_model.codec, None)
    assert len(made.mixture.sources["questions"].units) == 4
    assert made.notices == ["stage `s`: what `questions` holds is decided when the stage starts; all of it counts here"]


@pytest.mark.parametrize(("share", "kept"), [(0.25, 1), (0.5, 2), (0.74, 2), (0.1, 1), (1.0, 4)])
def test_the_first_share_of_a_source_is_used_with_its_views(
    share: float, kept: int, language_model: LanguageModel
) -> None:
    def text(index: int, view: int) -> Document:
        made_from = f"d{index}" if view else None
        return Document(id=f"d{index}.{view}" if view else f"d{index}", text=f"Text {index} {view}.", source=made_from)

    records: list[Question | Document] = [text(index, view) for view in range(2) for index in range(4)]
    stage = StageSettings(data={"documents": SourceSettings(first=share)}, epochs=1)
    chosen = Settings(train=TrainSettings(order=["s"], stages={"s": stage}))
    data = DataSet("test", {"documents": lambda: list(records)})
    units = prepare_stage("s", chosen, data, language_model.codec, None).mixture.sources["documents"].units
    assert [(unit.origin, len(unit.views)) for unit in units] == [(f"d{i}", 2) for i in range(kept)]
