"""`data.retention`: multiple choice in the forms people have it in, and texts, beside any data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kinj.config.errors import UsageError
from kinj.config.schema import BiographySettings, DataSettings, RetentionDataSettings
from kinj.data import open_data
from kinj.data.choices import choice_question
from kinj.data.forms import RecordError
from kinj.data.records import Question
from kinj.data.rejects import BadRecord

GASES = ["neon", "CO2", "argon", "helium"]
FORMS: list[dict[str, Any]] = [
    {"choices": dict(zip("ABCD", GASES, strict=True)), "answer": "B"},
    {"choices": {"label": ["1", "2", "3", "4"], "text": GASES}, "answerKey": "2"},
    {"choices": GASES, "answer": 1},
    {"choices": GASES, "answer": "B"},
    {"choices": GASES, "answers": ["CO2"]},
]


@pytest.mark.parametrize("form", FORMS, ids=["mapping", "arc", "mmlu", "letters", "text"])
def test_every_form_gives_the_same_question(form: dict[str, Any]) -> None:
    found = choice_question({"id": 7, "question": "Which do plants take in?", "subject": "botany"} | form, "mmlu", 0)
    assert (found.id, found.kind, found.prompt) == ("mmlu.7", "mmlu", "Which do plants take in?")
    assert (found.choices, found.answers) == (GASES, ["CO2"])
    assert found.meta["labels"].index(found.meta["label"]) == 1
    assert found.meta["subject"] == "botany"
    assert not {"answer", "answers", "answerKey", "choices"} & set(found.meta)


def test_a_question_without_an_id_has_its_number_and_a_label_wins_over_a_position() -> None:
    form = {"question": "?", "choices": {"label": ["1", "2"], "text": ["a", "b"]}, "answerKey": 1}
    found = choice_question(form, "arc", 4)
    assert (found.id, found.answers) == ("arc.4", ["a"])


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"choices": GASES, "answer": 1}, "has no question"),
        ({"question": " ", "choices": GASES, "answer": 1}, "has no question"),
        ({"question": "?", "answer": 1}, "has no `choices`"),
        ({"question": "?", "choices": ["one"], "answer": 0}, "has 1 choices"),
        ({"question": "?", "choices": {"label": ["A", "A"], "text": ["a", "b"]}, "answer": "A"}, "with 1 labels"),
        ({"question": "?", "choices": ["a", ""], "answer": 0}, "a choice that is empty"),
        ({"question": "?", "choices": GASES, "answer": "E"}, "none of its choices (A, B, C, D): 'E'"),
        ({"question": "?", "choices": GASES, "answer": 4}, "none of its choices"),
        ({"question": "?", "choices": GASES, "answer": -1}, "none of its choices"),
        ({"question": "?", "choices": GASES, "answer": True}, "none of its choices"),
        ({"question": "?", "choices": GASES}, "none of its choices"),
        ({"question": "?", "choices": ["a", "a"], "answer": "a"}, "none of its choices"),
    ],
)
def test_what_is_no_such_question_is_refused_with_the_reason(form: dict[str, Any], reason: str) -> None:
    with pytest.raises(RecordError) as caught:
        choice_question(form, "mmlu", 0)
    assert reason in str(caught.value)
    assert "a line looks like" in caught.value.hint


def settings(**retention: list[str]) -> DataSettings:
    return DataSettings(biographies=BiographySettings(people=2), retention=RetentionDataSettings(**retention))


def test_pools_stand_beside_any_data_set_and_account_for_what_they_read(tmp_path: Path) -> None:
    lines = [{"id": n, "question": f"{n}?", "choices": GASES, "answer": 0} for n in range(3)]
    for name in ("mmlu", "arc"):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "moby.txt").write_text("Call me Ishmael.\n")
    data = open_data(
        settings(
            questions=[str(tmp_path / "mmlu.jsonl"), str(tmp_path / "arc.jsonl")], texts=[str(tmp_path / "moby.txt")]
        )
    )
    asked = data.pool("retention_questions")
    assert [q.id for q in asked] == ["mmlu.0", "mmlu.1", "mmlu.2", "arc.0", "arc.1", "arc.2"]
    (text,) = data.pool("retention_texts")
    assert text.meta == {"file": "moby"}
    assert [account.used for account in data.accounts] == [6, 1]
    assert "retention_questions" not in open_data(settings()).pools


def test_a_bad_line_is_named_and_can_be_set_aside(tmp_path: Path) -> None:
    file = tmp_path / "mmlu.jsonl"
    file.write_text('{"question": "?", "choices": ["a", "b"], "answer": 1}\n{"question": "?", "choices": ["a", "b"]}\n')
    with pytest.raises(BadRecord, match="line 2 has an answer that is none"):
        open_data(settings(questions=[str(file)])).pool("retention_questions")
    data = open_data(settings(questions=[str(file)]), "skip", tmp_path)
    assert len(data.pool("retention_questions")) == 1
    assert data.accounts[0].left_out.total() == 1


def test_a_missing_file_names_its_setting() -> None:
    with pytest.raises(UsageError, match=r"data\.retention\.questions: gone\.jsonl does not exist"):
        open_data(settings(questions=["gone.jsonl"]))
    with pytest.raises(UsageError, match=r"data\.retention\.texts: gone\.txt does not exist"):
        open_data(settings(texts=["gone.txt"]))


@pytest.mark.parametrize("name", ["mmlu_redux_dev", "mmlu_redux_test", "arc_challenge_dev", "arc_challenge_test"])
def test_the_real_files_are_read_to_the_last_line(shared_data: Path, name: str) -> None:
    file = shared_data / "retention_mcq" / f"{name}.jsonl"
    asked = open_data(settings(questions=[str(file)])).pool("retention_questions")
    rows = [json.loads(line) for line in file.read_text().split("\n") if line]
    assert len(asked) == len(rows)
    for question, row in zip(asked, rows, strict=True):
        assert isinstance(question, Question)
        assert question.answers == [row["choices"][row["answer"]]]
