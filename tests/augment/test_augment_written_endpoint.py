"""The client of an endpoint against real servers on loopback, faithful and not."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from dataclasses import replace
from typing import Any

import openai._base_client
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinj.augment.written.client import Call, Client, open_client
from kinj.augment.written.endpoint import Endpoint
from kinj.augment.written.kept import KeptReplies, Reply
from kinj.config.errors import UnfinishedError, UsageError
from kinj.config.schema import LlmSettings
from tests.augment.endpoints import Exchange, Server, said, server

__all__ = ["server"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
KEYS = st.sampled_from(["message", "content", "finish_reason", "refusal", "prompt_tokens", "completion_tokens"])
KEY = "sk-very-secret-0123456789"
CALLS = [Call(f"Text: call {number}", number) for number in range(12)]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in the environment; back-off that does not wait long."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(openai._base_client, "INITIAL_RETRY_DELAY", 0.01)


def client_for(server: Server, **llm: Any) -> Client:
    settings = LlmSettings(model="m", url=server.url, retries=2, **llm)
    return open_client(settings, KeptReplies(None))


def texts(replies: list[Reply]) -> list[str]:
    return [reply.text for reply in replies]


def test_a_faithful_server(server: Server) -> None:
    client = client_for(server, temperature=0.5, max_new_tokens=77)
    replies = client.complete(CALLS)
    assert replies == [Reply(f"Rewritten: call {n}", tokens_in=3, tokens_out=3) for n in range(12)]
    bodies = [json.loads(body) for body in server.received]
    assert sorted(body["seed"] for body in bodies) == list(range(12))
    (rest,) = {json.dumps({k: v for k, v in body.items() if k not in ("seed", "messages")}) for body in bodies}
    assert json.loads(rest) == {"model": "m", "temperature": 0.5, "max_tokens": 77}
    assert client.complete(CALLS[::-1]) == replies[::-1]
    assert server.number == 12


@pytest.mark.parametrize("in_flight", [1, 3, 8])
def test_no_more_are_on_their_way_than_asked_for(in_flight: int, server: Server) -> None:
    def hold(exchange: Exchange) -> bool:
        for _ in range(2000):
            if exchange.number > in_flight or server.most_flying >= in_flight:
                break
            time.sleep(0.005)
        return False

    server.fault = hold
    client_for(server, in_flight=in_flight).complete(CALLS)
    assert server.most_flying == in_flight


def test_the_same_is_asked_once(server: Server) -> None:
    assert texts(client_for(server).complete([CALLS[0]] * 5)) == ["Rewritten: call 0"] * 5
    assert server.number == 1


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_errors_that_pass_are_tried_again(status: int, server: Server) -> None:
    server.fault = lambda exchange: exchange.number <= 2 and exchange.refuse(status, "later")
    assert texts(client_for(server).complete(CALLS[:1])) == ["Rewritten: call 0"]
    assert server.number == 3


def test_retry_after_is_honoured(server: Server) -> None:
    server.fault = lambda exchange: exchange.number == 1 and exchange.refuse(429, "slowly", Retry_After="0.6")
    client_for(server).complete(CALLS[:1])
    assert server.times[1] - server.times[0] >= 0.6


def test_a_reply_that_does_not_come_is_tried_again(server: Server) -> None:
    def hang(exchange: Exchange) -> bool:
        return exchange.number == 1 and time.sleep(1) is None

    server.fault = hang
    assert texts(client_for(server, timeout=0.3).complete(CALLS[:1])) == ["Rewritten: call 0"]


def test_a_reply_that_breaks_off_is_tried_again(server: Server) -> None:
    server.fault = lambda exchange: exchange.number == 1 and exchange.send(200, b'{"choices": [{"mess', length=500)
    assert texts(client_for(server).complete(CALLS[:1])) == ["Rewritten: call 0"]


@pytest.mark.parametrize(
    ("body", "problem", "final"),
    [
        ({"choices": []}, "has no choices", False),
        ({"choices": None}, "has no choices", False),
        (said("half a sen", finish="length"), "is cut off at 1,024 tokens (augment.llm.max_new_tokens)", True),
        (said("", finish="content_filter"), "is a refusal", True),
        (said("", refusal="no"), "is a refusal", False),
    ],
)
def test_replies_that_are_none(body: dict[str, Any], problem: str, final: bool, server: Server) -> None:
    server.write = lambda prompt: body
    client = client_for(server)
    (reply,) = client.complete(CALLS[:1])
    assert (reply.problem, reply.final) == (problem, final)
    assert reply.tokens_in == 3
    assert len(client.kept) == 1, "it was paid for"


@pytest.mark.parametrize("content", [None, ""])
def test_a_message_without_content(content: None, server: Server) -> None:
    server.write = lambda prompt: {"choices": [{"message": {"content": content}}]}
    assert client_for(server).complete(CALLS[:1]) == [Reply(tokens_in=3)]


@pytest.mark.parametrize(
    "body", [b"<html>", b'{"choices": [{"message"', b"[]", b'"text"', b"{}", b'{"choices": [3]}', b""]
)
def test_what_is_no_reply_for_one_call(body: bytes, server: Server) -> None:
    server.fault = lambda exchange: "call 0" in exchange.prompt and exchange.send(200, body)
    replies = client_for(server).complete(CALLS[:2])
    assert [reply.problem for reply in replies] == ["is not what an OpenAI-compatible endpoint sends", ""]


@given(
    body=VALUES
    | st.fixed_dictionaries(
        {"choices": VALUES | st.lists(st.dictionaries(KEYS, VALUES))},
        optional={"usage": VALUES | st.dictionaries(KEYS, VALUES)},
    )
)
def test_no_body_is_too_strange(body: Any) -> None:
    endpoint = Endpoint(LlmSettings(model="m", url="http://127.0.0.1:1/v1", key_env=None))
    reply = endpoint._read(CALLS[0], json.dumps(body))
    assert isinstance(reply.text, str)
    assert isinstance(reply.tokens_in + reply.tokens_out, int)


def test_what_is_no_reply_twice_in_a_row(server: Server) -> None:
    """A proxy that spoils a reply now and then does not stop the run."""
    server.fault = lambda exchange: exchange.number <= 2 and exchange.send(200, b'{"choices": [')
    replies = client_for(server, in_flight=1).complete(CALLS[:2])
    assert [reply.problem for reply in replies] == ["is not what an OpenAI-compatible endpoint sends", ""]


def test_what_is_no_endpoint(server: Server) -> None:
    server.fault = lambda exchange: exchange.send(200, b"<html>hello</html>")
    with pytest.raises(UnfinishedError, match="is not what an OpenAI-compatible endpoint sends") as caught:
        client_for(server).complete(CALLS)
    assert "/v1" in caught.value.hint


@pytest.mark.parametrize(("status", "message"), [(400, "context length exceeded"), (500, "out of\nmemory")])
def test_one_call_that_fails_does_not_stop_the_others(status: int, message: str, server: Server) -> None:
    server.fault = lambda exchange: "call 3" in exchange.prompt and exchange.refuse(status, message)
    replies = client_for(server).complete(CALLS)
    assert [reply.text for reply in replies if reply.text] == [f"Rewritten: call {n}" for n in range(12) if n != 3]
    assert replies[3].final
    assert f"answers {status}: " in replies[3].problem
    assert " ".join(message.split()) in replies[3].problem


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (401, "OPENAI_API_KEY"),
        (403, "OPENAI_API_KEY"),
        (404, "augment.llm.model=m"),
        (429, "in_flight"),
        (500, ""),
        (400, ""),
    ],
)
def test_an_endpoint_that_refuses_everything(status: int, hint: str, server: Server) -> None:
    server.fault = lambda exchange: exchange.refuse(status, f"no, {exchange.key}, {KEY}")
    client = client_for(server, in_flight=2)
    with pytest.raises(UnfinishedError, match=f"the endpoint {server.url} answers {status}") as caught:
        client.complete(CALLS)
    assert hint in caught.value.hint
    assert KEY not in str(caught.value)
    assert "(redacted)" in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert server.number <= 2 * 2 * 3


def test_the_key_is_sent_and_nowhere_else(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    keys: set[str] = set()
    server.fault = lambda exchange: bool(keys.add(exchange.key)) or exchange.refuse(400, f"{KEY} is wrong with seed")
    client = client_for(server)
    with pytest.raises(UnfinishedError) as caught:
        client.complete(CALLS)
    assert keys == {f"Bearer {KEY}"}
    assert KEY not in caplog.text + str(caught.value) + repr(caught.value) + json.dumps(client.model.request(CALLS[0]))


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_key(value: str | None, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    if value is not None:
        monkeypatch.setenv("OPENAI_API_KEY", value)
    with pytest.raises(UsageError, match="the environment variable OPENAI_API_KEY is not set") as caught:
        client_for(server)
    assert "augment.llm.key_env=null" in caught.value.hint
    client_for(server, key_env=None).complete(CALLS[:1])
    assert server.number == 1


def test_the_openai_package_is_named_where_it_is_missing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openai", None)
    with pytest.raises(UsageError, match="openai package") as caught:
        client_for(server)
    assert "kinj[llm]" in caught.value.hint


@pytest.mark.parametrize(
    ("bad", "phrase"),
    [
        ({"key_env": KEY}, "key_env must be the NAME"),
        ({"url": f"http://me:{KEY}@host/v1"}, "url must hold neither a login nor a query"),
        ({"url": f"http://host/v1?key={KEY}"}, "url must hold neither a login nor a query"),
        ({"url": "localhost:8000"}, "url must begin with http"),
        ({"max_cost": 1.0}, "max_cost needs price_in and price_out"),
        ({"in_flight": 0}, "in_flight must be 1 or more"),
        ({"retries": -1}, "retries"),
        ({"timeout": 0}, "timeout"),
        ({"temperature": -1}, "temperature"),
        ({"price_in": -1}, "prices"),
        ({"max_tokens": 0}, "max_tokens"),
    ],
)
def test_bad_settings(bad: dict[str, Any], phrase: str) -> None:
    with pytest.raises(ValueError, match=phrase) as caught:
        LlmSettings(**bad)
    assert KEY not in str(caught.value)


def test_a_limit_on_requests_loses_no_view(server: Server) -> None:
    server.fault = lambda exchange: "call 3" in exchange.prompt and exchange.refuse(429, "slowly")
    with pytest.raises(UnfinishedError, match="answers 429"):
        client_for(server).complete(CALLS)


def test_a_key_that_cannot_be_sent(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("two words", "sk-é", "a\nb"):
        monkeypatch.setenv("OPENAI_API_KEY", key)
        with pytest.raises(UsageError, match="the key in the environment variable OPENAI_API_KEY holds") as caught:
            client_for(server)
        assert key not in str(caught.value)


def test_an_endpoint_that_is_down() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    client = open_client(LlmSettings(model="m", url=url, retries=1), KeptReplies(None))
    with pytest.raises(UnfinishedError, match=f"the endpoint {url} cannot be reached") as caught:
        client.complete(CALLS)
    assert "is the server running?" in caught.value.hint


def test_an_endpoint_that_goes_down_on_the_way(server: Server) -> None:
    server.fault = lambda exchange: exchange.number > 5 and exchange.refuse(503, "gone")
    client = client_for(server, in_flight=3)
    with pytest.raises(UnfinishedError, match="answers 503: "):
        client.complete(CALLS)
    assert len(client.kept) == 5
    server.fault = lambda exchange: False
    before = server.number
    assert [reply.problem for reply in client.complete(CALLS)] == [""] * 12
    assert server.number - before == 7
    assert set(server.answered.values()) == {1}


def test_parameters_an_endpoint_does_not_know(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    def modern(exchange: Exchange) -> bool:
        if "max_tokens" in exchange.body:
            return exchange.refuse(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        return "seed" in exchange.body and exchange.refuse(422, "extra_forbidden: seed")

    server.fault = modern
    client = client_for(server, in_flight=4)
    assert texts(client.complete(CALLS)) == [f"Rewritten: call {n}" for n in range(12)]
    assert json.loads(next(iter(server.answered))).keys() == {
        "model",
        "messages",
        "max_completion_tokens",
        "temperature",
    }
    assert caplog.text.count("takes no seed") == 1


def test_a_temperature_left_to_the_endpoint(server: Server) -> None:
    client_for(server, temperature=None).complete(CALLS[:1])
    assert "temperature" not in json.loads(next(iter(server.received)))


@pytest.mark.parametrize("limit", [{"max_tokens": 60}, {"max_cost": 6e-5, "price_in": 1.0, "price_out": 1.0}])
def test_a_budget_ends_it(limit: dict[str, Any], server: Server) -> None:
    # A call is estimated at 4 tokens and may cost 4 + 10; it costs 3 + 3.
    client = client_for(server, in_flight=4, max_new_tokens=10, **limit)
    with pytest.raises(UnfinishedError, match="the budget is used up") as caught:
        client.complete(CALLS)
    tokens, _ = client.budget.after()
    assert 60 - 14 < tokens <= 60
    assert tokens == 6 * len(client.kept) == 6 * server.number
    assert next(iter(limit)).replace("_", "-") in caught.value.what
    richer = Client(client.model, client.kept, replace(client.settings, max_tokens=None, max_cost=None))
    richer.complete(CALLS)
    assert server.number == 12


def test_replies_on_their_way_are_kept_when_something_fails(server: Server) -> None:
    slow = threading.Event()

    def fault(exchange: Exchange) -> bool:
        if "call 0" in exchange.prompt or "yes" in exchange.prompt:
            return exchange.refuse(401, "no")
        slow.wait(0.5)
        return False

    server.fault = fault
    client = client_for(server, in_flight=4)
    with pytest.raises(UnfinishedError, match="401"):
        client.complete(CALLS)
    assert len(client.kept) == 3
    assert sum(server.answered.values()) == 3
