"""The commands as users type them, in process, in an empty folder, on the embedded model and a handful of people."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kinj.cli.main import app

SMALL = [
    "data.biographies.people=6",
    "data.biographies.teachers=4",
    "train.stages.inject.epochs=null",
    "train.stages.inject.steps=4",
]


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@dataclass
class Commands:
    """Runs command lines in this process and keeps what the last one printed."""

    monkeypatch: pytest.MonkeyPatch
    out: str = ""
    err: str = ""

    def __call__(self, *arguments: str) -> int:
        self.monkeypatch.setattr(sys, "argv", ["kinj", *arguments])
        result = CliRunner().invoke(app, list(arguments))
        self.out, self.err = result.stdout, result.stderr
        return result.exit_code

    def json(self, *arguments: str) -> dict[str, Any]:
        """The object that a command prints with `--json`; the command must succeed."""
        assert self(*arguments, "--json") == 0, self.err
        lines = self.out.strip().splitlines()
        assert len(lines) == 1, self.out
        found: dict[str, Any] = json.loads(lines[0])
        return found


@pytest.fixture
def kinj(monkeypatch: pytest.MonkeyPatch) -> Commands:
    return Commands(monkeypatch)


def digest(run: Path) -> dict[str, str]:
    last = max((run / "checkpoints").iterdir())
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(last.iterdir())}


def test_train_then_eval_then_ask(kinj: Commands) -> None:
    trained = kinj.json("train", "--sam-rho", "0.05", *SMALL)
    assert (trained["steps"], trained["passes"]) == (4, 8)
    run = Path(trained["run"])
    names = ["config.yaml", "overrides.txt", "env.json", "events.jsonl", "metrics.jsonl", "doses.parquet"]
    names += ["summary.json", "README.md"]
    assert [name for name in names if not (run / name).exists()] == []
    evaluated = kinj.json("eval", "--probe", "biographies", "--probe", "retention", "eval.limit=60")
    assert "asking the latest run" in kinj.err
    probes = evaluated["results"][0]["probes"]
    assert {"recall", "reverse", "two_hop"} <= set(probes["biographies"]["measures"])
    assert probes["biographies"]["measures"]["recall"]["n"] == 36
    assert probes["biographies"]["prompt_overlap"]["share"] == 0
    assert {"known_replayed", "known_unreplayed"} <= set(probes["retention"]["measures"])
    assert (run / "predictions" / "biographies.jsonl").exists()
    asked = kinj.json("eval", str(run), "--ask", "Where was Nobody Atall Ever born?")
    assert [row["when"] for row in asked["asked"]] == ["before", "after"]


def test_the_wikidyk_stand_in_is_announced_and_kept_apart(kinj: Commands) -> None:
    kinj.json("train", *SMALL)
    results = kinj.json("eval", "--probe", "wikidyk")["results"][0]
    assert list(results["probes"]) == ["wikidyk-stand-in"]
    assert any("data.path" in notice for notice in results["notices"])


def test_eval_without_a_run_asks_the_embedded_model(kinj: Commands) -> None:
    kinj.json("eval", "--probe", "biographies", "eval.limit=12")
    assert "asking the embedded model tiny" in kinj.err


@pytest.mark.slow
def test_compare_reports_the_change_since_the_start_model(kinj: Commands) -> None:
    run = kinj.json("train", *SMALL)["run"]
    results = kinj.json("eval", run, "--compare", "--probe", "biographies")["results"]
    assert [result["before"] for result in results] == ["tiny"]
    assert "recall_change" in results[0]["probes"]["biographies"]["measures"]


def test_own_documents(kinj: Commands) -> None:
    Path("docs").mkdir()
    for i in range(3):
        Path(f"docs/{i}.md").write_text(f"Handbook page {i}. The office of team {i} is on floor {i + 2}.")
    assert kinj.json("train", "docs/", "train.stages.inject.epochs=2")["steps"] >= 1
    assert "nothing protects what the model knows" in kinj.err


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["refusal", "distill"])
def test_recipes_that_need_the_model_itself(recipe: str, kinj: Commands) -> None:
    stages = {"refusal": ("documents", "questions"), "distill": ("distill",)}[recipe]
    short = [f"train.stages.{stage}={{epochs: null, steps: 2}}" for stage in stages]
    people = ["data.biographies.people=4", "data.biographies.teachers=2"]
    assert kinj("train", f"train={recipe}", *people, *short, "--dry-run") == 0
    assert ("decided when the stage starts" in kinj.out) == (recipe == "refusal")
    run = Path(kinj.json("train", f"train={recipe}", *people, *short)["run"])
    assert (run / "selections" / "questions.train_questions.jsonl").exists() == (recipe == "refusal")


def test_an_existing_run_is_refused_without_overwrite_or_resume(kinj: Commands) -> None:
    kinj.json("train", *SMALL, "-o", "here")
    assert kinj("train", *SMALL, "-o", "here") == 2
    assert "--overwrite" in kinj.err
    kinj.json("train", *SMALL, "-o", "here", "--overwrite")


def test_resume_with_other_settings_is_refused_with_the_difference(kinj: Commands) -> None:
    kinj.json("train", *SMALL, "-o", "here")
    assert kinj("train", "-o", "here", "--resume", "optim.lr=0.5") == 2
    assert "optim.lr" in kinj.err
    assert "now 0.5" in kinj.err
    assert kinj("train", "-o", "here", "--resume-anyway", "optim.lr=0.5", "train.probe_every=3") == 2
    assert "what is learned depends on optim.lr" in kinj.err
    assert "train.probe_every  was None, now 3" in kinj.err


def test_a_run_that_replaced_another_can_be_resumed_and_repeated(kinj: Commands) -> None:
    """`--overwrite` was meant for the call that began it, not for those that read its settings."""
    kinj.json("train", *SMALL, "-o", "here", "--overwrite", "train.checkpoint_every=2")
    assert "overwrite: true" not in Path("here/config.yaml").read_text()
    kinj.json("train", "-o", "here", "--resume")
    assert "nothing was left to train: all 4 steps had been taken" in kinj.err
    assert kinj("train", "-c", "here/config.yaml", "-o", "here") == 2  # repeats it somewhere, but not over it
    assert "--overwrite" in kinj.err
    # Runs of earlier versions kept it.
    config = Path("here/config.yaml")
    config.write_text(config.read_text().replace("overwrite: false", "overwrite: true"))
    assert "overwrite: true" in config.read_text()
    kinj.json("train", "-o", "here", "--resume")


@pytest.mark.slow
def test_harmless_settings_may_change_where_that_is_asked_for(kinj: Commands) -> None:
    kinj.json("train", *SMALL, "-o", "here")
    typed = ("-o", "here", "train.keep_checkpoints=5")
    assert kinj("train", *typed, "--resume") == 2
    assert "--resume-anyway" in kinj.err
    kinj.json("train", *typed, "--resume-anyway")
    assert "resumed with other settings: train.keep_checkpoints  was 2, now 5" in kinj.err
    kinj.json("train", *typed, "--resume")  # it is the run's own setting now
    assert "resumed with other settings" not in kinj.err  # that was said the last time
    assert kinj.err.count("batching: ") == 1


def test_a_probe_on_the_way_that_cannot_be_measured_says_so(kinj: Commands) -> None:
    Path("own.jsonl").write_text(json.dumps({"text": "Ada was born in Rome. She likes it."}) + "\n")
    own = ("own.jsonl", "train=cpt", "train.stages.documents.epochs=2", "train.probes=[qa]", "train.probe_every=1")
    kinj.json("train", *own)
    assert kinj.err.count("note: probes on the way: qa: not measured: ") == 1
    assert kinj("train", *own, "train.stop.measure=qa/recall", "train.stop.target=1") == 2
    assert "qa/recall was not measured" in kinj.err
    assert "note: probes on the way: qa: not measured: " in kinj.err


def test_a_resumed_run_says_that_its_last_checkpoint_is_damaged(kinj: Commands) -> None:
    kinj.json("train", *SMALL, "-o", "here", "train.checkpoint_every=2")
    Path("here/checkpoints/step-000004/model.safetensors").unlink()
    Path("here/summary.json").unlink()
    assert kinj.json("train", "-o", "here", "--resume")["steps"] == 4
    assert "step-000004 is damaged (model.safetensors is missing)" in kinj.err


@pytest.mark.parametrize("arguments", [["--resume"], ["--resume", "-o", "nowhere"]])
def test_nothing_to_resume(arguments: list[str], kinj: Commands) -> None:
    assert kinj("train", *arguments) == 2
    assert "resume" in kinj.err


def test_dry_run_writes_nothing_and_tells_the_cost(kinj: Commands, tmp_path: Path) -> None:
    assert kinj("train", *SMALL, "--sam-rho", "0.1", "--dry-run") == 0
    assert "optim.sam.rho" in kinj.out
    assert "--sam-rho" in kinj.out
    assert "4 steps, 8 passes" in kinj.out
    assert "batching  packed: tried out" in kinj.out
    told = kinj.json("train", *SMALL, "--dry-run")
    (stage,) = told["stages"]
    assert (stage["steps"], stage["passes"]) == (4, 4)
    # Two products forward and four backward for every weight and token, but no product for the norms; attention comes on top.
    assert 0.9 < told["flops"] / (6 * told["parameters"] * stage["tokens"]) < 1.3
    assert told["peak_bytes"] > told["state_bytes"] > 16 * told["parameters"] - 1
    assert kinj("sweep", "seed=0,1", *SMALL, "--dry-run") == 0
    assert "2 trials" in kinj.out
    assert list(tmp_path.iterdir()) == []


def test_dry_run_of_an_evaluation_counts_what_would_be_asked(kinj: Commands, tmp_path: Path) -> None:
    asked = ["eval", "tiny", "--probe", "biographies", *SMALL[:2], "eval.limit=6"]
    (plan,) = kinj.json(*asked, "--probe", "sharpness", "--dry-run")["planned"]
    assert plan["seconds"] > 0 < plan["peak_bytes"]
    assert "sharpness: it looks into the network itself and asks nothing" in plan["notices"]
    assert list(tmp_path.iterdir()) == []
    assert kinj(*asked, "--dry-run") == 0
    assert f"probe     biographies: {plan['requests']['biographies']} requests" in kinj.out
    assert plan["requests"]["biographies"] == kinj.json(*asked)["results"][0]["probes"]["biographies"]["requests"]
    assert kinj("eval", "tiny", "data=wiki2023", "data.path=nowhere", "--dry-run") == 2
    assert "nowhere" in kinj.err


def test_missing_corpus_names_the_command_that_makes_one(kinj: Commands) -> None:
    assert kinj("train", "corpus.jsonl") == 2
    assert "kinj show data biographies -n 50 > corpus.jsonl" in kinj.err


def test_no_such_model(kinj: Commands) -> None:
    assert kinj("train", "--model", "tinny", *SMALL) == 2
    assert "did you mean tiny" in kinj.err


def test_a_sweep_without_its_data_does_not_start(kinj: Commands, tmp_path: Path) -> None:
    assert kinj("sweep", "seed=0,1", "data=wiki2023", "data.path=nowhere", "train=cpt") == 2
    assert "nowhere" in kinj.err
    assert list(tmp_path.iterdir()) == []


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
    "train.stages.inject.steps=14",
    "train.threads=1",
]


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)], ids=["ctrl-c", "kill"]
)
def test_interrupted_and_resumed_ends_with_the_same_bytes(
    number: signal.Signals, tmp_path: Path, kinj: Commands
) -> None:
    cut = start("train", *LONGER, "-o", "run", cwd=tmp_path)
    wait_for(lambda: (tmp_path / "run/checkpoints/step-000005").exists())
    cut.send_signal(number)
    _, err = cut.communicate()
    if number == signal.SIGINT:
        assert cut.returncode == 130
        assert b"--resume" in err
    assert kinj("train", "-o", "run", "--resume") == 0, kinj.err
    assert kinj("train", *LONGER, "-o", "whole") == 0, kinj.err
    assert digest(tmp_path / "run") == digest(tmp_path / "whole")
    assert (tmp_path / "run/metrics.jsonl").read_bytes() == (tmp_path / "whole/metrics.jsonl").read_bytes()


@pytest.mark.slow
def test_a_run_that_has_not_finished_is_asked_as_it_is_and_this_is_said(kinj: Commands) -> None:
    run = Path(kinj.json("train", *SMALL)["run"])
    lines = (run / "events.jsonl").read_text().splitlines(keepends=True)
    (run / "events.jsonl").write_text("".join(line for line in lines if json.loads(line)["kind"] != "finished"))
    (result,) = kinj.json("eval", str(run), "--probe", "biographies", "eval.limit=6")["results"]
    step = json.loads((run / "summary.json").read_text())["steps"]
    assert f"{run} is not finished: asked as it was after step {step}" in result["notices"]


@pytest.mark.slow  # tests/eval/test_eval_resume.py interrupts an evaluation in make test
def test_ctrl_c_while_asking_leaves_no_result_and_loses_no_answer(kinj: Commands) -> None:
    run = Path(kinj.json("train", *SMALL)["run"])
    asked = ["eval", str(run), "--probe", "biographies", "--probe", "retention", "eval.limit=400"]
    cut = start(*asked, cwd=Path())
    wait_for(lambda: (run / "predictions/biographies.jsonl").exists())
    cut.send_signal(signal.SIGINT)
    _, err = cut.communicate()
    assert cut.returncode == 130, err
    assert not (run / "results.json").exists()
    assert not (run / "predictions/retention.jsonl").exists()
    kept = (run / "cache/answers.jsonl").read_bytes()
    again = kinj.json(*asked)["results"][0]
    assert (run / "cache/answers.jsonl").read_bytes().startswith(kept)
    shutil.rmtree(run / "cache")
    assert kinj.json(*asked)["results"][0]["probes"] == again["probes"]


@pytest.mark.slow
def test_a_sweep_over_seeds_is_continued_after_ctrl_c_and_nothing_in_it_is_done_twice(
    kinj: Commands, tmp_path: Path
) -> None:
    typed = ["sweep", "seed=0,1", "-o", "both", *SMALL, "eval.limit=30"]
    cut = start(*typed, cwd=tmp_path)
    wait_for(lambda: any((tmp_path / "both/trials").glob("*/metrics.jsonl")))
    cut.send_signal(signal.SIGINT)
    _, err = cut.communicate()
    assert cut.returncode == 130, err
    assert not (tmp_path / "both/results.json").exists()
    finished = kinj.json(*typed)
    assert (finished["done"], finished["failed"]) == (2, 0)
    assert len(finished["groups"][0]["trials"]) == 2
    assert (tmp_path / "both/report.html").exists()
    assert kinj.json(*typed)["resumed"] == 2


def test_a_condition_and_a_sampler_choose_trials(kinj: Commands) -> None:
    grid = ["optim.sam.rho=0,0.05", "optim.sam.variant=sam,asam", "--dry-run"]
    wanted = 'optim.sam.rho > 0 or optim.sam.variant == "sam"'
    assert len(kinj.json("sweep", *grid)["trials"]) == 4
    assert kinj.json("sweep", *grid, "--where", wanted)["trials"] == [
        "optim.sam.rho=0.0, optim.sam.variant=sam",
        "optim.sam.rho=0.05, optim.sam.variant=sam",
        "optim.sam.rho=0.05, optim.sam.variant=asam",
    ]
    assert kinj("sweep", *grid, "--where", "seed > 5") == 2
    assert "leaves no trial" in kinj.err
    assert kinj("sweep", "optim.lr=1e-4..1e-2:log") == 2
    assert "sweep.sampler=random" in kinj.err
    assert len(kinj.json("sweep", "--dry-run")["trials"]) == 1
    assert "nothing is varied" in kinj.err
    drawn = ["optim.lr=1e-4..1e-2:log", "--sampler", "random", "sweep.points=3", "seed=0,1", "--dry-run"]
    assert len(kinj.json("sweep", *drawn)["trials"]) == 6


@pytest.mark.slow
def test_a_sampler_ends_where_a_condition_leaves_nothing_more(kinj: Commands) -> None:
    drawn = ["optim.lr=1e-4..1e-2:log", "--sampler", "random", "sweep.points=3", "seed=0,1", "--dry-run"]
    for sampler in ("random", "tpe"):
        drawn[2] = sampler
        assert kinj("sweep", *drawn, "--where", "optim.lr > 5") == 2
        assert "`optim.lr > 5` leaves no trial" in kinj.err
    listed = ["optim.lr=1e-4,1e-3,1e-2", "--sampler", "random", "--where", "optim.lr > 5e-4", "--dry-run"]
    assert kinj("sweep", *listed) == 0
    assert "2 trials; no more than 2 of the 20 points asked for were found" in kinj.out


@pytest.mark.slow
def test_a_search_names_the_best_point(kinj: Commands) -> None:
    typed = [
        "sweep",
        "optim.lr=1e-7,1e-2",
        "--sampler",
        "tpe",
        "sweep.points=2",
        "-o",
        "search",
        *SMALL,
        "eval.limit=30",
    ]
    found = kinj.json(*typed)
    assert (found["done"], found["search"]["tried"]) == (2, 2)
    assert kinj(*typed) == 0
    assert "best      optim.lr=" in kinj.out


def test_bad_lines_set_aside_make_the_exit_code_3(kinj: Commands) -> None:
    lines = [
        '{"text": "The office of team one is on floor two."}',
        '{"text": "broken',
        '{"text": "Team two is on floor three."}',
    ]
    Path("corpus.jsonl").write_text("\n".join(lines) + "\n")
    assert kinj("train", "corpus.jsonl", "train.stages.inject.epochs=1") == 1
    assert "corpus.jsonl line 2" in kinj.err
    assert not Path("runs/inject-001").exists()
    assert kinj("train", "corpus.jsonl", "train.stages.inject.epochs=1", "--on-error", "skip") == 3
    assert "1 line was set aside" in kinj.err
    assert list(Path("runs").rglob("*.rejected.jsonl"))


@pytest.mark.slow
def test_adapters_are_trained_merged_afterwards_and_asked(kinj: Commands) -> None:
    assert kinj("train", "-o", "lora", "model.lora.rank=2", *SMALL) == 0, kinj.err
    before = digest(Path("lora"))
    assert "adapter_model.safetensors" in before
    assert kinj("train", "-o", "lora", "--resume", "model.lora.merge=true") == 2
    assert "--resume-anyway" in kinj.err
    assert kinj("train", "-o", "lora", "--resume-anyway", "model.lora.merge=true") == 0, kinj.err
    assert "merged model: lora/merged" in kinj.err
    assert digest(Path("lora")) == before
    found = [kinj.json("eval", name, "--ask", "Who pays?")["asked"][-1]["answer"] for name in ("lora", "lora/merged")]
    assert found[0] == found[1]
    assert kinj("train", "model.lora.merge=true", *SMALL) == 2
    assert "there are no adapters to merge" in kinj.err
