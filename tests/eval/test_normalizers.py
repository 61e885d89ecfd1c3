"""Normalizers: what the official scorers said of 720 generated cases, and their rules by name."""

import json
from pathlib import Path

import pytest

from kinj.config.names import NORMALIZERS as NAMES
from kinj.eval.normalizers import MLQA_LANGUAGES, NORMALIZERS, mlqa, nq, squad, triviaqa
from kinj.eval.scorers import Scorer, score

CASES = [json.loads(line) for line in (Path(__file__).parent / "official_scores.jsonl").read_bytes().splitlines()]
"""Written by bench/official_scorers.py, which ran the official programs of SQuAD 1.1 and 2.0 (as in huggingface/evaluate),
TriviaQA (mandarjoshi90/triviaqa), NQ-open (google-research/language, orqa; it has no F1) and MLQA (facebookresearch/MLQA)."""


def test_settings_offer_exactly_the_normalizers_there_are():
    assert list(NAMES) == list(NORMALIZERS)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("light", "exact")])
def test_the_official_scorer_says_the_same(name):
    cases = [case for case in CASES if case["normalizer"] == name]
    assert len(cases) >= 50
    assert 0 < sum(case["exact_match"] for case in cases) < len(cases)
    for case in cases:
        ours = score(case["prediction"], case["answers"], name)
        assert NORMALIZERS[name].apply(case["prediction"]) == case["normalised"], case
        assert ours["exact_match"] == case["exact_match"], case
        if case["f1"] is not None:
            assert ours["f1"] == pytest.approx(case["f1"]), case


def test_what_sets_them_apart():
    assert (squad("well-known_x"), triviaqa("well-known_x")) == ("wellknown x".replace(" ", ""), "well known x")
    assert (squad("‘The’ cat"), triviaqa("‘The’ cat")) == ("‘ ’ cat", "cat")
    assert squad("Cafe\u0301") != squad("Caf\u00e9")
    assert nq("Cafe\u0301") == nq("Caf\u00e9") == "cafe\u0301"
    assert squad("“Ça”") == "“ça”"
    assert mlqa("“Ça”") == "ça"


@pytest.mark.parametrize(
    ("language", "text", "left"),
    [
        *[("en", "The Cat", "cat"), ("es", "La gata", "gata"), ("de", "Der Kater", "kater")],
        *[("vi", "những con mèo", "con mèo"), ("hi", "the बिल्ली।", "the बिल्ली"), ("ar", "القطة والكلب", "قطة و كلب")],
        ("zh", "the 中国猫 cat!", "the 中 国 猫 cat"),
    ],
)
def test_mlqa_follows_the_language(language, text, left):
    assert mlqa(text, language) == left
    assert NORMALIZERS[f"mlqa-{language}"].apply(text) == left
    assert language in MLQA_LANGUAGES


def test_only_some_know_unanswerable_questions():
    assert score("", [], "squad2") == {"exact_match": 1, "f1": 1, "contains": 1, "rouge_l_recall": 1}
    assert score("the!", ["?"], "squad2")["f1"] == 1  # nothing is left of either
    assert score("the!", ["?"], "squad")["f1"] == 0
    assert score("Rome", [], "squad2")["exact_match"] == 0
    assert score("", ["?!", "Rome"], "squad2")["exact_match"] == 0  # an empty answer beside another does not count
    with pytest.raises(ValueError, match="squad2"):
        score("", [], "squad")


def test_empty_texts_are_counted():
    scorer = Scorer("squad")
    for prediction, answers in [("the", ["Rome"]), ("Rome", ["The The", "?!"]), ("Rome", ["The The", "Rome"])]:
        scorer(prediction, answers)
    assert scorer.empty == {"predictions": 1, "answers": 1}
    given, accepted = scorer.notices("qa")
    assert given == "qa: once normalised (squad), nothing is left of 1 answers given"
    assert "any accepted answer to 1 questions" in accepted
    unanswerable = Scorer("squad2")
    unanswerable("Rome", [])
    assert unanswerable.notices("qa") == []
