"""The preview in docs/augmentation.md is what its command prints."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kinj.cli.main import app

PAGE = Path(__file__).parents[2] / "docs" / "augmentation.md"


@pytest.mark.shared
def test_the_preview_in_the_docs(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shared_data / "wiki2023_film")
    monkeypatch.setenv("COLUMNS", "124")
    _, _, after = PAGE.read_text(encoding="utf-8").partition("```text\n$ ")
    command, *shown = after.partition("\n```")[0].splitlines()
    done = CliRunner().invoke(app, shlex.split(command)[1:])
    assert done.exit_code == 0, done.stderr
    assert [line.rstrip() for line in done.stdout.splitlines()] == shown


def preview(text: str, monkeypatch: pytest.MonkeyPatch, folder: Path, **more: Any) -> str:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "80")
    Path("corpus.jsonl").write_text(json.dumps({"id": "a\x1b]0;b\x07", "text": text, **more}) + "\n")
    done = CliRunner().invoke(app, ["augment", "corpus.jsonl", "--preview", "1", "-k", "1"])
    assert done.exit_code == 0, done.stderr
    return done.stdout


def test_a_text_does_not_steer_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = preview("Ada \x1b[2Jwas\r born\x07 in \x9b31mOslo. It snowed.", monkeypatch, tmp_path)
    assert not set(shown) & {"\x1b", "\r", "\x07", "\x9b"}
    assert "Ada ␛[2Jwas␍ born␇ in �31mOslo." in shown


def test_a_line_of_wide_characters_is_shown_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words up to `comes` fill the line to its last column; rich would cut a letter for the space after it."""
    text = "Snow fell.\n💬 Cornova is the town that he comes from."
    assert "…" not in preview(text, monkeypatch, tmp_path)


def test_of_a_long_text_the_beginning_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fact = {"subject": "it", "relation": "what", "value": "Snow", "start": 44_990, "end": 44_994}
    shown = preview("Snow fell. " * 5000, monkeypatch, tmp_path, facts=[fact])
    assert "… and 52,000 more characters" in shown
    assert len(shown) < 20_000
