"""Types of answers and the wrong answers drawn for a ranking."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinj.eval.answer_types import TYPES, answer_type, wrong_answers
from kinj.eval.normalizers import squad
from tests.eval.conftest import ask_about


@pytest.mark.parametrize(
    ("question", "answer", "kind"),
    [
        ("When was the film released?", "May 3, 2023", "date"),
        ("When was the film released?", "2023", "year"),
        ("In which year did it start?", "In 2021", "year"),
        ("When is it set?", "the Second World War", "date"),
        ("How many episodes are there?", "ten", "number"),
        ("How long is it?", "about an hour", "number"),
        ("What did it earn?", "$12 million", "number"),
        ("Who directed it?", "Ada Byron", "person"),
        ("Who stars in it?", "Ada Byron, Bo Diaz and Cy Young", "people"),
        ("Where is it set?", "Panama", "place"),
        ("In which country was it made?", "Chile", "place"),
        ("Where was it first shown?", "50th Festival of Telluride", "place"),
        ("In which language was it made?", "Telugu", "language"),
        ("What is the genre of the film?", "Social comedy", "genre"),
        ("What type of film is it?", "thriller", "genre"),
        ("What did it earn?", "604 million", "number"),
        ("What is the title of the song?", "Naatu Naatu", "title"),
        ("What is it about?", "a farmer who learns to fly", "other"),
        ("Is it a sequel?", "Yes.", "yes_no"),
    ],
)
def test_types(question, answer, kind):
    assert answer_type(question, answer) == kind
    assert kind in TYPES


MIXED = [
    *(ask_about(f"d{n}", f"Who directed film {n}?", f"Name{n} Surname{n}") for n in range(14)),
    *(ask_about(f"d{n}", f"When was film {n} shown?", f"May {n + 1}, 2023") for n in range(14)),
    ask_about("d0", "Who wrote film 0?", "Zed"),
    ask_about("d1", "Who else wrote film 1?", "Name2 Surname2, Zed"),
]


def test_wrong_answers_are_of_the_same_type_from_other_documents_and_differ():
    answers = {q.id: q for q in MIXED}
    for identity, wrong in wrong_answers(MIXED, 9).items():
        question = answers[identity]
        kind = answer_type(question.prompt, question.answers[0])
        from_others = {
            squad(q.answers[0])
            for q in MIXED
            if q.document != question.document and answer_type(q.prompt, q.answers[0]) == kind
        }
        assert {squad(answer) for answer in wrong} <= from_others
        assert len({squad(answer) for answer in wrong}) == len(wrong)
        assert len(wrong) == (0 if kind == "people" else 9)


@given(st.randoms(use_true_random=False))
def test_the_draw_does_not_depend_on_the_order_of_the_questions(rng: random.Random):
    mixed = list(MIXED)
    rng.shuffle(mixed)
    assert wrong_answers(mixed, 9) == wrong_answers(MIXED, 9)


def test_answers_that_could_be_right_are_left_out():
    right = ask_about("a", "Who?", "Ada Byron", "Countess Lovelace")
    others = ("Ada", "the ada byron", "Lovelace", "Adam")
    asked = [right, *(ask_about(f"d{n}", "Who?", answer) for n, answer in enumerate(others))]
    assert wrong_answers(asked, 9)[right.id] == ["Adam"]


def test_wrong_answers_of_about_the_same_length_come_first():
    short = [ask_about(f"s{n}", "Who?", f"Abc{n}") for n in range(5)]
    long = [ask_about(f"l{n}", "Who?", f"Bcd{n} Cde{n}") for n in range(5)]
    right = ask_about("q", "Who?", "Ada Byron")
    assert {answer[:3] for answer in wrong_answers([right, *short, *long], 5)[right.id]} == {"Bcd"}


@pytest.mark.shared
def test_real_questions_nearly_all_get_nine_wrong_answers(shared_data):
    rows = [
        json.loads(line) for line in (shared_data / "wiki2023_film" / "film_test_qa.jsonl").read_text().splitlines()
    ]
    asked = [ask_about(str(row["wiki_id"]), f"{n} {row['question']}", row["answer"]) for n, row in enumerate(rows)]
    wrong = wrong_answers(asked, 9)
    assert sum(len(found) == 9 for found in wrong.values()) > 0.98 * len(asked)
