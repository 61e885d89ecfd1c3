"""What all commands share: flags are short names of keys, errors are messages, exit codes and JSON are as documented."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from kinj.cli import common
from kinj.config.errors import FAILED, INTERRUPTED, PARTLY, USAGE, InterruptError, KinjError, UsageError

Fake = Callable[..., None]
Kinj = Callable[..., Any]


class Recorder:
    """Stands for what a command starts: keeps what it was called with."""

    def __init__(self, outcome: Any = None) -> None:
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self.outcome = outcome

    def __call__(self, *args: Any, **kwargs: Any) -> int | None:
        self.calls.append((args, kwargs))
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome

    @property
    def loaded(self) -> Any:
        return self.calls[0][0][0]


@pytest.fixture
def workflow(fake: Fake) -> Recorder:
    recorder = Recorder()
    fake("kinj.cli.workflow", train_run=recorder, eval_models=recorder)
    fake("kinj.cli.sweeping", run_sweep=recorder)
    return recorder


FLAGS = [
    (("train", "--lr", "1e-4"), "optim.lr", 1e-4, "--lr"),
    (("train", "--sam-rho", "0.05"), "optim.sam.rho", 0.05, "--sam-rho"),
    (("train", "--seed", "0"), "seed", 0, "--seed"),
    (("train", "--model", "tiny-plain"), "model.name", "tiny-plain", "--model"),
    (("train", "-o", "x"), "run.dir", "x", "--output"),
    (("train", "--overwrite"), "run.overwrite", True, "--overwrite"),
    (("train", "--resume"), "run.resume", True, "--resume"),
    (("train", "--on-error", "skip"), "run.on_error", "skip", "--on-error"),
    (("train", "docs/", "b.jsonl"), "data.documents", ["docs/", "b.jsonl"], "argument"),
    (("train", "--data", "docs/"), "data.documents", ["docs/"], "--data"),
    (("train", "docs/"), "data.name", "corpus", "conf/data/corpus.yaml:3"),
    (("train", "docs/", "data=squad"), "data.name", "squad", "conf/data/squad.yaml:3"),
    (("eval", "--probe", "qa", "--probe", "wikidyk"), "eval.probes", ["qa", "wikidyk"], "--probe"),
    (("eval", "--normalizer", "exact"), "eval.normalizer", "exact", "--normalizer"),
    (("sweep", "--engine", "local", "--workers", "2"), "sweep.workers", 2, "--workers"),
    (("sweep", "--law", "collapse"), "sweep.law", "collapse", "--law"),
    (("train", "optim.lr=1e-5"), "optim.lr", 1e-5, "command line"),
    (("train", "optim.lr=1e-5", "--lr", "1e-2"), "optim.lr", 1e-2, "--lr"),
]


@pytest.mark.parametrize(("typed", "key", "value", "origin"), FLAGS, ids=[" ".join(row[0]) for row in FLAGS])
def test_flag_is_a_short_name_of_a_key(
    typed: tuple[str, ...], key: str, value: Any, origin: str, workflow: Recorder, kinj: Kinj
) -> None:
    from kinj.config.build import flatten

    result = kinj(*typed)
    assert result.exit_code == 0, result.stderr
    assert flatten(workflow.loaded.settings)[key] == value
    assert workflow.loaded.origins[key] == origin


def test_settings_file_by_flag(workflow: Recorder, kinj: Kinj, tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("optim.lr: 5e-5\n")
    assert kinj("train", "-c", str(path)).exit_code == 0
    assert workflow.loaded.origins["optim.lr"] == f"{path}:1"


def test_inputs_of_eval_are_models_and_of_sweep_a_space(workflow: Recorder, kinj: Kinj) -> None:
    assert kinj("eval", "runs/a", "gpt2", "eval.limit=3", "--ask", "Who?", "--compare").exit_code == 0
    assert workflow.calls[0][0][1] == ["runs/a", "gpt2"]
    assert workflow.calls[0][1] == {
        "ask": ["Who?"],
        "compare": True,
        "dry_run": False,
        "as_json": False,
        "export": None,
        "details": False,
    }
    assert kinj("sweep", "seed=0,1", "optim.lr=1e-4", "--json").exit_code == 0
    assert workflow.calls[1][0][1] == {"seed": [0, 1]}
    assert workflow.calls[1][0][0].settings.optim.lr == 1e-4


def test_arguments_with_a_path_are_inputs() -> None:
    typed = ["a.jsonl", "optim.lr=1", "./a=b.jsonl", "hf:x/y:train", "train=pit", "/data/x=1"]
    assert common.split_arguments(typed) == (
        ["a.jsonl", "./a=b.jsonl", "hf:x/y:train", "/data/x=1"],
        ["optim.lr=1", "train=pit"],
    )
    assert common.split_arguments(None) == ([], [])


@pytest.mark.parametrize("typed", [["train", "a run"], ["train", "--resume", "a run"], ["augment", "a run"]])
def test_a_run_is_not_taken_for_a_folder_of_documents(kinj: Kinj, tmp_path: Path, typed: list[str]) -> None:
    run = tmp_path / "a run"
    run.mkdir()
    for name in ("config.yaml", "events.jsonl", "README.md"):
        (run / name).touch()
    done = kinj(*typed[:-1], str(run))
    assert done.exit_code == 2
    assert f"{run} is a run, not documents" in done.stderr
    assert f"kinj train -o '{run}' --resume" in done.stderr


def test_warning_is_printed_once_on_stderr(workflow: Recorder, kinj: Kinj) -> None:
    result = kinj("train", "optim.sam.every=3")
    assert result.stdout == ""
    assert result.stderr.count("warning: optim.sam.every = 3 (command line) has no effect: SAM is off") == 1


OUTCOMES = [
    (None, 0, ""),
    (PARTLY, PARTLY, ""),
    (
        KinjError("the loss is not finite", "lower optim.lr"),
        FAILED,
        "error: the loss is not finite\n  lower optim.lr\n",
    ),
    (UsageError("x: no such file"), USAGE, "error: x: no such file\n"),
    (
        InterruptError("stopped", "continue with: kinj train -o r --resume"),
        INTERRUPTED,
        "stopped\n  continue with: kinj train",
    ),
    (KeyboardInterrupt(), INTERRUPTED, "interrupted\n  continue with: kinj train 'model.prompt={prompt}' --resume\n"),
    (PermissionError(13, "Permission denied", "out"), FAILED, "error: out: Permission denied\n"),
    (OSError(28, "No space left on device"), FAILED, "error: the system: No space left on device\n"),
    (
        ModuleNotFoundError("no peft", name="peft"),
        FAILED,
        "error: the package peft is not installed\n  pip install peft\n",
    ),
    (ZeroDivisionError("oops"), FAILED, "error: unexpected ZeroDivisionError: oops\n  this is a fault in kinj"),
    (BrokenPipeError(), 0, ""),
]


@pytest.mark.parametrize(("outcome", "code", "text"), OUTCOMES, ids=[repr(row[0]) for row in OUTCOMES])
def test_outcome_becomes_exit_code_and_message(
    outcome: Any, code: int, text: str, workflow: Recorder, kinj: Kinj, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common, "_discard_output", lambda: None)
    workflow.outcome = outcome
    result = kinj("train", "model.prompt={prompt}")
    assert result.exit_code == code
    assert result.stderr.startswith(text)
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_debug_shows_the_traceback_without_values(workflow: Recorder, kinj: Kinj) -> None:
    workflow.outcome = ZeroDivisionError("oops")
    result = kinj("train", "--debug", "data.path=token-abc")
    assert "Traceback" in result.stderr
    assert "ZeroDivisionError: oops" in result.stderr
    assert "token-abc" not in result.stderr.replace("data.path = token-abc", "")
    assert result.exit_code == FAILED


def test_wrong_settings_exit_2_and_name_all_problems(kinj: Kinj) -> None:
    result = kinj("train", "optim.sam.rhoo=0.1", "data=biografies")
    assert result.exit_code == USAGE
    assert "error: 2 problems in the settings; nothing was started" in result.stderr
    assert "did you mean optim.sam.rho?" in result.stderr
    assert result.stdout == ""


def test_errors_are_json_too(kinj: Kinj) -> None:
    result = kinj("train", "optim.sam.rhoo=0.1", "--json")
    found = json.loads(result.stdout)
    assert (found["schema"], found["command"], found["error"]["exit_code"]) == (1, "train", USAGE)
    assert found["error"]["problems"] == [
        {"key": "optim.sam.rhoo", "origin": "command line", "text": "no such setting; did you mean optim.sam.rho?"}
    ]


def test_unknown_flag_exits_2(kinj: Kinj) -> None:
    assert kinj("train", "--nope").exit_code == USAGE
    assert kinj("nope").exit_code == USAGE
    assert kinj("train", "--lr", "fast").exit_code == USAGE


def test_sweep_wants_keys_and_values(kinj: Kinj) -> None:
    result = kinj("sweep", "corpus.jsonl")
    assert result.exit_code == USAGE
    assert "`corpus.jsonl` is not KEY=V1,V2" in result.stderr


def test_nan_is_never_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="JSON"):
        common.emit("train", loss=float("nan"))
    assert capsys.readouterr().out == ""


def test_command_that_exits_keeps_its_code() -> None:
    @common.command("x")
    def leave() -> None:
        raise typer.Exit(5)

    with pytest.raises(typer.Exit) as caught:
        leave()
    assert caught.value.exit_code == 5


def test_changes_are_a_table_of_key_value_origin() -> None:
    from kinj.config import load

    loaded = load("train", ["optim.lr=1e-4", "model.prompt=Q {prompt}\nA"], environ={})
    lines = common.changes(loaded).splitlines()
    assert lines[0].startswith("settings (changed from their defaults: 2;")
    assert lines[1].split() == ["model.prompt", '"Q', '{prompt}\\nA"', "command", "line"]
    assert lines[2].split() == ["optim.lr", "0.0001", "command", "line"]
    assert "all at their defaults" in common.changes(load("train", environ={}))
    assert common.table([]) == []


def test_ctrl_c_in_a_real_process_says_how_to_continue(tmp_path: Path) -> None:
    """A command that waits is interrupted: exit code 130, the command to continue with, no traceback."""
    script = tmp_path / "waits.py"
    script.write_text(
        "import sys, time, types\n"
        "def train_run(*args, **kwargs):\n    print('waiting', flush=True)\n    time.sleep(60)\n"
        "module = types.ModuleType('kinj.cli.workflow')\nmodule.train_run = train_run\n"
        "sys.modules['kinj.cli.workflow'] = module\n"
        "import kinj.cli\nkinj.cli.workflow = module\n"
        "from kinj.cli.main import main\nmain()\n"
    )
    process = subprocess.Popen(
        [sys.executable, str(script), "train", "-o", "my run"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == INTERRUPTED
    assert stderr == "interrupted\n  continue with: kinj train -o 'my run' --resume\n"


def test_version_names_what_matters(kinj: Kinj, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import PackageNotFoundError

    assert kinj("--version").stdout.splitlines()[0].startswith("kinj ")

    def missing(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr("importlib.metadata.version", missing)
    assert kinj("--version").stdout.splitlines()[1:] == ["torch not installed", "transformers not installed"]
