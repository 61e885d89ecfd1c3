"""`kinj runs` as typed: what the screen and `--json` say, and that nothing heavy is needed for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from kinj.cli.pipeline import new_run, stopped
from kinj.config import load
from kinj.config.errors import InterruptError, KinjError, UnfinishedError
from kinj.data.rundir import RunDir
from kinj.report.runs import show_comparison, show_runs
from tests.cli.conftest import Kinj
from tests.sweep.test_sweep_comparing import run


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_nothing_yet(kinj: Kinj) -> None:
    done = kinj("runs")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "there is no folder runs/ here yet" in done.stderr
    assert json.loads(kinj("runs", "--json").stdout)["runs"] == []
    Path("runs").mkdir()
    assert "no runs" in kinj("runs").stderr
    assert kinj("runs", "nowhere").exit_code == 2


def test_a_list(kinj: Kinj) -> None:
    run(Path("runs/a"), "optim.sam.rho=0.05", recall=0.9, passes=200)
    run(Path("runs/b"))
    Path("runs/b/results.json").write_text("{")
    lines = kinj("runs", "--sort", "path").stdout.splitlines()
    assert lines[0].split() == ["run", "state", "model", "data", "recipe", "result", "passes", "time", "last", "change"]
    assert lines[1].startswith("runs/a  finished  scratch  biographies  inject  recall 85.0 % [75.0, 95.0]  200")
    assert lines[2].startswith("runs/b  damaged ")
    assert lines[3].startswith("damaged: runs/b: results.json cannot be used")
    found = json.loads(kinj("runs", "list", "runs", "--state", "finished", "--json").stdout)
    assert (found["command"], [row["path"] for row in found["runs"]]) == ("runs list", ["runs/a"])
    assert kinj("runs", "--where", "optim.sam.rho > 1").stderr.strip() == "no such runs"
    assert "compare" in kinj("runs", "--help").stdout


def test_a_sweep_that_was_cut_short_has_no_table_yet(capsys: pytest.CaptureFixture[str]) -> None:
    row = {
        **dict.fromkeys(("model", "data", "recipe", "best", "time", "share")), "kind": "sweep", "path": "runs/s",
        "state": "interrupted", "why": "interrupted", "results": [], "cost": {},
        "trials": {"total": 2, "finished": 1, "interrupted": 1},
    }  # fmt: skip
    show_runs([row])
    said = capsys.readouterr().out
    assert "no table yet" in said
    assert "interrupted: " not in said
    show_runs([row | {"trials": {"total": 2, "interrupted": 2}, "why": "its machine was lost"}])
    said = capsys.readouterr().out
    assert "not measured" in said
    assert "interrupted: runs/s: its machine was lost" in said


def test_a_comparison(kinj: Kinj) -> None:
    a = run(Path("runs/a"), "optim.sam.rho=0.05", recall=0.9, passes=200)
    b = run(Path("runs/b"), recall=0.2, environment={"cpu": "two"})
    lines = [" ".join(line.split()) for line in kinj("runs", "compare", str(a), str(b)).stdout.splitlines()]
    assert "optim.sam.rho 0.05 0.0" in lines
    assert any(line.startswith("biographies.recall 85.0 % [75.0, 95.0]") and "points [" in line for line in lines)
    assert "passes 200 100 2×" in lines
    assert "cpu one two" in lines
    assert any(line.startswith("difference of recall (could have seen") for line in lines)
    found = json.loads(kinj("runs", "compare", str(a), str(b), "--json").stdout)
    assert list(found)[2:] == ["runs", "settings", "results", "cost", "environment", "notices"]
    same = kinj("runs", "compare", str(a), str(a)).stdout
    assert "settings: no difference" in same
    assert "environment: no difference" in same


def test_lines_are_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    row = {
        "path": "runs/" + "long" * 60,
        "kind": "trial",
        "state": "interrupted",
        "why": "[bold] is no markup",
        "time": None,
        "share": 0.25,
        "model": None,
        "data": None,
        "recipe": None,
        "arm": None,
        "overrides": ["optim.lr=[0.1]"],
        "results": [],
        "cost": {},
        "trials": None,
        "best": None,
    }
    console = Console(width=40, highlight=False, markup=False)
    show_runs([row], console)
    text = capsys.readouterr().out
    assert "long" * 60 + "  optim.lr=[0.1]" in text
    assert "interrupted 25%" in text
    assert "[bold] is no markup" in text
    sweep = row | {"kind": "sweep", "trials": {"total": 3, "interrupted": 2, "failed": 1}, "best": "x=1"}
    show_runs([sweep], console)
    assert "interrupted 2 of 3, 1 failed" in capsys.readouterr().out
    nothing = {"runs": [row, row], "settings": [], "results": [], "cost": [], "environment": [], "notices": ["a note"]}
    show_comparison(nothing, console)
    assert "nothing was measured" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "state", "why"),
    [
        (KinjError("the loss is not finite", "a hint"), "failed", "the loss is not finite\n  a hint"),
        (RuntimeError(), "failed", "RuntimeError"),
        (KeyboardInterrupt(), "interrupted", None),
        (UnfinishedError("the endpoint fails"), "interrupted", None),
    ],
    ids=["content", "a fault", "Ctrl-C", "an endpoint"],
)
def test_a_run_that_stops_says_why(error: BaseException, state: str, why: str | None, tmp_path: Path) -> None:
    directory = RunDir.create(tmp_path / "run")
    stopped(directory, error)
    (event,) = directory.events()
    assert (event["kind"], event["state"], event.get("error")) == ("stopped", state, why)


def test_a_run_that_is_interrupted_before_its_first_step_leaves_nothing_and_does_not_speak_of_resuming(
    tmp_path: Path,
) -> None:
    settings = load("train", [f"run.dir={tmp_path / 'run'}"], environ={}).settings
    with pytest.raises(InterruptError, match="the same command starts it again"), new_run(settings, "a"):
        raise KeyboardInterrupt
    assert not (tmp_path / "run").exists()
    with pytest.raises(KeyboardInterrupt), new_run(settings, "a") as begun:
        _step_and_stop(begun)
    assert (tmp_path / "run" / "config.yaml").exists()


def _step_and_stop(begun: RunDir) -> None:
    begun.metric(step=1, loss=1.0)
    raise KeyboardInterrupt


def test_torch_is_not_needed(tmp_path: Path) -> None:
    run(tmp_path / "runs" / "a")
    run(tmp_path / "runs" / "b")
    script = (
        "import sys; from kinj.sweep.listing import list_runs;"
        "from pathlib import Path; assert len(list_runs([Path('runs')])) == 2;"
        "assert not {'torch', 'scipy', 'pandas', 'matplotlib'} & set(sys.modules), 'a list needs files only';"
        "from kinj.sweep.comparing import compare_runs; compare_runs([Path('runs/a'), Path('runs/b')]); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)


def test_an_evaluation_that_fails_says_why(kinj: Kinj, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise KinjError("the disk is full")

    monkeypatch.setattr("kinj.eval.run.evaluate", fails)
    assert kinj("eval", "tiny").exit_code == 1
    (found,) = json.loads(kinj("runs", "--json").stdout)["runs"]
    assert (found["state"], found["why"], found["model"]) == ("failed", "the disk is full", "tiny")
