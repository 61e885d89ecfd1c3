"""TOFU: the nine measures and model utility as the benchmark's own program has them, from log-probabilities made by hand."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import hmean

from kinj.config.schema import DataSettings, Settings
from kinj.data import open_data
from kinj.eval.asking import NotMeasuredError
from kinj.eval.base import Context
from kinj.eval.probes.tofu import Tofu
from kinj.eval.summary import interval, measure_json
from kinj.models.requests import Request, Response

AUTHORS = 3


def write(folder: Path) -> Path:
    """A small folder in the schema of the benchmark's files."""

    def lines(name: str, rows: list[dict[str, Any]]) -> None:
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def perturbed(first: int, count: int) -> list[dict[str, Any]]:
        return [
            {
                "question": f"Q{row}?",
                "answer": f"It is a{row} b{row}.",
                "paraphrased_question": f"P{row}?",
                "paraphrased_answer": f"So: a{row}.",
                "perturbed_answer": [f"It is c{row}-{n}." for n in range(5)],
            }
            for row in range(first, first + count)
        ]

    lines("full", [{"question": f"Q{row}?", "answer": f"It is a{row} b{row}."} for row in range(4000)])
    lines("retain_perturbed", perturbed(0, 20 * AUTHORS))
    lines("forget10_perturbed", perturbed(3600, 20))
    for name, count in (("real_authors", 7), ("world_facts", 5)):
        options = [{f"option{n}": f"{name[:4]} r{row} o{n}" for n in range(1, 5)} for row in range(count)]
        lines(name, [{"question": f"{name} {i}?", **row, "answer": row["option2"]} for i, row in enumerate(options)])
    return folder


@pytest.fixture
def context(tmp_path: Path) -> Context:
    settings = Settings(data=DataSettings(name="tofu", path=str(write(tmp_path))))
    return Context(settings=settings, data=open_data(settings.data))


def answered(requests: list[Request], lift: float = 0.0) -> list[Response]:
    """Random answers, the same for the same request; `lift` makes right ones likelier."""
    found = []
    for request in requests:
        rng = random.Random(repr((request.prompt, request.continuation)))
        if request.kind == "generate":
            words = request.meta["question"].answers[0].split()
            text = " ".join(word for word in words if rng.random() < 0.7)
            found.append(Response(request=request, text=text))
        else:
            tokens, right = rng.randint(1, 9), request.meta["part"] != "wrong"
            found.append(
                Response(request=request, logprob=-tokens * rng.uniform(0.5, 3) / (1 + lift * right), tokens=tokens)
            )
    return found


def official(responses: list[Response]) -> dict[str, float]:
    """`get_model_utility` of the benchmark (aggregate_eval_stat.py), from the same answers, set by set."""
    found = {}
    for name in ("retain", "real_authors", "world_facts"):
        asked: dict[str, dict[str, list[float]]] = {}
        words: dict[str, tuple[str, str]] = {}
        for r in (r for r in responses if r.request.meta["set"] == name):
            if r.request.kind == "generate":
                words[r.request.id] = (r.text or "", r.request.meta["question"].answers[0])
            else:
                parts = asked.setdefault(r.request.id, {})
                parts.setdefault(r.request.meta["part"], []).append(-r.logprob / r.tokens)
        gt = np.array([parts["answer"][0] for parts in asked.values()])
        paraphrased = np.array([parts.get("restated", parts["answer"])[0] for parts in asked.values()])
        wrong = np.array([parts["wrong"] for parts in asked.values()])
        true, false = np.exp(-gt), np.exp(-wrong)
        found[f"{name}_probability"] = np.mean(true if name == "retain" else true / (true + false.sum(-1)))
        ratio = np.exp(wrong.mean(axis=-1) - paraphrased)
        found[f"{name}_truth"] = np.mean(np.maximum(0, 1 - 1 / ratio))
        # The words of these answers are all different and keep their order: what is common is what is there.
        shares = [len(given.split()) / len(right.split()) for given, right in words.values()]
        found[f"{name}_rouge_l_recall"] = np.mean(shares)
    return found | {"model_utility": hmean(list(found.values()))}


@pytest.mark.parametrize("lift", [0.0, 1.0, 5.0])
def test_the_nine_and_their_harmonic_mean_are_the_benchmarks(context: Context, lift: float) -> None:
    responses = answered(Tofu().requests(context), lift)
    found = {measure.name: interval(measure).value for measure in Tofu().measures(responses)}
    assert found == pytest.approx(official(responses))
    assert len(found) == 10


def test_only_what_the_benchmark_retains_is_asked(context: Context) -> None:
    asked = Tofu().questions(context)
    assert len(asked) == 20 * AUTHORS + 7 + 5
    assert {q.document for q in asked} == {None, *(f"tofu-author-{n:03d}" for n in range(AUTHORS))}
    context.settings.eval.limit = 4
    assert len(Tofu().questions(context)) == 12


def test_the_interval_of_utility_is_that_of_the_delta_method(context: Context) -> None:
    """Beside a bootstrap over the questions of each set, where questions are independent."""
    measures = Tofu().measures(answered(Tofu().requests(context), 1.0))
    utility = measures.pop()
    utility.clusters = [str(number) for number in range(len(utility.values))]
    rng, draws = np.random.default_rng(0), []
    for _ in range(2000):
        means = []
        for start in range(0, 9, 3):
            rows = np.array([m.values for m in measures[start : start + 3]])
            means += list(rows[:, rng.integers(0, rows.shape[1], rows.shape[1])].mean(axis=1))
        draws.append(hmean(means))
    assert interval(utility).error == pytest.approx(np.std(draws), rel=0.25)


def test_utility_is_zero_where_one_of_the_nine_is_and_has_no_interval(context: Context) -> None:
    responses = answered(Tofu().requests(context))
    for response in responses:
        if response.request.meta["set"] == "world_facts" and response.request.kind == "generate":
            response.text = "?"
    (utility,) = (m for m in Tofu().measures(responses) if m.name == "model_utility")
    found = measure_json(utility)
    assert (found["value"], found["low"], found["high"]) == (0.0, None, None)
    assert found["note"] == "0 because of world_facts_rouge_l_recall"


def test_changes_between_two_models_are_paired(context: Context) -> None:
    requests = Tofu().requests(context)
    measures = {m.name: m for m in Tofu().summarise(answered(requests, 5.0), answered(requests))}
    assert interval(measures["retain_probability_change"]).value > 0
    change, after, before = (
        interval(measures["model_utility_change"]),
        *(interval(Tofu().measures(answered(requests, amount))[-1]) for amount in (5.0, 0.0)),
    )
    assert change.value == pytest.approx(after.value - before.value)
    assert change.error is not None


def test_a_utility_of_zero_has_no_change(context: Context) -> None:
    requests = Tofu().requests(context)
    silent = answered(requests)
    for response in silent:
        response.text = "?"
    assert "model_utility_change" not in {m.name for m in Tofu().summarise(answered(requests, 5.0), silent)}


def test_a_set_that_is_missing_is_told_and_utility_left_out(context: Context) -> None:
    (Path(str(context.settings.data.path)) / "world_facts.jsonl").unlink()
    context.data = open_data(context.settings.data)
    responses = answered(Tofu().requests(context))
    assert context.notices == ["tofu: no model_utility: there are no questions of world_facts"]
    assert "model_utility" not in {measure.name for measure in Tofu().measures(responses)}
    context.data = open_data(DataSettings())
    with pytest.raises(NotMeasuredError, match="pass data=tofu"):
        Tofu().requests(context)


@pytest.mark.shared
def test_the_real_files(shared_data: Path) -> None:
    settings = Settings(data=DataSettings(name="tofu", path=str(shared_data / "tofu")))
    context = Context(settings=settings, data=open_data(settings.data))
    requests = Tofu().requests(context)
    parts = [(r.meta["set"], r.meta.get("part")) for r in requests]
    assert parts.count(("retain", "answer")) == 400
    assert parts.count(("retain", "wrong")) == 5 * 400
    assert parts.count(("real_authors", "wrong")) == 3 * 100
    assert parts.count(("world_facts", "answer")) == 117
    assert not context.notices
