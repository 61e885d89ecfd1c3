"""`kinj augment` with a language model, as users run it: killed, interrupted, out of budget, with an endpoint that goes down.

Commands that nothing stops from outside run in this process: importing what they need would take most of the time.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kinj.augment import run
from kinj.augment.run import augment_file
from kinj.cli.main import app
from kinj.config.errors import FAILED, INTERRUPTED, PARTLY, USAGE, UsageError
from kinj.config.schema import AugmentSettings, LlmSettings, Settings
from kinj.data.files import read_documents
from tests.augment.endpoints import Exchange, Server, server

__all__ = ["server"]
KEY = "sk-very-secret-0123456789"
ROOT = Path(__file__).parents[2]
OUTPUT, REPLIES = Path("corpus.views.jsonl"), Path("corpus.views.requests.jsonl")
DOCUMENTS, VIEWS = 40, 3
PATIENCE = 300
"""Seconds after which something is taken never to happen, also on a machine that is busy with something else."""


def line(number: int) -> str:
    text = f'Person {number} was born in Łódź in {1900 + number}. {{document}} {{x}} {{"a": {{}}}}'
    fact = {"subject": "P", "relation": "born", "value": str(1900 + number)}
    start = text.index(fact["value"])
    return json.dumps({"id": f"p{number}", "text": text, "facts": [{**fact, "start": start, "end": start + 4}]})


@pytest.fixture(autouse=True)
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    Path("corpus.jsonl").write_text("".join(f"{line(n)}\n" for n in range(DOCUMENTS)), encoding="utf-8")


def counting() -> Callable[[str], str]:
    """Replies that are all different; the same prompt gets the same one only from what is kept."""
    numbers = iter(range(10**6))
    return lambda prompt: f"Reply {next(numbers)}: {prompt.split('Text:')[-1].strip()}"


@pytest.fixture
def url(server: Server) -> str:
    server.write = counting()
    return server.url


def command(url: str, *more: str) -> list[str]:
    own = ["augment", "corpus.jsonl", "--method", "structured", "-k", str(VIEWS)]
    return [*own, f"augment.llm.url={url}", "augment.llm.model=m", *more]


def start(url: str, *more: str) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment}
    return subprocess.Popen([sys.executable, "-m", "kinj", *command(url, *more)], start_new_session=True, **pipes)


def kinj(url: str, *more: str) -> tuple[int, str, str]:
    """The command in this process: its exit code and what it says."""
    words = command(url, *more)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["kinj", *words])
        done = CliRunner().invoke(app, words)
    assert KEY not in done.stdout + done.stderr
    return done.exit_code, done.stdout, done.stderr


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if condition():
            return
        time.sleep(0.01)
    pytest.fail(f"it did not happen within {PATIENCE} s")


class Gate:
    """Lets so many requests through and holds the others until it is opened."""

    def __init__(self, server: Server, count: int) -> None:
        self.count, self.open = count, threading.Event()
        server.fault = self.hold

    def hold(self, exchange: Exchange) -> bool:
        if exchange.number > self.count:
            self.open.wait(PATIENCE)
        return self.open.is_set() and exchange.number > self.count and exchange.send(500, b"")


def test_a_whole_run(server: Server, url: str) -> None:
    child = start(url)
    out, err = child.communicate(timeout=PATIENCE)
    assert (child.returncode, out) == (0, f"{OUTPUT}\n")
    assert KEY not in out + err
    assert server.number == len(server.received) == DOCUMENTS * VIEWS == lines(REPLIES)
    assert f"about {DOCUMENTS * VIEWS} requests" in err
    found = list(read_documents(str(OUTPUT)))
    assert len(found) == DOCUMENTS * (VIEWS + 1)
    assert all("{document} {x}" in document.text and len(document.facts) == 1 for document in found)
    sides = {"corpus.views.stats.json", "corpus.views.README.md"}
    assert {path.name for path in Path().iterdir()} == {"corpus.jsonl", OUTPUT.name, REPLIES.name, *sides}
    assert all(KEY not in path.read_text() for path in Path().iterdir())


@pytest.mark.parametrize("answered", [50, *(pytest.param(count, marks=pytest.mark.slow) for count in (3, 100))])
def test_after_a_kill_nothing_is_asked_twice(answered: int, server: Server, url: str) -> None:
    gate = Gate(server, answered)
    child = start(url, "augment.llm.in_flight=4")
    wait_for(lambda: lines(REPLIES) == answered and len(server.flying) == 4)
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate()
    assert not OUTPUT.exists()
    paid = dict(server.answered)
    assert len(paid) == answered
    with REPLIES.open("ab") as file:
        file.write(b'{"key":"torn')
    gate.open.set()
    wait_for(lambda: not server.flying)
    server.fault = lambda exchange: False
    code, _, err = kinj(url, *(["--resume"] if Path(f"{OUTPUT}.part").exists() else []))
    assert (code, f"({answered} more are answered already)" in err) == (0, True)
    assert set(server.answered.values()) == {1}
    assert len(server.answered) == DOCUMENTS * VIEWS == lines(REPLIES)
    assert sum(server.received.values()) == DOCUMENTS * VIEWS + 4, "only those on their way were sent again"
    texts = [document.text for document in read_documents(str(OUTPUT))]
    assert sum(text.startswith("Reply ") for text in texts) == DOCUMENTS * VIEWS


@pytest.mark.slow
def test_a_killed_run_ends_with_the_bytes_of_one_that_was_not(server: Server) -> None:
    server.write = lambda prompt: f"Rewritten: {prompt}"
    assert kinj(server.url)[0] == 0
    whole = OUTPUT.read_bytes()
    OUTPUT.unlink()
    REPLIES.unlink()
    gate = Gate(server, server.number + 101)
    child = start(server.url, "augment.llm.in_flight=2")
    wait_for(lambda: lines(REPLIES) == 101)
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate()
    gate.open.set()
    server.fault = lambda exchange: False
    assert kinj(server.url, "--resume")[0] == 0
    assert OUTPUT.read_bytes() == whole


def test_ctrl_c_waits_for_what_is_paid_for(server: Server, url: str) -> None:
    gate = Gate(server, 30)
    child = start(url, "augment.llm.in_flight=4")
    wait_for(lambda: lines(REPLIES) == 30 and len(server.flying) == 4)
    os.killpg(child.pid, signal.SIGINT)
    assert child.stderr is not None
    told = next(line for line in child.stderr if "waiting for" in line)
    server.fault = lambda exchange: False
    gate.count = 10**6
    gate.open.set()
    _, err = child.communicate(timeout=PATIENCE)
    assert child.returncode == INTERRUPTED
    assert "waiting for 4 replies" in told
    assert "continue with: kinj augment corpus.jsonl" in err
    assert "--resume" in err
    assert lines(REPLIES) == 34
    assert kinj(url, "--resume")[0] == 0
    assert set(server.received.values()) == {1}


def test_an_endpoint_that_goes_down(server: Server, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "ASKED", 15)  # five documents a shard
    server.fault = lambda exchange: exchange.number > 40 and exchange.refuse(503, f"gone {exchange.key}")
    code, _, err = kinj(url, "augment.llm.retries=0", "augment.llm.in_flight=2")
    assert code == FAILED
    assert f"the endpoint {url} answers 503" in err
    assert f"all 40 replies so far are kept in {REPLIES}" in err
    assert f"10 finished records are kept in {OUTPUT}.part" in err
    assert {path.name for path in Path().iterdir()} == {"corpus.jsonl", REPLIES.name, f"{OUTPUT}.part"}
    assert "continue with: kinj augment corpus.jsonl --method structured" in err
    assert err.strip().endswith("--resume")
    server.fault = lambda exchange: False
    assert kinj(url, "--resume")[0] == 0
    assert set(server.answered.values()) == {1}
    assert len(server.answered) == DOCUMENTS * VIEWS


def test_an_endpoint_that_is_not_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    code, _, err = kinj(url, "augment.llm.retries=0", "--debug")
    assert code == FAILED
    assert f"error: the endpoint {url} cannot be reached" in err
    assert "continue with: kinj augment" in err
    assert "replies so far" not in err, "there are none"
    assert {path.name for path in Path().iterdir()} == {"corpus.jsonl", REPLIES.name}
    assert REPLIES.read_bytes() == b""


def test_a_missing_key(server: Server, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    code, _, err = kinj(url)
    assert code == USAGE
    assert "the environment variable OPENAI_API_KEY is not set" in err
    assert {path.name for path in Path().iterdir()} == {"corpus.jsonl"}
    assert server.number == 0


@pytest.mark.parametrize("more", [[], ["--debug"], ["--json"]])
def test_the_key_is_never_shown(more: list[str], server: Server, url: str) -> None:
    server.fault = lambda exchange: exchange.refuse(401, f"wrong key: {exchange.key} {KEY}")
    assert kinj(url, *more)[0] == FAILED
    assert all(KEY not in path.read_text() for path in Path().iterdir())


def test_a_budget(server: Server, url: str) -> None:
    code, _, err = kinj(url, "--max-tokens", "2000")
    assert code == USAGE
    assert "the budget (--max-tokens 2,000) does not suffice" in err
    assert server.number == 0
    cut = [
        "augment.llm.cut=true",
        "augment.llm.max_new_tokens=100",
        "augment.llm.price_in=10",
        "augment.llm.price_out=10",
    ]
    code, _, err = kinj(url, "--max-cost", "0.1", *cut)
    assert code == FAILED
    assert "the budget is used up" in err
    assert "go on with a higher limit" in err
    asked = server.number
    assert 0 < asked == lines(REPLIES) < DOCUMENTS * VIEWS
    kept = [json.loads(row) for row in REPLIES.read_text().splitlines()]
    assert 0.09 < sum(row["tokens_in"] + row["tokens_out"] for row in kept) * 10 / 1e6 <= 0.1
    code, _, err = kinj(url, "--max-cost", "0.1", *cut, "--resume")
    assert (code, server.number) == (FAILED, asked)
    assert kinj(url, "--max-cost", "9", *cut, "--resume")[0] == 0
    assert set(server.received.values()) == {1}


def test_a_dry_run_asks_and_writes_nothing(server: Server, url: str) -> None:
    code, out, _ = kinj(url, "--dry-run", "augment.llm.price_in=1", "augment.llm.price_out=1")
    assert code == 0
    assert "cost      about 120 requests" in out
    assert "cost about 0." in out
    code, out, _ = kinj(url, "--dry-run", "--json")
    assert json.loads(out)["estimate"]["requests"] == 120
    assert server.number == 0
    assert {path.name for path in Path().iterdir()} == {"corpus.jsonl"}


def test_bad_documents_do_not_stop_it(server: Server, url: str) -> None:
    def fault(exchange: Exchange) -> bool:
        if "Person 7 " in exchange.prompt:
            return exchange.refuse(400, "filtered")
        return "Person 9 " in exchange.prompt and exchange.reply({"choices": []})

    server.fault = fault
    code, out, _ = kinj(url, "--json")
    assert code == PARTLY
    report = json.loads(out)
    assert report["unwritten"] == {"could not be had": 3, "has no choices": 3}
    assert report["written"]["views_fewer"] == 6
    assert report["views"] == DOCUMENTS * VIEWS - 6
    failed = [json.loads(row) for row in Path("corpus.views.failed.jsonl").read_text().splitlines()]
    assert {(row["document"], row["question"]) for row in failed} == {(p, q) for p in ("p7", "p9") for q in range(3)}
    assert any("answers 400: " in row["reason"] and "filtered" in row["reason"] for row in failed)


def test_a_preview_is_not_paid_for_again(server: Server, url: str) -> None:
    code, out, err = kinj(url, "--preview", "5", "--json")
    assert (code, server.number) == (0, 5 * VIEWS)
    assert {path.name for path in Path().iterdir()} == {"corpus.jsonl", REPLIES.name}
    assert f"kept in {REPLIES}" in err
    assert kinj(url, "--preview", "5")[0] == 0
    assert server.number == 5 * VIEWS, "nor is a second look"
    code, _, err = kinj(url)
    assert (code, f"({5 * VIEWS} more are answered already)" in err) == (0, True)
    assert set(server.received.values()) == {1}
    assert len(server.received) == DOCUMENTS * VIEWS
    shown = [record["text"] for group in json.loads(out)["preview"] for record in group]
    assert shown == [document.text for document in read_documents(str(OUTPUT))][: 5 * (VIEWS + 1)]


def test_a_preview_of_several_files_must_know_the_output(server: Server, url: str) -> None:
    Path("more.jsonl").write_text('{"text": "Snow."}\n')
    code, _, err = kinj(url, "more.jsonl", "--preview", "1")
    assert (code, server.number) == (USAGE, 0)
    assert "2 inputs and no name for the output" in err
    assert kinj(url, "more.jsonl", "--preview", "1", "-o", "both.jsonl")[0] == 0
    assert lines(Path("both.requests.jsonl")) == VIEWS


def settings(**llm: Any) -> Settings:
    own = LlmSettings(model="m", **llm)
    return Settings(augment=AugmentSettings(method=["paraphrase"], views=2, llm=own))


def test_replies_can_be_shared(server: Server, url: str) -> None:
    shared = settings(url=url, cache="shared.jsonl")
    augment_file(["corpus.jsonl"], Path("one.jsonl"), shared)
    report = augment_file(["corpus.jsonl"], Path("two.jsonl"), shared)
    assert server.number == 2 * DOCUMENTS == report.written["requests"]
    assert Path("one.jsonl").read_bytes() == Path("two.jsonl").read_bytes()
    with pytest.raises(UsageError, match=r"corpus.jsonl line 1 is not a kept reply"):
        augment_file(["corpus.jsonl"], Path("three.jsonl"), settings(url=url, cache="corpus.jsonl"))


def test_other_prompts_are_other_settings(server: Server, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "ASKED", 20)
    server.fault = lambda exchange: exchange.number > 70 and exchange.refuse(401, "no")
    with pytest.raises(Exception, match="401"):
        augment_file(["corpus.jsonl"], OUTPUT, settings(url=url))
    server.fault = lambda exchange: False
    Path("mine.yaml").write_text("ask: '{document}'\nstyles: {a: b}\norders: {same: c, changed: d}\n")
    changed = settings(url=url)
    changed.augment.paraphrase.prompt = "mine.yaml"
    with pytest.raises(UsageError, match=r"augment.paraphrase.prompt was"):
        augment_file(["corpus.jsonl"], OUTPUT, changed, resume=True)
    cheaper = settings(url=url, in_flight=1, max_tokens=10**6, price_in=3.0, retries=1, timeout=5.0)
    assert augment_file(["corpus.jsonl"], OUTPUT, cheaper, resume=True).documents == DOCUMENTS


def test_a_prompt_file_is_checked_before_anything_is_asked(server: Server, url: str) -> None:
    Path("mine.yaml").write_text("ask: '{document} {fom}'\nforms: {a: b}\n")
    code, _, err = kinj(url, "augment.structured.prompt=mine.yaml")
    assert (code, server.number) == (USAGE, 0)
    assert "the prompt file mine.yaml uses {fom} in `ask`" in err
    assert "did you mean {form}?" in err
    assert {path.name for path in Path().iterdir()} == {"corpus.jsonl", "mine.yaml"}


def test_several_methods_side_by_side(server: Server, url: str) -> None:
    code, _, _ = kinj(url, "--method", "formatting", "--workers", "2", "data.limit=3")
    assert code == 0
    methods = [d.view.method.split("/")[0] for d in read_documents(str(OUTPUT)) if d.view]
    assert methods == (["structured"] * 3 + ["formatting"] * 3) * 3
