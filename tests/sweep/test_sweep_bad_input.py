"""What a user can do wrong with a sweep, and what machines do to it: said before anything runs, or survived."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kinj.cli.main import app
from kinj.config.errors import KinjError, UsageError
from kinj.data import writers
from kinj.data.rundir import RunDir
from kinj.sweep import identity, worker
from kinj.sweep.ledger import FileLedger, read_states
from kinj.sweep.record import note_process
from kinj.sweep.run import SweepResult
from kinj.sweep.worker import attempt

Start = Callable[..., SweepResult]


@pytest.fixture
def kinj(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command line in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["kinj", *arguments])
        return CliRunner().invoke(app, list(arguments))

    return run


TYPED: dict[str, tuple[list[str], list[str]]] = {
    "no values": (["optim.lr="], ["optim.lr", "has no value"]),
    "nothing but commas": (["seed=,"], ["seed", "has no value"]),
    "a range that counts down": (["seed=3..1"], ["seed=3..1 is no range", "the smaller number comes first"]),
    "a condition that leaves nothing": (["seed=0,1", "--where", "seed > 5"], ["`seed > 5` leaves no trial"]),
    "wrong types, all at once": (
        ["optim.lr=0.1,fast", "seed=0,1.5", "train.stages.inject.steps=5,-1"],
        ["3 problems", "fast is not a number", "1.5 is not a whole number", "steps must be 1 or more, got -1"],
    ),
    "a name that is none, at the end of a list": (["optim.sam.variant=sam,sham"], ["one of sam, asam", "got sham"]),
    "no such size": (["model=scratch", "model.size=1M,huge"], ["size must be a number", "got huge"]),
    "a law of a folder that is not there": (["nowhere", "--law", "capacity"], ["no sweep in nowhere: no such folder"]),
    "a word that is no setting": (["seeds"], ["`seeds` is not KEY=V1,V2, and no folder of a sweep"]),
    "a corpus that is not there": (["data=corpus", "data.documents=[a.jsonl],[b.jsonl]"], ["a.jsonl does not exist"]),
}


@pytest.mark.parametrize("name", TYPED)
def test_mistakes_are_said_before_anything_runs(
    name: str, kinj: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, phrases = TYPED[name]
    monkeypatch.setattr("kinj.sweep.executor.LocalExecutor.submit", lambda *_: pytest.fail("a trial was started"))
    done = kinj("sweep", *arguments)
    assert done.exit_code == 2, done.stderr
    assert [phrase for phrase in phrases if phrase not in done.stderr] == []
    assert not (tmp_path / "runs").exists()


def calls(result: SweepResult) -> int:
    """How many attempts were made at all trials in a sweep's folder."""
    return sum(len(path.read_text().splitlines()) for path in result.folder.glob("trials/*/calls"))


def test_another_sweep_is_refused_with_what_is_other(start: Start, tmp_path: Path) -> None:
    start({"seed": [0, 1]}, "good")
    before = (tmp_path / "sweep" / "sweep.yaml").read_bytes()
    with pytest.raises(UsageError, match="holds another sweep") as caught:
        start({"seed": [0, 1]}, "good", over={"data.biographies.people": 7, "optim.lr": 0.002})
    assert "data.biographies.people  was" in caught.value.hint
    assert "optim.lr  was 0.005, is 0.002" in caught.value.hint
    assert "--overwrite" in caught.value.hint
    assert (tmp_path / "sweep" / "sweep.yaml").read_bytes() == before
    assert start({"seed": [0]}, "good", over={"optim.lr": 0.002, "run.overwrite": True}).resumed == 0


def test_more_values_are_the_same_sweep(start: Start) -> None:
    start({"seed": [0, 1], "optim.lr": [0.005, 0.006]}, "good")
    larger = start({"seed": [0, 1, 2], "optim.lr": [0.005, 0.006, 0.007]}, "good")
    assert (larger.resumed, larger.done, calls(larger)) == (4, 9, 9)
    assert larger.table["notices"] == []
    other_axis = start({"seed": [0], "optim.weight_decay": [0.0, 0.5]}, "good", over={"optim.lr": 0.005})
    assert other_axis.done == 2
    only_new = start({"seed": [5]}, "good", over={"optim.lr": 0.008})  # a single value of what was varied before
    assert only_new.done == 1
    assert "more trials in" in only_new.table["notices"][-1]
    assert "left out of this table" in only_new.table["notices"][-1]


def test_an_edited_input_makes_its_trials_anew(start: Start, tmp_path: Path) -> None:
    corpus, other = tmp_path / "corpus.jsonl", tmp_path / "other.jsonl"
    for file in (corpus, other):
        file.write_text(json.dumps({"id": "a", "text": file.name}) + "\n")
    space = {"data.documents": [[str(corpus)], [str(other)]], "seed": [0, 1]}
    over = {"data": "corpus"}
    first = start(space, "good", over=over)
    assert (first.done, calls(first)) == (4, 4)
    corpus.write_text('{"id": "a", "text": "edited"}\n')
    again = start(space, "good", over=over)
    assert (again.done, again.resumed, calls(again)) == (4, 2, 6)
    (notice,) = again.table["notices"]
    assert notice.startswith("2 more trials in")
    assert "input that was edited since" in notice


def test_trials_of_another_schema_are_kept_apart_and_said(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    first = start({"seed": [0, 1]}, "versioned")
    monkeypatch.setattr(identity, "SCHEMA", identity.SCHEMA + 1)
    again = start({"seed": [0, 1]}, "versioned")
    assert (again.done, again.resumed, calls(again)) == (2, 0, 4)
    (notice,) = again.table["notices"]
    assert notice.startswith(f"2 trials in {again.folder} were made by another version of kinj")
    old, new = ({trial["trial"] for trial in result.table["groups"][0]["trials"]} for result in (first, again))
    assert old.isdisjoint(new)


@pytest.mark.parametrize(
    ("content", "phrase"),
    [
        ('{"schema": 2, "probes": {}}', "another version of kinj wrote"),
        ('{"schema": 1, "pro', "is damaged"),
        ('{"schema": 1}', "is damaged"),
        ("[]", "is damaged"),
    ],
)
def test_results_that_cannot_be_read_stop_a_sweep_before_it_starts(start: Start, content: str, phrase: str) -> None:
    first = start({"seed": [0, 1]}, "good")
    for trial in first.table["groups"][0]["trials"]:
        (first.folder / "trials" / trial["trial"] / "results.json").write_text(content)
    with pytest.raises(KinjError, match=phrase) as caught:
        start({"seed": [0, 1, 2]}, "good")
    assert "and 1 more like it" in caught.value.hint
    assert calls(first) == 2
    for file in first.folder.glob("trials/*/results.json"):
        file.unlink()
    assert start({"seed": [0, 1, 2]}, "good").done == 3


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_trial_that_found_no_room_goes_on_when_there_is_some(
    tmp_path: Path, entries: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = FileLedger(tmp_path)
    ledger.plan({"a": False})
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "config.yaml").write_text("seed: 0\noptim: {lr: 0.005}\n")
    with monkeypatch.context() as patch:
        patch.setattr(writers.os, "fsync", full)
        assert attempt(str(tmp_path), "a", str(tmp_path / "a"), "sweep_entries:tidy") != 0
    status = ledger.states()["a"]
    assert (status.state, status.error.partition("\n")[0]) == (
        "interrupted",
        f"{tmp_path / 'a' / 'results.json'} could not be written: the disk is full",
    )
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["config.yaml"]
    assert attempt(str(tmp_path), "a", str(tmp_path / "a"), "sweep_entries:tidy") == 0
    assert ledger.states()["a"].state == "done"


def test_no_room_for_the_log_does_not_hide_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = FileLedger(tmp_path)
    ledger.plan({"a": False})
    monkeypatch.setattr(worker, "find", full)
    with Path("/dev/full").open("w") as nowhere:
        monkeypatch.setattr(sys, "stderr", nowhere)
        assert attempt(str(tmp_path), "a", str(tmp_path), "some:entry") != 0
        monkeypatch.undo()
        with pytest.raises(OSError, match="No space"):
            nowhere.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), nowhere.fileno())
    assert "No space left on device" in ledger.states()["a"].error


def test_a_ledger_without_room_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = FileLedger(tmp_path)
    ledger.plan({"a": False})
    monkeypatch.setattr("kinj.sweep.ledger.fcntl.flock", full)
    with pytest.raises(KinjError, match=r"trials\.jsonl could not be written: the disk is full"):
        ledger.take("a")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(place)]
    if os.getuid() or not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


SWEEP = """
import sys
from pathlib import Path
from kinj.config import load
from kinj.sweep.run import sweep
from kinj.sweep.space import grid
loaded = load("sweep", ["model=scratch", "model.tokenizer=train"], environ={})
make = lambda trial: loaded.override(trial.overrides, "train").settings
result = sweep(grid({"seed": [0, 1, 2, 3]}), make, Path(sys.argv[1]), "sweep_entries:tidy", 2, loaded.settings)
print(result.done, result.failed)
"""


@pytest.mark.slow  # two sweeps in processes of their own
def test_a_full_disk_is_said_and_survived(small_disk: Path, entries: None) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(400_000))  # leaves room for the plan of the trials and not for all of their results
    folder = small_disk / "sweep"

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", SWEEP, str(folder)], env=os.environ, capture_output=True, text=True, check=False
        )

    first = run()
    assert first.returncode or first.stdout.split() != ["4", "0"]
    errors = [status.error for status in read_states(folder).values() if status.error]
    assert "the disk is full" in " ".join([*errors, first.stderr])
    for file in folder.rglob("*.json"):
        json.loads(file.read_text())  # nothing half-written
    ballast.unlink()
    again = run()
    assert again.stdout.split() == ["4", "0"], again.stderr
    assert {status.state for status in read_states(folder).values()} == {"done"}


def test_a_process_is_noted_with_the_schema(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run")
    note_process(run)
    (event,) = run.events()
    assert (event["schema"], event["pid"]) == (identity.SCHEMA, os.getpid())
