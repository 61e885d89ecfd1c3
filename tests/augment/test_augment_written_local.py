"""Local transformers models, asked directly and through `transformers serve`."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from kinj.augment.run import augment_file
from kinj.augment.written.client import Call, Client, open_client
from kinj.augment.written.kept import KeptReplies
from kinj.config.errors import UnfinishedError, UsageError
from kinj.config.schema import AugmentSettings, LlmSettings, Settings, StructuredSettings
from kinj.data.files import read_documents
from kinj.models.places import EMBEDDED
from tests.gap_models import save

CALLS = [Call(f"Question: Where was person {number} born?\nAnswer:", number) for number in range(5)]
TINY = LlmSettings(model="tiny", max_new_tokens=12, in_flight=2)


def client_for(settings: LlmSettings) -> Client:
    return open_client(settings, KeptReplies(None))


@pytest.fixture(scope="module")
def tiny() -> Client:
    return client_for(TINY)


def test_a_reply_depends_on_its_call_alone(tiny: Client) -> None:
    replies = tiny.complete(CALLS)
    alone = client_for(TINY)
    assert [alone.complete([call])[0] for call in reversed(CALLS)][::-1] == replies
    other = client_for(LlmSettings(model="tiny", max_new_tokens=12, in_flight=5))
    assert other.complete(CALLS) == replies
    assert all(0 < reply.tokens_out <= 12 for reply in replies)
    assert [reply.tokens_in for reply in replies] == [tiny.model.tokens(call.text) for call in CALLS]


def test_seeds_and_temperature(tiny: Client) -> None:
    drawn = {tiny.complete([Call(CALLS[0].text, seed)])[0].text for seed in range(8)}
    assert len(drawn) > 1
    greedy = client_for(LlmSettings(model="tiny", max_new_tokens=12, temperature=0.0))
    assert len({reply.text for reply in greedy.complete([Call(CALLS[0].text, seed) for seed in range(3)])}) == 1


def test_what_does_not_fit(tiny: Client) -> None:
    long, short = Call("word " * 3000, 0), CALLS[0]
    replies = tiny.complete([long, short])
    assert "could not be had: the prompt is " in replies[0].problem
    assert replies[0].final
    assert not replies[1].problem or "cut off at 12 tokens" in replies[1].problem


def test_a_budget_ends_it() -> None:
    client = client_for(LlmSettings(model="tiny", max_new_tokens=12, in_flight=2, max_tokens=90))
    with pytest.raises(UnfinishedError, match="the budget is used up"):
        client.complete(CALLS)
    tokens, _ = client.budget.after()
    assert 0 < tokens <= 90
    assert len(client.kept) % 2 == 0


@pytest.mark.parametrize(("kind", "what"), [("t5", "an encoder-decoder model"), ("bert", "a masked language model")])
def test_a_model_that_writes_no_texts(kind: str, what: str, tmp_path: Path) -> None:
    folder = save(kind, tmp_path / kind)
    with pytest.raises(UsageError, match=f"is {what}, which writes no texts"):
        client_for(LlmSettings(model=str(folder)))


def test_a_model_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="did you mean tiny"):
        client_for(LlmSettings(model="tinyy"))


def prompt_file(tmp_path: Path) -> str:
    path = tmp_path / "short.yaml"
    path.write_text('ask: "Question: {form} {document}\\nAnswer:"\nforms: {place: "Where?", person: "Who?"}\n')
    return str(path)


def corpus(tmp_path: Path) -> str:
    path = tmp_path / "corpus.jsonl"
    lines = [f'{{"id": "p{n}", "text": "Person {n} was born in Rome. {{document}}"}}\n' for n in range(3)]
    path.write_text("".join(lines))
    return str(path)


def settings(tmp_path: Path, llm: LlmSettings) -> Settings:
    own = StructuredSettings(prompt=prompt_file(tmp_path))
    return Settings(augment=AugmentSettings(method=["structured"], views=4, structured=own, llm=llm))


def test_views_by_the_embedded_model(tmp_path: Path) -> None:
    """It writes nonsense; what matters is the path."""
    chosen = settings(tmp_path, LlmSettings(model="tiny", max_new_tokens=40, attempts=2))
    report = augment_file([corpus(tmp_path)], tmp_path / "one.jsonl", chosen)
    found = list(read_documents(str(tmp_path / "one.jsonl")))
    assert len(found) == 3 + report.views
    assert report.written["requests"] >= 12
    assert report.written["views_fewer"] == 12 - report.views
    assert report.views + sum(report.unwritten.values()) + report.written["repeated"] == 12
    augment_file([corpus(tmp_path)], tmp_path / "two.jsonl", chosen)
    assert (tmp_path / "two.jsonl").read_bytes() == (tmp_path / "one.jsonl").read_bytes()
    assert (tmp_path / "two.requests.jsonl").read_bytes() == (tmp_path / "one.requests.jsonl").read_bytes()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """`transformers serve` with the embedded model and a chat template: its address and the model's name."""
    for package in ("fastapi", "uvicorn"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"transformers serve needs {package}")
    folder = tmp_path / "model"
    shutil.copytree(EMBEDDED / "tiny", folder)
    (folder / "chat_template.jinja").write_text("{% for message in messages %}{{ message['content'] }}{% endfor %}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("transformers")), "serve", str(folder), "--port", str(port)]
    child = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--device", "cpu"], env=os.environ | {"HF_HUB_OFFLINE": "1"}
    )
    try:
        _wait(child, f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}/v1", str(folder)
    finally:
        child.kill()
        child.wait()


def _wait(child: subprocess.Popen[bytes], url: str) -> None:
    for _ in range(1800):
        assert child.poll() is None, "transformers serve ended"
        try:
            urllib.request.urlopen(url, timeout=1).read()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("transformers serve did not start within three minutes")


@pytest.mark.slow
def test_views_through_transformers_serve(served: tuple[str, str], tmp_path: Path) -> None:
    url, model = served
    chosen = settings(
        tmp_path, LlmSettings(model=model, url=url, key_env=None, max_new_tokens=40, in_flight=2, attempts=1)
    )
    report = augment_file([corpus(tmp_path)], tmp_path / "one.jsonl", chosen)
    assert report.written["requests"] == 12
    assert report.written["tokens_in"] > 12 * 5
    assert 0 < report.written["tokens_out"] <= 12 * 40
    assert report.views + sum(report.unwritten.values()) + report.written["repeated"] == 12
    assert report.views >= 1
    assert set(report.unwritten) <= {"is cut off at 40 tokens (augment.llm.max_new_tokens)", "is empty"}
    again = augment_file([corpus(tmp_path)], tmp_path / "one.jsonl", chosen, overwrite=True)
    assert again.written == report.written
