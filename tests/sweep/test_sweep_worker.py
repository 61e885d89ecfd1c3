"""One attempt at a trial, in this process: what the ledger says afterwards."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from kinj.config.errors import UsageError
from kinj.sweep import worker
from kinj.sweep.holder import Holder
from kinj.sweep.ledger import FileLedger
from kinj.sweep.worker import TAKEN, attempt, find, finished

Entry = Callable[[Path, Path], None]
Try = Callable[[Entry], int]


@pytest.fixture
def ledger(tmp_path: Path) -> FileLedger:
    ledger = FileLedger(tmp_path)
    ledger.plan({"a": False})
    return ledger


@pytest.fixture
def tried(tmp_path: Path, ledger: FileLedger, monkeypatch: pytest.MonkeyPatch) -> Try:
    """Attempts trial `a` with a function as its entry; returns the exit code."""
    (tmp_path / "a").mkdir()

    def run(entry: Entry) -> int:
        module = ModuleType("made_up")
        module.entry = entry  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "made_up", module)
        return attempt(str(tmp_path), "a", str(tmp_path / "a"), "made_up:entry")

    return run


def complete(config: Path, folder: Path) -> None:
    (folder / "results.json").write_text("{}")
    (folder / "events.jsonl").write_text('{"kind": "finished"}\n')


def test_a_good_trial(tried: Try, ledger: FileLedger, tmp_path: Path) -> None:
    seen: list[Path] = []

    def entry(config: Path, folder: Path) -> None:
        seen.extend([config, folder])
        complete(config, folder)

    assert tried(entry) == 0
    assert seen == [tmp_path / "a" / "config.yaml", tmp_path / "a"]
    assert ledger.states()["a"].state == "done"
    assert tried(entry) == TAKEN


def raising(error: BaseException) -> Entry:
    def entry(config: Path, folder: Path) -> None:
        raise error

    return entry


ENDS: list[tuple[BaseException, int, str, str]] = [
    (UsageError("the corpus is empty", "write one"), 1, "failed", "the corpus is empty\n  write one"),
    (RuntimeError("a fault"), 1, "failed", "RuntimeError: a fault"),
    (SystemExit(3), 1, "failed", "SystemExit: 3"),
    (KeyboardInterrupt(), 130, "interrupted", "interrupted"),
]


@pytest.mark.parametrize(("error", "code", "state", "text"), ENDS, ids=[row[3].split("\n")[0] for row in ENDS])
def test_whatever_ends_a_trial_is_written_down(
    tried: Try, ledger: FileLedger, error: BaseException, code: int, state: str, text: str
) -> None:
    assert tried(raising(error)) == code
    status = ledger.states()["a"]
    assert (status.state, status.error) == (state, text)


def test_an_entry_that_leaves_nothing(tried: Try, ledger: FileLedger) -> None:
    assert tried(lambda config, folder: None) == 1
    assert "left no results.json" in ledger.states()["a"].error


def test_a_worker_whose_trial_was_taken_over_stops(
    tried: Try, ledger: FileLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LEASE_SECONDS", 0.5)
    other = FileLedger(tmp_path, clock=lambda: time.time() + 1e6, holder=Holder("elsewhere", 1, ""))

    def entry(config: Path, folder: Path) -> None:
        lease = ledger.states()["a"].lease
        ledger.finish("a", lease, "interrupted")
        assert other.take("a")
        time.sleep(10)

    began = time.monotonic()
    assert tried(entry) == 130
    assert time.monotonic() - began < 5
    assert ledger.states()["a"].state == "running"  # the new holder's


def test_a_lease_is_renewed(tried: Try, ledger: FileLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "LEASE_SECONDS", 0.25)

    def entry(config: Path, folder: Path) -> None:
        time.sleep(0.3)
        complete(config, folder)

    assert tried(entry) == 0
    rows = [json.loads(line) for line in ledger.path.read_text().splitlines()]
    assert [row["state"] for row in rows].count("running") >= 2


def test_finished_needs_results_and_the_word(tmp_path: Path) -> None:
    assert not finished(tmp_path)
    complete(tmp_path, tmp_path)
    assert finished(tmp_path)
    (tmp_path / "events.jsonl").write_text('[1]\n{"kind": "started"}\n{"kind": "finished"')
    assert not finished(tmp_path)


def test_functions_are_found_by_name() -> None:
    assert find("json:dumps") is json.dumps
    with pytest.raises(UsageError) as caught:
        find("json")
    assert "package.module:function" in caught.value.hint
