"""The metrics for Hugging Face `evaluate`: loaded from the package without network, same numbers as kinj's own functions."""

import math
import socket
from importlib import import_module

import pytest

from kinj.eval.metrics import NAMES, load_metric
from kinj.eval.ranking import truth_ratio, truth_score
from kinj.eval.scorers import score


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize("name", NAMES)
def test_each_says_what_it_takes_and_refuses_other_settings(name):
    metric = load_metric(name)
    assert "arXiv" in metric.citation
    assert "predictions" in metric.inputs_description
    one = {"closed_book_qa": ("a", ["a"]), "choice_ranking": ([-1.0], ["a"]), "truth_ratio": ([-1.0], -1.0)}[name]
    with pytest.raises(TypeError, match="normaliser"):
        metric.compute(predictions=[one[0]], references=[one[1]], normaliser="exact")


def test_closed_book_qa_has_all_scores_of_the_whole_prediction():
    metric = load_metric("closed_book_qa")
    result = metric.compute(predictions=["Paris", "in Rome"], references=[["Paris"], ["Oslo", "Rome"]])
    assert result == pytest.approx(
        {"exact_match": 0.5, "f1": (1 + 2 / 3) / 2, "contains": 1, "rouge_l_recall": 1}
        | {"prefix_match": 0.5, "rouge_l_f": (1 + 2 / 3) / 2}
    )
    lines = metric.compute(predictions=["Paris\nRome"], references=[["Rome"]], normalizer="nq")
    assert {name: lines[name] for name in score("x", ["x"])} == score("Paris\nRome", ["Rome"], "nq")
    assert metric.compute(predictions=["paris"], references=[["Paris"]], normalizer="exact")["exact_match"] == 0


def test_choice_ranking_by_hand():
    """The second question's right answer is long: first only per character; the third's only once its frequency is taken off."""
    texts = [["aa", "bb"], ["aaaaaaaa", "b"], ["rare", "word"]]
    logprobs, neutral = [[-1.0, -2.0], [-4.0, -2.0], [-6.0, -5.0]], [[-3.0, -3.0], [-9.0, -9.0], [-9.0, -5.0]]
    found = load_metric("choice_ranking").compute(predictions=logprobs, references=texts, neutral=neutral)
    assert found == pytest.approx({"raw": 1 / 3, "per_character": 2 / 3, "pmi": 2 / 3})
    assert set(load_metric("choice_ranking").compute(predictions=logprobs, references=texts)) == {
        "raw",
        "per_character",
    }


def test_truth_ratio_is_that_of_the_tofu_program():
    """aggregate_eval_stat.py: exp(mean perturbed loss - paraphrased loss) is 1 / ratio, and the score max(0, 1 - 1 / that)."""
    paraphrased_loss, perturbed_losses = 1.2, [2.0, 1.0, 3.0]
    theirs = math.exp(sum(perturbed_losses) / 3 - paraphrased_loss)
    assert truth_ratio(-paraphrased_loss, [-loss for loss in perturbed_losses]) == pytest.approx(1 / theirs)
    assert truth_score(-paraphrased_loss, [-loss for loss in perturbed_losses]) == pytest.approx(max(0, 1 - 1 / theirs))
    assert truth_score(-5.0, [-1.0]) == 0
    found = load_metric("truth_ratio").compute(references=[-1.2, -5.0], predictions=[[-2.0, -1.0, -3.0], [-1.0]])
    assert found == pytest.approx({"truth_ratio": (1 / theirs + math.exp(4)) / 2, "truth": (1 - 1 / theirs) / 2})


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        (
            "closed_book_qa",
            {"predictions": ["Paris", "in Rome"], "references": [["Paris"], ["Oslo"]], "normalizer": "nq"},
        ),
        ("choice_ranking", {"predictions": [[-1.0, -2.0], [-3.0, -2.0]], "references": [["aa", "b"], ["aaa", "b"]]}),
        ("truth_ratio", {"predictions": [[-2.0, -1.0]], "references": [-1.2]}),
    ],
)
def test_the_class_itself_agrees_with_what_evaluate_loads(name, inputs):
    """Without `load_metric`, a user may import the class: `evaluate` runs a copy of its file from a cache."""
    file = import_module(f"kinj.eval.metrics.{name}.{name}")
    (metric,) = (
        kind for kind in vars(file).values() if isinstance(kind, type) and issubclass(kind, file.module.Metric)
    )
    found = metric().compute(**inputs)
    assert found
    assert found == load_metric(name).compute(**inputs)
    with pytest.raises(TypeError, match="normaliser"):
        metric().compute(**inputs, normaliser="exact")


def test_an_unknown_metric_is_named():
    with pytest.raises(ValueError, match="closed_book_qa, choice_ranking, truth_ratio"):
        load_metric("bleu")
