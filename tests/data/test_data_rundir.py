"""Run directories: refused, replaced, resumed; logs that survive a kill."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from kinj.config.errors import KinjError, UsageError
from kinj.data import environment as environment_module
from kinj.data.environment import differences, environment
from kinj.data.rundir import RunDir, latest_run, next_run_dir


def finished(path: Path, time: float, checkpoint: bool = True) -> None:
    run = RunDir.create(path)
    (path / "events.jsonl").write_text(json.dumps({"kind": "finished", "time": time}) + "\n")
    if checkpoint:
        (run.path / "checkpoints" / "step-000001").mkdir(parents=True)


def test_new_and_empty_directories_are_taken(tmp_path: Path) -> None:
    RunDir.create(tmp_path / "a" / "b").event("started")
    RunDir.create(next_run_dir(tmp_path, "x"))
    assert [event["kind"] for event in RunDir(tmp_path / "a" / "b").events()] == ["started"]


def test_existing_run_needs_overwrite_or_resume(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "a")
    run.event("started")
    (run.path / "checkpoints" / "step-000002").mkdir(parents=True)
    with pytest.raises(UsageError, match="is not empty") as error:
        RunDir.create(run.path)
    assert "--resume" in error.value.hint
    assert "--overwrite" in error.value.hint
    assert RunDir.create(run.path, resume=True).latest_checkpoint() is not None
    assert RunDir.create(run.path, overwrite=True).events() == []
    assert run.checkpoints() == []


@pytest.mark.parametrize("how", ["overwrite", "resume"])
def test_what_is_no_run_is_left_alone(tmp_path: Path, how: str) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match="it is not a run"):
        RunDir.create(tmp_path, overwrite=how == "overwrite", resume=how == "resume")
    assert (tmp_path / "thesis.tex").exists()
    with pytest.raises(UsageError, match="is a file"):
        RunDir.create(tmp_path / "thesis.tex", overwrite=True)


def test_the_current_folder_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    RunDir.create(tmp_path).event("started")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    with pytest.raises(UsageError, match="holds the folder you are in"):
        RunDir.create(tmp_path, overwrite=True)


def test_overwrite_follows_no_links(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "a").touch()
    run = RunDir.create(tmp_path / "run")
    run.event("started")
    (run.path / "link").symlink_to(tmp_path / "kept")
    RunDir.create(run.path, overwrite=True)
    assert (tmp_path / "kept" / "a").exists()


def test_resume_clears_what_a_kill_left(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "a")
    run.event("started")
    half = run.path / "checkpoints" / ".step-000003.tmp-12-0"
    half.mkdir(parents=True)
    (half / "model.safetensors").touch()
    (run.path / ".env.json.tmp-12-1").touch()
    (run.path / "notes.tmp").touch()
    assert run.checkpoints() == []
    RunDir.create(run.path, resume=True)
    assert sorted(entry.name for entry in run.path.iterdir()) == ["checkpoints", "events.jsonl", "notes.tmp"]
    assert list((run.path / "checkpoints").iterdir()) == []


def test_a_folder_with_leftovers_only_can_be_used(tmp_path: Path) -> None:
    """A kill before the first file was complete must not make the directory unusable."""
    (tmp_path / ".config.yaml.tmp-1-0").touch()
    assert RunDir.create(tmp_path, resume=True).events() == []


def test_torn_last_lines_are_ignored_and_cut_off(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path)
    run.metric(step=1, loss=2.0)
    run.event("started")
    for name in ("metrics.jsonl", "events.jsonl"):
        with (tmp_path / name).open("a") as file:
            file.write('{"step": 2, "lo')
    assert RunDir(tmp_path).metrics() == [{"step": 1, "loss": 2.0}]
    again = RunDir(tmp_path)
    again.metric(step=2, loss=1.0)
    assert again.metrics() == [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}]
    RunDir.create(tmp_path, resume=True)
    assert (tmp_path / "events.jsonl").read_bytes().endswith(b"}\n")


def test_damage_in_the_middle_is_named(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"st\n{"step": 3}\n')
    with pytest.raises(KinjError, match=r"metrics\.jsonl line 2 is damaged"):
        RunDir(tmp_path).metrics()


def test_metrics_hold_no_nan_and_can_be_taken_back(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path)
    for step in range(1, 5):
        run.metric(step=step, loss=float("nan"))
    run.metric(note="no step")
    whole = (tmp_path / "metrics.jsonl").read_bytes()
    assert b"NaN" not in whole
    run.truncate_metrics(4)
    assert (tmp_path / "metrics.jsonl").read_bytes() == whole
    run.truncate_metrics(2)
    assert run.metrics() == [{"step": 1, "loss": None}, {"step": 2, "loss": None}, {"note": "no step"}]
    run.metric(step=3, loss=None)
    assert run.metrics()[-1] == {"step": 3, "loss": None}


def test_checkpoints_are_sorted_by_number(tmp_path: Path) -> None:
    for name in ("step-1000000", "step-000020", "step-999999", ".step-000030.tmp-1-1", "other"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
    (tmp_path / "checkpoints" / "step-000040").touch()
    run = RunDir(tmp_path)
    assert [step for step, _ in run.checkpoints()] == [20, 999999, 1000000]
    assert run.latest_checkpoint() == tmp_path / "checkpoints" / "step-1000000"


def test_write_json(tmp_path: Path) -> None:
    RunDir.create(tmp_path).write_json("results.json", {"value": float("inf"), "path": Path("a")})
    assert json.loads((tmp_path / "results.json").read_text()) == {"value": None, "path": "a"}


def test_next_run_dir_never_gives_a_name_twice(tmp_path: Path) -> None:
    (tmp_path / "sam-007").mkdir()
    (tmp_path / "sam-other").mkdir()
    made: list[Path] = []
    threads = [threading.Thread(target=lambda: made.append(next_run_dir(tmp_path, "sam"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path.name for path in made) == [f"sam-{number:03d}" for number in range(8, 16)]
    assert next_run_dir(tmp_path, "a/b c").name == "a-b-c-001"
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        next_run_dir(tmp_path / "file", "x")


def test_latest_run_is_the_one_that_finished_last(tmp_path: Path) -> None:
    assert latest_run(tmp_path / "none") is None
    finished(tmp_path / "b", 20.0)
    finished(tmp_path / "a", 30.0)
    finished(tmp_path / "c", 40.0, checkpoint=False)
    RunDir.create(tmp_path / "d").event("started")
    finished(tmp_path / "sweep" / "trial", 50.0)
    (tmp_path / "file").touch()
    found = latest_run(tmp_path)
    assert found is not None
    assert found.path == tmp_path / "a"


def test_environment_is_written_once_and_changes_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunDir.create(tmp_path)
    run.write_env()
    first = (tmp_path / "env.json").read_bytes()
    run.write_env()
    assert run.events() == []
    monkeypatch.setattr("kinj.data.rundir.environment", lambda: {**json.loads(first), "cpu": "another"})
    run.write_env()
    assert (tmp_path / "env.json").read_bytes() == first
    (event,) = run.events()
    assert event["kind"] == "notice"
    assert "cpu: " in event["text"]
    assert "now another" in event["text"]


def test_environment_says_what_matters_and_no_paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    known = environment()
    assert {"python", "platform", "cpu", "cpu_flags_hash", "cores", "threads", "packages", "commit"} <= known.keys()
    assert "torch" in known["packages"]
    assert str(Path.home()) not in json.dumps(known)
    assert str(Path.cwd()) not in json.dumps(known)
    monkeypatch.chdir(tmp_path)
    assert environment()["commit"] is None
    monkeypatch.setattr(environment_module, "PACKAGES", ("kinj", "no-such-package"))
    assert set(environment()["packages"]) == {"kinj"}


def test_differences_reach_inside() -> None:
    assert differences({"a": {"b": 1}, "c": 2}, {"a": {"b": 3}, "c": 2}) == ["a.b: 1, now 3"]


def test_full_disk_while_logging(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    run = RunDir(tmp_path)
    run._mended.add("metrics.jsonl")
    with pytest.raises(KinjError, match=r"metrics\.jsonl could not be written: the disk is full"):
        run.metric(step=1)
