"""What the tests of all examples need."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kinj.cli.main import app
from kinj.sweep.executor import Job, Outcome
from kinj.sweep.worker import find


class Here:
    """Runs trials in this process: new ones would spend most of the test on importing."""

    def map(self, jobs: Iterable[Job], tick: Callable[[], None] | None = None) -> Iterator[Outcome]:
        for job in jobs:
            yield Outcome(job.name, find(job.function)(**job.spec), os.getpid())


@pytest.fixture
def trials_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials of sweeps run in this process."""
    monkeypatch.setattr("kinj.sweep.run.executor_of", lambda sweep, workers, entry: Here())


@pytest.fixture
def try_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], int]:
    """Tries every `kinj sweep` of an example's README as a dry run; returns how many there are."""

    def tried(example: Path) -> int:
        monkeypatch.chdir(example.parents[1])
        text = (example / "README.md").read_text(encoding="utf-8")
        commands = re.findall(r"^kinj (sweep [^#\n]*)", text, re.MULTILINE)
        for command in dict.fromkeys(map(str.strip, commands)):
            words = [*command.split()[:-1], str(tmp_path / "out"), "--dry-run"]
            assert words[-3] == "-o"
            done = CliRunner().invoke(app, words)
            assert done.exit_code == 0, done.stderr
        assert not (tmp_path / "out").exists()
        return len(commands)

    return tried
