"""The preview in docs/augmentation.md is what its command prints."""

from __future__ import annotations

import shlex
from pathlib import Path

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
