"""One question in many formats: the same words, the same answers, one unit of a mixture."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from kinj.augment.methods.formatting import Formatting
from kinj.augment.questions import augment_questions
from kinj.augment.report import AugmentReport
from kinj.augment.skeleton import skeleton
from kinj.cli.pipeline import augmenter
from kinj.config.errors import UsageError
from kinj.config.schema import (
    AugmentSettings,
    FormattingSettings,
    ModelSettings,
    Settings,
    SourceSettings,
    StageSettings,
)
from kinj.data.base import DataSet
from kinj.data.files import record_from_json, record_to_json
from kinj.data.records import Document, Question, Record
from kinj.models.codec import IGNORE, Codec
from kinj.models.tokenizers import load_tokenizer
from kinj.train.stages import prepare_stage

QUESTION = Question(
    id="q",
    document="d",
    prompt="Where was Ada Byron born? Answer with 1 word.",
    answers=["London", "in London"],
    kind="paraphrase",
    choices=["Paris", "London"],
    meta={"relation": "birthplace"},
)
SETTINGS = AugmentSettings(views=40)


def test_words_and_answers_stay() -> None:
    report = AugmentReport()
    original, *views = augment_questions([QUESTION], SETTINGS, 3, report)
    assert original == QUESTION
    assert (report.documents, report.questions, report.views, len(views)) == (0, 1, 40, 40)
    assert len({view.prompt for view in views} | {QUESTION.prompt}) == 41
    layouts = Formatting(FormattingSettings())
    for index, view in enumerate(views, start=1):
        assert (view.id, view.source, view.origin) == (f"q#formatting.{index}", "q", "q")
        assert view.view is not None
        assert (view.view.index, view.view.seed) == (index, 3)
        same = replace(view, id="q", prompt=QUESTION.prompt, source=None, view=None)
        assert same == QUESTION
        written = Document(id="", text=view.prompt, view=view.view)
        assert skeleton(layouts.restore(written)) == skeleton(QUESTION.prompt)


@given(prompt=st.text(max_size=60), answer=st.text(min_size=1, max_size=9))
@hypothesis_settings(deadline=None)
def test_any_question(prompt: str, answer: str) -> None:
    question = replace(QUESTION, prompt=prompt, answers=[answer])
    found = list(augment_questions([question], replace(SETTINGS, views=5), 0, AugmentReport()))
    assert all(view.answers == [answer] for view in found)
    assert len({view.prompt for view in found}) == len(found) == (6 if prompt.strip() else 1)


def test_the_first_views_depend_on_nothing_else() -> None:
    other = replace(QUESTION, id="r")
    both = list(augment_questions([other, QUESTION], SETTINGS, 0))
    assert [q for q in both if q.origin == "q"] == list(augment_questions([QUESTION], SETTINGS, 0))
    assert list(augment_questions([QUESTION], replace(SETTINGS, views=3), 0)) == both[41:45]


def test_a_view_of_a_view_keeps_its_source() -> None:
    copy = replace(QUESTION, id="q#other.1", source="q")
    assert {view.source for view in augment_questions([copy], SETTINGS, 0)} == {"q"}


def test_a_prompt_to_be_continued_has_no_views() -> None:
    report = AugmentReport()
    question = replace(QUESTION, prompt="Ada Byron was born in", meta={"form": "completion"})
    assert list(augment_questions([question], SETTINGS, 0, report)) == [question]
    assert "prompts to be continued, which no format may close: 1" in str(report)


def test_views_are_read_back_as_written() -> None:
    for view in augment_questions([QUESTION], SETTINGS, 0):
        assert record_from_json(record_to_json(view)) == view
    page = {"prompt": "Who?", "answers": ["Ada"], "source": "https://example.org"}
    record = record_from_json(page)
    assert (record.source, record.meta) == (None, {"source": "https://example.org"})


def test_only_methods_that_preserve_content() -> None:
    for method in ("permute", "formatting+permute"):
        settings = AugmentSettings(method=["formatting", method])
        with pytest.raises(
            UsageError, match=rf"q is a question, and {re.escape(method)} writes views of documents only"
        ):
            list(augment_questions([QUESTION], settings, 0))


def test_in_training_a_question_is_one_unit_and_its_answer_the_target() -> None:
    codec = Codec(load_tokenizer("tiny"), ModelSettings(), 512)
    settings = Settings()
    settings.train.order = ["qa"]
    source = SourceSettings(augment=["formatting"], views=4)
    settings.train.stages = {"qa": StageSettings(data={"questions": source})}
    records: list[Record] = [QUESTION, replace(QUESTION, id="r", answers=["Paris"])]
    stage = prepare_stage("qa", settings, DataSet("test", {"questions": lambda: records}), codec, augmenter(settings))
    units = {unit.origin: unit for unit in stage.mixture.sources["questions"].units}
    assert {origin: len(unit.views) for origin, unit in units.items()} == {"q": 5, "r": 5}
    for origin, answer in (("q", "London"), ("r", "Paris")):
        rows = [row for view in units[origin].views for row in view]
        targets = {codec.decode([label for label in row.labels if label != IGNORE]).strip() for row in rows}
        assert targets == {answer}
        assert len({tuple(row.ids) for row in rows}) == 5
    assert len(stage.mixture.epoch(0)) == 2
