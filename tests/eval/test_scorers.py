"""Scores: agreement with the SQuAD rules written another way and with the rouge_score package; Unicode; several answers."""

import re
import string
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from kinj.eval.normalizers import NORMALIZERS, exact, light, squad
from kinj.eval.scorers import (
    contains,
    exact_match,
    final_answer,
    prefix_match,
    rouge_l_f,
    rouge_l_recall,
    score,
    score_all,
    token_f1,
)

pieces = ["the", "a", "an", "tea", "A", "The", ",", ".", "!", "'s", "$", " ", "  ", "\t", "x1", "-"]
ascii_text = st.lists(st.sampled_from(pieces), max_size=10).map("".join)
ascii_words = st.text(st.sampled_from("abcd efg,.-!? ABC123"), max_size=30)


@given(ascii_text)
def test_squad_normalisation_on_ascii_follows_the_four_steps_of_the_paper(text):
    expected = "".join(c for c in text.lower() if c not in set(string.punctuation))
    expected = " ".join(word for word in expected.split() if word not in ("a", "an", "the"))
    assert squad(text) == expected
    assert squad(squad(text)) == squad(text)


@given(ascii_words, ascii_words.filter(lambda text: re.search("[A-Za-z0-9]", text)))
def test_rouge_l_agrees_with_the_rouge_score_package(prediction, answer):
    theirs = RougeScorer(["rougeL"], use_stemmer=False).score(answer, prediction)["rougeL"]
    assert rouge_l_recall(prediction, [answer]) == pytest.approx(theirs.recall)
    assert rouge_l_f(prediction, [answer]) == pytest.approx(theirs.fmeasure)


@pytest.mark.parametrize(
    ("prediction", "answer", "em", "f1", "contained", "rouge"),
    [
        ("The Eiffel Tower.", "Eiffel tower", 1, 1, 1, 1),
        ("in Paris, France", "Paris", 0, 0.5, 1, 1),
        ("parish", "Paris", 0, 0, 0, 0),
        ("March 4, 1901", "March 4 1901", 1, 1, 1, 1),
        ("1901 March", "March 4 1901", 0, 0.8, 0, 1 / 3),
        ("", "Rome", 0, 0, 0, 0),
        ("“Ça va”", "ça va", 0, 0, 1, 1),  # SQuAD 1.1 removes ASCII punctuation only
        ("Cafe\u0301", "caf\u00e9", 0, 0, 0, 1),
        ("東京です", "東京", 0, 0, 0, 0),
        ("Straße 5", "straße 5", 1, 1, 1, 1),
        ("the The", "The The", 1, 0, 1, 1),  # of both nothing is left: SQuAD 1.1 gives F1 0
        ("Paris", "?!", 0, 0, 0, 0),
        ("Rome Rome", "Rome", 0, 2 / 3, 1, 1),
        ("C++", "C++", 1, 1, 1, 1),
    ],
)
def test_scores_by_hand(prediction, answer, em, f1, contained, rouge):
    scores = score_all(prediction, [answer])
    assert tuple(scores.values()) == pytest.approx((em, f1, contained, rouge))


def test_of_several_answers_the_best_counts():
    assert exact_match("NYC", ["New York", "nyc"]) == 1
    assert token_f1("New York", ["Boston", "New York City"]) == pytest.approx(0.8)
    assert contains("it is York now", ["Rome", "York"]) == 1
    assert rouge_l_recall("b", ["a b", "b"]) == 1


def test_normalizers_differ_as_they_say():
    assert exact_match("The Hague", ["Hague"]) == 1
    assert exact_match("The  Hague", ["the hague"], "light") == 1
    assert exact_match("The Hague", ["the hague"], "exact") == 0
    assert exact_match("Hague!", ["Hague"], "light") == 0
    assert (light(" A\nb "), exact(" A b ")) == ("a b", "A b")
    assert contains("in C++ and", ["C++"], "exact") == 1
    assert contains("in C++17", ["C++"], "exact") == 0


@given(st.text(max_size=20), st.lists(st.text(max_size=12), min_size=1, max_size=3), st.sampled_from(list(NORMALIZERS)))
def test_scores_lie_between_0_and_1_and_a_perfect_answer_scores_1(prediction, answers, normalizer):
    scores = score(prediction, answers, normalizer)
    assert all(0 <= value <= 1 for value in scores.values())
    assert scores["contains"] >= scores["exact_match"]
    assert prefix_match(prediction, answers, normalizer) <= scores["contains"]
    perfect = score(answers[0], answers, normalizer)
    if NORMALIZERS[normalizer].apply(answers[0]):
        assert perfect["exact_match"] == perfect["f1"] == perfect["contains"] == 1


@given(st.text(max_size=20), st.lists(st.text(max_size=12), min_size=1, max_size=3), st.sampled_from(list(NORMALIZERS)))
def test_all_scores_at_once_are_the_scores_one_by_one(prediction, answers, normalizer):
    assert score(prediction, answers, normalizer) == {
        "exact_match": exact_match(prediction, answers, normalizer),
        "f1": token_f1(prediction, answers, normalizer),
        "contains": contains(prediction, answers, normalizer),
        "rouge_l_recall": rouge_l_recall(prediction, answers),
    }


words = st.lists(st.sampled_from(["ab", "cd", "e"]), max_size=9).map(" ".join)


@given(words, words)
def test_the_longest_common_subsequence_is_that_of_the_textbook(left, right):
    rows = [[0] * (len(right.split()) + 1)]
    for word in left.split():
        row = [0]
        for i, other in enumerate(right.split()):
            row.append(rows[-1][i] + 1 if word == other else max(rows[-1][i + 1], row[-1]))
        rows.append(row)
    assert rouge_l_recall(left, [right]) * len(right.split()) == pytest.approx(rows[-1][-1])


def test_a_prefix_ends_with_a_word():
    assert prefix_match("Paris, France", ["paris"]) == 1
    assert prefix_match("Parisian", ["Paris"]) == 0
    assert prefix_match("in Paris", ["Paris"]) == 0
    assert prefix_match("", ["Paris"]) == prefix_match("Paris", ["?!"]) == 0


def test_words_of_other_scripts_are_whole():
    assert contains("हिन्दी", ["हिन"], "mlqa-hi") == 0
    assert contains("cafe\u0301s", ["cafe"], "nq") == 0
    assert rouge_l_recall("हिन्दी भाषा", ["हिन्दी"]) == 1
    assert contains("我在中国南方", ["中国"], "mlqa-zh") == 1


def test_only_the_first_line_is_scored():
    assert final_answer("\n Paris \nQuestion: Who?\nAnswer: Rome") == "Paris"
    assert final_answer(" \n ") == ""
    assert score_all("Paris\nRome", ["Paris"])["exact_match"] == 1
    assert score_all("Paris\nRome", ["Rome"])["contains"] == 0


def test_scoring_does_not_import_evaluate():
    code = "import sys, kinj.eval.scorers, kinj.eval.metrics; assert not {'evaluate', 'datasets', 'torch'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
