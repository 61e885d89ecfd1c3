"""Progress: a bar on a terminal, plain lines elsewhere; and `python -m kinj` is the command."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from kinj.cli import progress
from kinj.data.rundir import RunDir


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "on_terminal", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress.training_progress() as report:
        for done in (1, 2):
            report("inject", done, 2, {"loss": 1.25})
    captured = capsys.readouterr()
    assert "inject" in captured.err
    assert "loss 1.250" in captured.err
    assert captured.out == ""


def test_plain_lines_elsewhere(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "on_terminal", lambda: False)
    with progress.training_progress() as report:
        for done in range(1, 101):
            report("inject", done, 100, {"loss": 1.0})
    assert capsys.readouterr().err == "inject: step 100 of 100, loss 1.0000\n"


def test_what_a_run_notes_is_said_when_a_stage_runs_and_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody should wait for the end of a long run to hear that nothing is replayed."""
    run = RunDir(tmp_path)
    run.event("notice", text="said by an earlier run")
    notes = progress.RunNotes(run, told=1)
    report = notes.with_each_stage(lambda *_: None)
    run.event("notice", text="no replay")
    report("inject", 1, 9, {})
    assert capsys.readouterr().err == "note: no replay\n"
    run.event("batching", layout="packed", why="tried out")
    report("inject", 2, 9, {})
    assert capsys.readouterr().err == ""
    report("questions", 1, 9, {})
    notes.tell()
    assert capsys.readouterr().err == "batching: packed, tried out\n"


@pytest.mark.parametrize(("term", "terminal"), [("xterm", True), ("dumb", False)])
def test_a_dumb_terminal_gets_plain_lines(term: str, terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", term)
    assert progress.on_terminal() is terminal


def test_python_m_kinj_is_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["kinj", "--version"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("kinj", run_name="__main__")
    assert not caught.value.code
    assert "torch" in capsys.readouterr().out
