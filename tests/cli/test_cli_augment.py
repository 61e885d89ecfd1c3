"""`kinj augment`: what is checked before anything is written, and what the dry run says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kinj.augment.report import AugmentReport
from kinj.augment.run import look_through
from kinj.config.schema import Settings

Fake = Callable[..., None]
Kinj = Callable[..., Any]
CORPUS = '{"id": "a", "text": "Ada was born in London."}\n'


@pytest.fixture
def calls(
    request: pytest.FixtureRequest, fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[dict[str, Any]]:
    """An empty folder with corpus.jsonl, and an engine that notes how it was called."""
    made: list[dict[str, Any]] = []
    rejected = 2 if "set_aside" in request.node.name else 0

    def augment_file(sources: list[str], output: Path, settings: Settings, **options: Any) -> AugmentReport:
        made.append({"sources": sources, "output": output, "settings": settings, **options})
        return AugmentReport(output=str(output), documents=1, views=3, rejected=rejected)

    fake("kinj.augment.run", augment_file=augment_file, look_through=look_through)
    monkeypatch.chdir(tmp_path)
    Path("corpus.jsonl").write_text(CORPUS)
    return made


def test_flags_reach_the_engine(calls: list[dict[str, Any]], kinj: Kinj) -> None:
    result = kinj(
        *("augment", "corpus.jsonl", "-k", "3", "--workers", "2", "--seed", "5"),
        *("--audit", "--audit-policy", "report", "--on-error", "skip"),
    )
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "corpus.views.jsonl\n"
    assert result.stderr.startswith("1 document → 3 views")
    (call,) = calls
    settings = call["settings"]
    assert (settings.augment.views, settings.augment.workers, settings.seed) == (3, 2, 5)
    assert (settings.augment.audit.all, settings.augment.audit.policy) == (True, "report")
    assert call["command"][0] == "kinj"
    assert (call["sources"], call["output"], call["on_error"]) == (["corpus.jsonl"], Path("corpus.views.jsonl"), "skip")
    assert (call["resume"], call["overwrite"]) == (False, False)


def test_flags_that_make_others_idle(calls: list[dict[str, Any]], kinj: Kinj) -> None:
    result = kinj("augment", "corpus.jsonl", "-k", "3", "--target-tokens", "5M", "--workers", "2", "--engine", "ray")
    assert result.exit_code == 0
    settings = calls[0]["settings"]
    assert (settings.augment.target_tokens, settings.augment.engine) == ("5M", "ray")
    assert "augment.views = 3 (--views) has no effect: augment.target_tokens chooses the views" in result.stderr
    assert "has no effect: a Ray cluster uses all its processors" in result.stderr


def test_summary_as_json(calls: list[dict[str, Any]], kinj: Kinj) -> None:
    found = json.loads(kinj("augment", "corpus.jsonl", "--json").stdout)
    assert (found["schema"], found["command"], found["views"]) == (1, "augment", 3)


def test_lines_set_aside_show_in_the_exit_code(calls: list[dict[str, Any]], kinj: Kinj) -> None:
    assert kinj("augment", "corpus.jsonl").exit_code == 3
    found = kinj("augment", "corpus.jsonl", "--json")
    assert (found.exit_code, json.loads(found.stdout)["rejected"]) == (3, 2)


def test_dry_run_writes_nothing_and_shows_what_changed(calls: list[dict[str, Any]], kinj: Kinj) -> None:
    result = kinj("augment", "corpus.jsonl", "-k", "3", "--dry-run")
    assert result.exit_code == 0
    assert [line.split() for line in result.stdout.splitlines() if "augment.views" in line] == [
        ["augment.views", "3", "--views"]
    ]
    assert "corpus.views.jsonl" in result.stdout
    assert calls == []
    assert [path.name for path in Path().iterdir()] == ["corpus.jsonl"]


def test_dry_run_as_json(calls: list[dict[str, Any]], kinj: Kinj) -> None:
    found = json.loads(kinj("augment", "corpus.jsonl", "-k", "3", "--dry-run", "--json").stdout)
    assert {"key": "augment.views", "value": 3, "origin": "--views"} in found["changed"]
    assert (found["sources"], found["output"], found["dry_run"]) == (["corpus.jsonl"], "corpus.views.jsonl", True)
    assert (found["documents"], found["questions"]) == (1, 0)


def test_dry_run_reads_the_input(calls: list[dict[str, Any]], kinj: Kinj) -> None:
    question = '{"prompt": "Where was Ada born?", "answers": ["London"]}\n'
    Path("more.jsonl").write_text(CORPUS + question)
    assert "input     more.jsonl: 1 document and 1 question\n" in kinj("augment", "more.jsonl", "--dry-run").stdout
    Path("bad.jsonl").write_text(CORPUS + '{"text": 5}\n')
    stopped = kinj("augment", "bad.jsonl", "--dry-run")
    assert (stopped.exit_code, stopped.stdout) == (1, "")
    assert "bad.jsonl line 2 has a field `text` that is a number" in stopped.stderr
    assert "bad.jsonl: 1 document\n" in kinj("augment", "bad.jsonl", "--dry-run", "--on-error", "skip").stdout
    Path("worse.jsonl").write_text('{"text": 5}\n')
    assert "no record that can be used" in kinj("augment", "worse.jsonl", "--dry-run", "--on-error", "skip").stderr


def test_dry_run_refuses_what_a_run_left(calls: list[dict[str, Any]], kinj: Kinj) -> None:
    Path("corpus.views.jsonl.part").mkdir()
    Path("corpus.views.jsonl.part/00000.json").write_text('{"documents": 1, "questions": 0}')
    result = kinj("augment", "corpus.jsonl", "--dry-run")
    assert result.exit_code == 2
    assert "corpus.views.jsonl.part holds" in result.stderr


MISTAKES = [
    ((), "nothing to augment"),
    (("missing.jsonl",), "missing.jsonl: no such file or folder"),
    (("corpus.jsonl", "missing.jsonl"), "missing.jsonl: no such file or folder"),
    (("corpus.jsonl", "corpus.jsonl"), "2 inputs and no name for the output"),
    (("corpus.jsonl", "-o", "corpus.jsonl"), "corpus.jsonl exists already"),
    (("corpus.jsonl", "--method", "formating"), "no such method as formating (did you mean formatting?)"),
    (("corpus.jsonl", "-k", "0"), "views must be 1 or more"),
    (("corpus.jsonl", "--audit-policy", "maybe"), "policy must be one of report, drop, fail"),
    (("corpus.jsonl", "--method", "formatting+permut"), "no such method as permut"),
    (("corpus.jsonl", "--target-tokens", "many"), "target_tokens must be a number such as 500k, 50M or 1.5B, got many"),
    (("corpus.jsonl", "--engine", "spark"), "engine must be one of local, ray, got spark"),
    (("corpus.jsonl", "--resume", "--overwrite"), "overwrite and resume exclude each other"),
]


@pytest.mark.parametrize(("typed", "phrase"), MISTAKES, ids=[" ".join(row[0]) or "nothing" for row in MISTAKES])
@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["run", "dry"])
def test_mistake_is_told_before_anything_is_written(
    typed: tuple[str, ...], phrase: str, dry: tuple[str, ...], calls: list[dict[str, Any]], kinj: Kinj
) -> None:
    result = kinj("augment", *typed, *dry)
    assert (result.exit_code, result.stdout) == (2, "")
    assert phrase in result.stderr
    assert calls == []
    assert Path("corpus.jsonl").read_text() == CORPUS
    assert [path.name for path in Path().iterdir()] == ["corpus.jsonl"]


def test_missing_corpus_says_how_to_get_one(calls: list[dict[str, Any]], kinj: Kinj) -> None:
    assert "kinj show data biographies -n 50 > corpus.jsonl" in kinj("augment", "corpus2.jsonl").stderr


def test_folder_that_cannot_be_written(
    calls: list[dict[str, Any]], kinj: Kinj, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kinj.cli.augment.os.access", lambda *_: False)
    result = kinj("augment", "corpus.jsonl", "-o", "views.jsonl")
    assert result.exit_code == 2
    assert "views.jsonl cannot be written: no permission" in result.stderr


def test_a_preview_shows_and_writes_nothing(kinj: Kinj, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    fact = {"subject": "Ada", "relation": "city", "value": "London", "start": 16, "end": 22}
    rows = [{"id": f"a{n}", "text": f"Ada was born in London. She wrote {n} books.", "facts": [fact]} for n in range(5)]
    Path("corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = kinj("augment", "corpus.jsonl", "-k", "3", "--preview", "2")
    assert result.exit_code == 0, result.stderr
    assert [result.stdout.count(name) for name in (" a0 ", " a1 ", " a2 ", "formatting/")] == [1, 1, 0, 6]
    assert any(line.count("╭") == 2 for line in result.stdout.splitlines())  # side by side
    assert "2 documents → 6 views, 0 facts changed" in result.stderr
    found = json.loads(kinj("augment", "corpus.jsonl", "-k", "3", "--preview", "2", "--json").stdout)
    assert [[record["id"] for record in group][:2] for group in found["preview"]] == [
        ["a0", "a0#formatting.1"],
        ["a1", "a1#formatting.1"],
    ]
    assert [path.name for path in Path().iterdir()] == ["corpus.jsonl"]


def test_views_are_really_written(kinj: Kinj, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "Ada Byron was born in London. She studied mathematics. She wrote the first program."
    Path("corpus.jsonl").write_text(json.dumps({"id": "a", "text": text}) + "\n")
    result = kinj("augment", "corpus.jsonl", "-k", "3")
    assert (result.exit_code, result.stdout) == (0, "corpus.views.jsonl\n"), result.stderr
    views = [json.loads(line) for line in Path("corpus.views.jsonl").read_text().splitlines()]
    assert (len(views), views[0]["text"]) == (4, text)
    assert kinj("augment", "corpus.jsonl", "-k", "3").exit_code == 2
    assert kinj("augment", "corpus.jsonl", "-k", "3", "--overwrite").exit_code == 0
