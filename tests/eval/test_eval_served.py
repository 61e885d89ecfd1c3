"""A served model is asked as any other, as far as it can be; when its endpoint fails, answers so far are kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openai._base_client
import pytest

from kinj.config.errors import UnfinishedError, UsageError
from kinj.eval.run import evaluate
from kinj.models.places import locate
from kinj.models.requests import Request
from kinj.models.served import ServedModel, served
from tests.augment.endpoints import Server, said, server
from tests.eval.conftest import ask_about

__all__ = ["server"]
KEY = "sk-very-secret-0123456789"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(openai._base_client, "INITIAL_RETRY_DELAY", 0.01)


@pytest.fixture
def asked(with_pools: Any) -> Any:
    questions = [
        ask_about(f"d{n % 4}", f"Where was number {n} born?", f"Town {n}", choices=[f"Town {n}", "Rome"])
        for n in range(12)
    ]
    return with_pools("corpus", questions=questions)


def model_at(server: Server, in_flight: int = 3) -> ServedModel:
    found = served(f"openai:a/b@{server.url}", in_flight)
    assert found is not None
    return found


def knows(prompt: str) -> Any:
    number = int("".join(filter(str.isdigit, prompt)))
    return said(f" Town {number}\nQuestion: and then?" if number % 2 else "Nowhere")


def test_a_served_model_is_asked_what_it_can_answer(server: Server, asked: Any, tmp_path: Path) -> None:
    server.write = knows
    asked.settings.eval.stop = ["\nQuestion"]
    results = evaluate(asked.settings, model_at(server), asked, ["qa"], tmp_path)
    assert results["probes"]["qa"]["measures"]["exact_match"]["value"] == 0.5
    assert (results["model"], results["dtype"], results["device"]) == (f"openai:a/b@{server.url}", None, server.url)
    assert any("48 requests for log-probabilities are left out" in text for text in results["notices"])
    rows = [json.loads(line) for line in (tmp_path / "predictions" / "qa.jsonl").read_text().splitlines()]
    assert [row["prediction"] for row in rows][:2] == ["Nowhere", "Town 1"]
    bodies = [json.loads(body) for body in server.received]
    assert {(b["model"], b["temperature"], b["max_tokens"], *b["stop"]) for b in bodies} == {
        ("a/b", 0.0, 32, "\nQuestion")
    }
    assert server.most_flying <= 3
    assert evaluate(asked.settings, model_at(server), asked, ["qa"], tmp_path) == results
    assert server.number == 12, "the second evaluation asked again"


def test_an_endpoint_that_fails_in_the_middle(server: Server, asked: Any, tmp_path: Path) -> None:
    server.write = knows
    server.fault = lambda exchange: exchange.number > 5 and exchange.refuse(401, f"no more for {KEY}")
    with pytest.raises(UnfinishedError, match=r"failed after \d of 12 answers: .*no more for") as failure:
        evaluate(asked.settings, model_at(server), asked, ["qa"], tmp_path)
    assert KEY not in str(failure.value)
    kept = (tmp_path / "cache" / "answers.jsonl").read_text().splitlines()
    assert len(kept) == 5
    server.fault = lambda exchange: False
    before = server.number
    results = evaluate(asked.settings, model_at(server), asked, ["qa"], tmp_path)
    assert server.number - before == 7
    assert results["probes"]["qa"]["measures"]["exact_match"]["value"] == 0.5


@pytest.mark.parametrize("body", [b"no json", b'{"choices": null}', b'{"choices": []}', b'"text"'])
def test_replies_that_are_none(server: Server, body: bytes) -> None:
    server.fault = lambda exchange: exchange.send(200, body)
    with pytest.raises(UnfinishedError, match="failed after 0 of 1 answers"):
        model_at(server).answer([Request(kind="generate", prompt="Who?")])


def test_nothing_is_said_of_the_confidence_of_a_served_model(server: Server, asked: Any, tmp_path: Path) -> None:
    server.write = lambda prompt: said("I do not know." if "3" in prompt else "Nowhere")
    results = evaluate(asked.settings, model_at(server), asked, ["calibration"], tmp_path)
    measures = results["probes"]["calibration"]["measures"]
    assert not [name for name in measures if "confidence" in name or "calibration" in name]
    assert {"accuracy/injected", "refused/injected"} <= set(measures)
    assert measures["refused/injected"]["value"] > 0
    assert any("nothing is said of the confidence of a served model" in text for text in results["notices"])
    first = json.loads((tmp_path / "predictions" / "calibration.jsonl").read_text().splitlines()[0])
    assert (first["logprob"], first["tokens"]) == (None, None)


def test_what_cannot_be_measured_and_names_that_are_none(server: Server, asked: Any, with_pools: Any) -> None:
    with pytest.raises(UsageError, match="nothing could be measured"):
        evaluate(asked.settings, model_at(server), with_pools("text", text=[]), ["retention"])
    for name in ("openai:x", "openai:@http://h", "openai:x@ftp://h"):
        with pytest.raises(UsageError, match="names no served model"):
            served(name, 1)
    assert served("tiny", 1) is None
    with pytest.raises(UsageError, match="is a served model"):
        locate("openai:x@http://localhost/v1")
