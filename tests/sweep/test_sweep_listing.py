"""`kinj runs`: every state of a run is told from its files; filters, order, damage, and what a sweep counts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kinj.config import load, to_yaml
from kinj.config.errors import UsageError
from kinj.data.rundir import RunDir
from kinj.sweep.holder import Holder
from kinj.sweep.ledger import FileLedger
from kinj.sweep.listing import list_runs
from kinj.sweep.record import Record, note_process, read_record
from kinj.sweep.run import SweepResult
from tests.sweep.sweep_entries import write_run

Make = Callable[..., RunDir]
Start = Callable[..., SweepResult]
GONE = Holder(Holder.here().host, 1, "1")
"""A process of this machine that is no longer there: another one has its number."""
ELSEWHERE = Holder("another-machine", 1, "")


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A run directory in `runs/`: `make("a", "optim.lr=0.1")`."""

    def run(name: str, *overrides: str) -> RunDir:
        directory = RunDir.create(tmp_path / "runs" / name)
        settings = load("train", ["model=scratch", "model.tokenizer=train", *overrides], environ={}).settings
        (directory.path / "config.yaml").write_text(to_yaml(settings))
        return directory

    return run


def finished(run: RunDir, recall: float = 0.5, passes: int = 100) -> RunDir:
    note_process(run)
    run.event("started")
    write_run(run.path, recall, passes=passes)
    return run


def of(run: RunDir) -> Record:
    return read_record(run.path)


def works_at(run: RunDir, holder: Holder) -> RunDir:
    run.event("process", schema=1, **vars(holder))
    run.event("started")
    return run


def test_a_finished_run_has_results_and_cost(make: Make) -> None:
    record = of(finished(make("a")))
    assert (record.state, record.kind, record.why, record.version) == ("finished", "run", None, 1)
    assert (record.model, record.data, record.recipe) == ("scratch", "biographies", "inject")
    (recall,) = record.results
    assert (recall["probe"], recall["measure"], recall["n"]) == ("biographies", "recall", 40)
    assert recall["low"] < recall["value"] < recall["high"]
    assert record.cost == {"steps": 100, "passes": 100, "tokens": 100_000, "label_tokens": 90_000, "seconds": 10.0}


def test_a_run_whose_process_lives_is_running(make: Make) -> None:
    assert of(works_at(make("a"), Holder.here())).state == "running"
    assert of(works_at(make("b"), GONE)).state == "interrupted"


def test_a_killed_process_leaves_an_interrupted_run(make: Make) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    holder = replace(Holder.here(), pid=process.pid, started=Holder.here().started)
    stat = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    run = works_at(make("a"), replace(holder, started=stat[19]))
    assert of(run).state == "running"
    process.kill()
    process.communicate()
    assert of(run).state == "interrupted"


def test_a_process_on_another_machine_is_believed_while_it_writes(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    run = works_at(make("a"), ELSEWHERE)
    assert of(run).state == "running"
    monkeypatch.setattr("kinj.sweep.ledger.LEASE_SECONDS", -1.0)
    assert of(run).state == "interrupted"


def test_a_run_that_does_not_name_its_process(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make("a")
    assert of(run).state == "never-started"
    run.event("started")
    assert of(run).state == "running"
    monkeypatch.setattr("kinj.sweep.ledger.LEASE_SECONDS", -1.0)
    assert of(run).state == "interrupted"


def test_a_run_says_why_it_stopped(make: Make) -> None:
    run = works_at(make("a"), Holder.here())
    run.event("stopped", state="failed", error="the loss is not finite")
    assert (of(run).state, of(run).why) == ("failed", "the loss is not finite")
    run.event("stopped", state="interrupted")
    assert (of(run).state, of(run).why) == ("interrupted", None)


def test_an_evaluation_is_finished_when_its_results_are_there(make: Make) -> None:
    run = make("eval-tiny-001")
    run.event("process", schema=1, **vars(GONE))
    assert of(run).state == "interrupted"
    write_run(run.path, 0.5, passes=0)
    (run.path / "events.jsonl").write_text("")
    assert of(run).state == "finished"


def test_an_unfinished_run_tells_how_far_it_came(make: Make) -> None:
    run = works_at(make("a"), GONE)
    run.event("stage", name="inject", steps=10, done=0)
    run.metric(step=4)
    assert of(run).share == 0.4
    assert of(finished(make("b"))).share is None


DAMAGES: dict[str, tuple[str, bytes, str]] = {
    "no settings": ("config.yaml", b"", "config.yaml"),
    "settings that are no YAML": ("config.yaml", b"a: [", "config.yaml cannot be used"),
    "settings without a model": ("config.yaml", b"data: {name: x}", "config.yaml has no entry 'model'"),
    "results cut off": ("results.json", b'{"schema": 1, "prob', "results.json cannot be used"),
    "results of another kind": ("results.json", b"[1]", "results.json cannot be used"),
    "a measure that is a text": (
        "results.json",
        b'{"schema": 1, "probes": {"p": {"measures": {"m": {"value": "x"}}}}}',
        "results.json cannot be used",
    ),
    "a summary of zeros": ("summary.json", bytes(100), "summary.json cannot be used"),
    "events without their parts": ("events.jsonl", b'{"kind": "process"}\n', "events.jsonl has no entry 'host'"),
    "events that are numbers": ("events.jsonl", b"[1]\n3\n", "events.jsonl cannot be used"),
    "texts that are no UTF-8": ("overrides.txt", b"\xff\xfe\x00", "overrides.txt cannot be used"),
    "metrics that are texts": ("metrics.jsonl", b'{"step": "x"}\n', "metrics.jsonl cannot be used"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_named_and_stops_nothing(name: str, make: Make, tmp_path: Path) -> None:
    file, content, why = DAMAGES[name]
    finished(make("good"))
    bad = finished(make("bad"))
    if file == "metrics.jsonl":  # read of unfinished runs only
        works_at(bad, GONE)
        bad.event("stage", name="inject", steps=10, done=0)
    (bad.path / file).write_bytes(content)
    if file == "events.jsonl":
        (bad.path / "results.json").unlink()
    records = {Path(record.path).name: record for record in list_runs([tmp_path])}
    assert records["good"].state == "finished"
    assert records["bad"].state == "damaged"
    assert why in (records["bad"].why or "")
    assert list_runs([tmp_path], where="seed == 0", state="damaged") == []


def test_settings_that_are_missing_are_said(make: Make, tmp_path: Path) -> None:
    run = finished(make("a"))
    (run.path / "config.yaml").unlink()
    assert [(record.state, record.why) for record in list_runs([tmp_path])] == [("damaged", "it has no config.yaml")]


def test_results_of_another_version_are_not_shown(make: Make) -> None:
    run = finished(make("a"))
    content = json.loads((run.path / "results.json").read_text())
    (run.path / "results.json").write_text(json.dumps(content | {"schema": 99}))
    record = of(run)
    assert (record.state, record.results) == ("finished", [])
    assert "another version of kinj wrote its results.json (schema 99; this one reads 1)" in (record.why or "")


def test_runs_are_found_at_any_depth_newest_first(make: Make, tmp_path: Path) -> None:
    for number, name in enumerate(("a", "deep/b", "deep/er/c")):
        finished(make(name))
        row = {"kind": "finished", "time": 100.0 + number}
        (tmp_path / "runs" / name / "events.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "runs" / ".hidden").mkdir()
    (tmp_path / "runs" / "notes.txt").write_text("mine")
    runs = tmp_path / "runs"
    assert [Path(r.path).name for r in list_runs([runs])] == ["c", "b", "a"]
    assert [Path(r.path).name for r in list_runs([runs / "deep", runs / "a", runs])] == ["c", "b", "a"]
    assert [Path(r.path).name for r in list_runs([runs], limit=1)] == ["c"]


def test_filters(make: Make, tmp_path: Path) -> None:
    finished(make("a", "optim.lr=0.1", "seed=3"))
    works_at(make("b", "optim.lr=0.2"), GONE)

    def names(**how: Any) -> list[str]:
        return [Path(record.path).name for record in list_runs([tmp_path], **how)]

    assert names(state="interrupted") == ["b"]
    assert names(where="optim.lr < 0.15 and model.name == 'scratch'") == ["a"]
    assert names(where="seed in [3, 4]", state="interrupted") == []
    with pytest.raises(UsageError, match="there is no state `done`"):
        names(state="done")
    with pytest.raises(
        UsageError, match=r"--where: `optim\.lrr > 0`: no such setting as optim\.lrr; did you mean optim\.lr"
    ):
        names(where="optim.lrr > 0")
    with pytest.raises(UsageError, match="is not there"):
        list_runs([tmp_path / "nowhere"])


def test_a_setting_that_an_older_version_did_not_write_has_its_default(make: Make, tmp_path: Path) -> None:
    run = finished(make("a"))
    config = run.path / "config.yaml"
    config.write_text("\n".join(line for line in config.read_text().splitlines() if "rho:" not in line))
    assert len(list_runs([tmp_path], where="optim.sam.rho == 0")) == 1


def test_order(make: Make, tmp_path: Path) -> None:
    finished(make("a"), recall=0.9, passes=10)
    finished(make("b"), recall=0.1, passes=30)
    works_at(make("c"), GONE)

    def names(sort: str) -> list[str]:
        return [Path(record.path).name for record in list_runs([tmp_path], sort=sort)]

    assert names("path") == ["a", "b", "c"]
    assert names("passes") == ["b", "a", "c"]
    assert names("recall") == names("biographies.recall") == ["a", "b", "c"]
    assert names("state") == ["a", "b", "c"]
    with pytest.raises(UsageError, match="no run here has `recal`") as caught:
        names("recal")
    assert "biographies.recall" in caught.value.hint


def test_a_sweep_is_one_row_unless_its_trials_are_asked_for(start: Start, tmp_path: Path) -> None:
    start({"seed": [0, 1, 2, 3], "optim.lr": [0.005, 0.006]}, "uneven")  # seed 1 fails, seed 2 is killed
    (record,) = list_runs([tmp_path])
    assert (record.kind, record.state) == ("sweep", "failed")
    assert record.trials == {"total": 8, "finished": 4, "failed": 4}
    assert record.best == "optim.lr=0.006"
    assert record.results[0]["measure"] == "recall"
    assert record.cost["passes"] == 400
    assert "RuntimeError" in (record.why or "") or "killed" in (record.why or "")
    trials = list_runs([tmp_path], trials=True)
    assert [one.kind for one in trials] == ["trial"] * 8
    (one,) = list_runs([tmp_path], where="seed == 1 and optim.lr > 0.0055")
    assert (one.state, one.overrides) == ("failed", ["seed=1", "optim.lr=0.006"])
    assert "this trial is broken" in (one.why or "")
    assert len(list_runs([tmp_path], state="finished")) == 4
    assert (
        replace(read_record(Path(one.path)), arm=one.arm) == one
    )  # also named alone, a trial is looked up in its sweep's ledger


def test_a_sweep_that_is_under_way(start: Start, tmp_path: Path) -> None:
    result = start({"seed": [0, 1]}, "good")
    ledger = FileLedger(result.folder)
    ledger.plan({"c": False, "d": False})
    (result.folder / "trials" / "c").mkdir()
    assert list_runs([tmp_path])[0].state == "interrupted"
    FileLedger(result.folder, holder=GONE).take("c")
    assert list_runs([tmp_path])[0].trials == {"total": 4, "finished": 2, "interrupted": 1, "never-started": 1}
    ledger.take("c")
    (record,) = list_runs([tmp_path])
    assert (record.state, record.trials) == (
        "running",
        {"total": 4, "running": 1, "finished": 2, "never-started": 1},
    )


def test_looking_at_a_sweep_changes_nothing(start: Start, tmp_path: Path) -> None:
    result = start({"seed": [0]}, "good")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    list_runs([tmp_path])
    list_runs([tmp_path], trials=True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    (result.folder / "trials.jsonl").unlink()
    assert list_runs([tmp_path])[0].state == "never-started"
    assert not (result.folder / "trials.jsonl").exists()


def test_a_sweep_with_a_broken_table_is_damaged(start: Start, tmp_path: Path) -> None:
    result = start({"seed": [0]}, "good")
    (result.folder / "results.json").write_text('{"measure": null')
    (record,) = list_runs([tmp_path])
    assert (record.kind, record.state) == ("sweep", "damaged")
    assert "results.json cannot be used" in (record.why or "")


def test_trials_of_an_arm(start: Start, tmp_path: Path) -> None:
    start({"seed": [0, 1]}, "good", over={"sweep.arms.plain.optim.lr": 0.005, "sweep.arms.hot.optim.lr": 0.006})
    assert {record.arm for record in list_runs([tmp_path], where="arm == 'hot' and optim.lr > 0.0055")} == {"hot"}
    (tmp_path / "sweep" / "results.json").write_text("{")
    assert list_runs([tmp_path], where="arm == 'hot'") == []
