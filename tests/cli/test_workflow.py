"""The commands as users type them, in process, in an empty folder, on the embedded model and a handful of people."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from kinj.cli.main import main

SMALL = [
    "data.biographies.people=6",
    "data.biographies.teachers=4",
    "train.stages.inject.epochs=null",
    "train.stages.inject.steps=4",
]


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def kinj(*arguments: str) -> int:
    """Runs a command line; returns the exit code."""
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    return int(caught.value.code or 0)


def output(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], str]:
    """What `--json` printed, and stderr."""
    captured = capsys.readouterr()
    lines = captured.out.strip().splitlines()
    assert len(lines) == 1, captured.out + captured.err
    return json.loads(lines[0]), captured.err


def digest(run: Path) -> dict[str, str]:
    last = max((run / "checkpoints").iterdir())
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(last.iterdir())}


def test_train_then_eval_then_ask(capsys: pytest.CaptureFixture[str]) -> None:
    assert kinj("train", "--sam-rho", "0.05", *SMALL, "--json") == 0
    trained, _ = output(capsys)
    assert trained["steps"] == 4
    assert trained["passes"] == 8
    run = Path(trained["run"])
    for name in (
        "config.yaml",
        "overrides.txt",
        "env.json",
        "events.jsonl",
        "metrics.jsonl",
        "doses.parquet",
        "summary.json",
        "README.md",
    ):
        assert (run / name).exists(), name
    assert kinj("eval", "--json", "--probe", "biographies", "--probe", "retention") == 0
    evaluated, err = output(capsys)
    assert "asking the latest run" in err
    probes = evaluated["results"][0]["probes"]
    assert {"recall", "reverse", "two_hop"} <= set(probes["biographies"]["measures"])
    assert probes["biographies"]["measures"]["recall"]["n"] == 36
    assert probes["biographies"]["prompt_overlap"]["share"] == 0
    assert {name for name in probes["retention"]["measures"] if "replayed" in name}
    assert (run / "predictions" / "biographies.jsonl").exists()
    assert kinj("eval", str(run), "--ask", "Where was Nobody Atall Ever born?", "--json") == 0
    asked, _ = output(capsys)
    assert [row["when"] for row in asked["asked"]] == ["before", "after"]


def test_the_wikidyk_stand_in_is_announced_and_kept_apart(capsys: pytest.CaptureFixture[str]) -> None:
    assert kinj("train", *SMALL, "--json") == 0
    output(capsys)
    assert kinj("eval", "--probe", "wikidyk", "--json") == 0
    evaluated, err = output(capsys)
    results = evaluated["results"][0]
    assert list(results["probes"]) == ["wikidyk-stand-in"]
    assert any("data.path" in notice or "--data" in notice for notice in results["notices"])


def test_eval_without_a_run_asks_the_embedded_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert kinj("eval", "--probe", "biographies", "eval.limit=12", "--json") == 0
    _, err = output(capsys)
    assert "asking the embedded model tiny" in err


def test_compare_reports_the_change_since_the_start_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert kinj("train", *SMALL, "--json") == 0
    run = output(capsys)[0]["run"]
    assert kinj("eval", run, "--compare", "--probe", "biographies", "--json") == 0
    results = output(capsys)[0]["results"]
    assert len(results) == 1
    assert results[0]["before"] == "tiny"


def test_own_documents(capsys: pytest.CaptureFixture[str]) -> None:
    Path("docs").mkdir()
    for i in range(3):
        Path(f"docs/{i}.md").write_text(f"Handbook page {i}. The office of team {i} is on floor {i + 2}.")
    assert kinj("train", "docs/", "train.stages.inject.epochs=2", "--json") == 0
    trained, err = output(capsys)
    assert trained["steps"] >= 1
    assert "nothing protects what the model knows" in err


def test_an_existing_run_is_refused_without_overwrite_or_resume(capsys: pytest.CaptureFixture[str]) -> None:
    assert kinj("train", *SMALL, "-o", "here", "--json") == 0
    capsys.readouterr()
    assert kinj("train", *SMALL, "-o", "here") == 2
    assert "--overwrite" in capsys.readouterr().err
    assert kinj("train", *SMALL, "-o", "here", "--overwrite", "--json") == 0


def test_resume_with_other_settings_is_refused_with_the_difference(capsys: pytest.CaptureFixture[str]) -> None:
    assert kinj("train", *SMALL, "-o", "here", "--json") == 0
    capsys.readouterr()
    assert kinj("train", "-o", "here", "--resume", "optim.lr=0.5") == 2
    err = capsys.readouterr().err
    assert "optim.lr" in err
    assert "was 0.001" in err


@pytest.mark.parametrize("arguments", [["--resume"], ["--resume", "-o", "nowhere"]])
def test_nothing_to_resume(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert kinj("train", *arguments) == 2
    assert "resume" in capsys.readouterr().err


def test_dry_run_writes_nothing_and_tells_the_cost(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert kinj("train", *SMALL, "--sam-rho", "0.1", "--dry-run") == 0
    out = capsys.readouterr().out
    assert "optim.sam.rho" in out
    assert "--sam-rho" in out
    assert "4 steps, 8 passes" in out
    assert kinj("train", *SMALL, "--dry-run", "--json") == 0
    assert output(capsys)[0]["stages"][0]["steps"] == 4
    assert kinj("eval", "tiny", "--dry-run") == 0
    assert list(tmp_path.iterdir()) == []


def test_missing_corpus_names_the_command_that_makes_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert kinj("train", "corpus.jsonl") == 2
    assert "kinj show data biographies -n 50 > corpus.jsonl" in capsys.readouterr().err


def test_no_such_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert kinj("train", "--model", "tinny", *SMALL) == 2
    assert "did you mean tiny" in capsys.readouterr().err


def start(*arguments: str, cwd: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "kinj", *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )


def wait_for(condition: Any, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


LONGER = [
    "experiment=smoke",
    "data.biographies.people=6",
    "train.stages.inject.steps=40",
    "train.threads=1",
    "-o",
    "run",
]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill"])
def test_interrupted_and_resumed_ends_with_the_same_bytes(number: signal.Signals, tmp_path: Path) -> None:
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    whole = start("train", *LONGER, cwd=tmp_path / "whole")
    assert whole.wait() == 0, whole.stderr and whole.stderr.read()
    cut = start("train", *LONGER, cwd=tmp_path / "cut")
    wait_for(lambda: (tmp_path / "cut/run/checkpoints/step-000005").exists())
    cut.send_signal(number)
    _, err = cut.communicate()
    if number == signal.SIGINT:
        assert cut.returncode == 130
        assert b"--resume" in err
    again = start("train", "-o", "run", "--resume", cwd=tmp_path / "cut")
    assert again.wait() == 0, again.stderr and again.stderr.read()
    assert digest(tmp_path / "cut/run") == digest(tmp_path / "whole/run")
    metrics = [(tmp_path / name / "run/metrics.jsonl").read_bytes() for name in ("cut", "whole")]
    assert metrics[0] == metrics[1]
