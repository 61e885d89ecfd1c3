"""Views that a language model writes, in the sharded engine: joined with other methods, audited, cut into shards, previewed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kinj.augment import run
from kinj.augment.run import augment_file
from kinj.cli.preview import show_views
from kinj.config import load
from kinj.config.errors import DONE, UnfinishedError, UsageError
from kinj.config.schema import AuditSettings, AugmentSettings, LlmSettings, Settings
from kinj.data.files import read_documents
from tests.augment.endpoints import Exchange, Server, server

__all__ = ["server"]
DOCUMENTS = 10
OUTPUT, REPLIES = Path("views.jsonl"), Path("views.requests.jsonl")


@pytest.fixture(autouse=True)
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [
        json.dumps({"id": f"p{n}", "text": f"Ada was born in {1800 + n}. She wrote 12 programs."}) for n in range(10)
    ]
    Path("corpus.jsonl").write_text("\n".join(lines) + "\n")


def numbered() -> Callable[[str], str]:
    """Replies that are all different."""
    numbers = itertools.count()
    return lambda prompt: f"Text {next(numbers)}."


def settings(server: Server, *methods: str, **more: Any) -> Settings:
    llm = LlmSettings(url=server.url, model="m", key_env=None, retries=0)
    return Settings(augment=AugmentSettings(method=list(methods), views=2, llm=llm, **more))


def test_its_views_can_be_formatted(server: Server) -> None:
    server.write = numbered()
    report = augment_file(["corpus.jsonl"], OUTPUT, settings(server, "paraphrase", "paraphrase+formatting"))
    assert server.number == len(server.received) == DOCUMENTS * 2, "both ask the same, which is asked once"
    assert report.views == 4 * DOCUMENTS
    found = [document for document in read_documents(str(OUTPUT)) if document.view and document.source == "p3"]
    names = ("paraphrase", "paraphrase+formatting")
    assert [document.id for document in found] == [f"p3#{name}.{index}" for name in names for index in (1, 2)]


def test_it_cannot_write_about_views(server: Server) -> None:
    with pytest.raises(UsageError, match="paraphrase is written by a language model and cannot come after") as caught:
        augment_file(["corpus.jsonl"], OUTPUT, settings(server, "formatting+paraphrase"))
    assert "put it first" in caught.value.hint


def test_no_views_on_trial(server: Server) -> None:
    with pytest.raises(UsageError, match="target_tokens") as caught:
        augment_file(["corpus.jsonl"], OUTPUT, settings(server, "paraphrase", target_tokens="5k"))
    assert "augment.views" in caught.value.hint
    assert server.number == 0


def test_what_it_writes_can_be_audited(server: Server) -> None:
    server.write = lambda prompt: f"She wrote 13 programs. {server.number}"
    every = settings(server, "paraphrase", audit=AuditSettings(all=True))
    report = augment_file(["corpus.jsonl"], OUTPUT, every)
    assert (report.views, report.dropped) == (0, 2 * DOCUMENTS) == (0, report.audited["paraphrase"])
    assert not any("was not checked" in line for line in report.lines())
    assert len(Path("views.audit.jsonl").read_bytes().splitlines()) == 2 * DOCUMENTS


def test_shards_and_a_resume_give_the_same(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = settings(server, "paraphrase", "formatting")
    whole = augment_file(["corpus.jsonl"], OUTPUT, chosen)
    expected = OUTPUT.read_bytes()
    for path in (OUTPUT, REPLIES):
        path.unlink()
    monkeypatch.setattr(run, "ASKED", 6)
    first = server.number
    server.fault = lambda exchange: exchange.number > first + 13 and exchange.refuse(500, "no")
    chosen.augment.llm.in_flight = 1
    with pytest.raises(UnfinishedError) as caught:
        augment_file(["corpus.jsonl"], OUTPUT, chosen)
    assert "6 finished records are kept" in caught.value.hint
    server.fault = lambda exchange: False
    again = augment_file(["corpus.jsonl"], OUTPUT, chosen, resume=True)
    assert OUTPUT.read_bytes() == expected
    assert set(server.answered.values()) == {2}, "each once for either output"
    assert (again.written, again.views) == (whole.written, whole.views)
    assert "| language model | m, 20 requests |" in Path("views.README.md").read_text()


def test_what_cannot_be_had_is_listed_once(server: Server) -> None:
    server.write = numbered()

    def fault(exchange: Exchange) -> bool:
        return "born in 1803" in exchange.prompt and exchange.refuse(400, "filtered")

    server.fault = fault
    report = augment_file(["corpus.jsonl"], OUTPUT, settings(server, "paraphrase"))
    assert (report.unwritten, report.written["views_fewer"], report.shortfall) == ({"could not be had": 2}, 2, 0)
    assert len(Path("views.failed.jsonl").read_text().splitlines()) == 2


def test_a_preview_asks_for_what_it_shows(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.write = numbered()
    loaded = load("augment", ["data=corpus", "augment.method=[paraphrase]"], environ={})
    loaded = replace(loaded, settings=replace(loaded.settings, augment=settings(server, "paraphrase").augment))
    assert show_views(loaded, ["corpus.jsonl"], 2, as_json=True) == DONE
    groups = json.loads(capsys.readouterr().out)["preview"]
    assert [[record["id"] for record in group] for group in groups] == [
        [f"p{n}", f"p{n}#paraphrase.1", f"p{n}#paraphrase.2"] for n in (0, 1)
    ]
    assert server.number == 4
    assert {path.name for path in Path().iterdir()} == {"corpus.jsonl", "corpus.views.requests.jsonl"}
