"""The file ledger: the contract, many processes at once, and lines that a crash cut short."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kinj.sweep.holder import Holder
from kinj.sweep.ledger import FileLedger
from tests.sweep.ledger_contract import Clock, LedgerContract, Make

TAKE_ALL = """
import sys
from pathlib import Path
from kinj.sweep.ledger import FileLedger
ledger = FileLedger(Path(sys.argv[1]))
sys.stdin.readline()
for trial in ledger.states():
    if ledger.take(trial):
        print(trial)
print("end", flush=True)
sys.stdin.readline()
"""


class TestFileLedger(LedgerContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        def other(holder: Holder, clock: Clock) -> FileLedger:
            return FileLedger(tmp_path, clock, holder)

        return other


def test_two_workers_never_take_the_same_trial(tmp_path: Path) -> None:
    ledger = FileLedger(tmp_path)
    names = [f"t{number}" for number in range(30)]
    for name in names:
        ledger.plan({name: False})
    command = [sys.executable, "-c", TAKE_ALL, str(tmp_path)]
    workers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("go\n")
        worker.stdin.flush()
    # All live until each has tried every trial: a lease ends with its holder.
    taken = [list(iter(worker.stdout.readline, "end\n")) for worker in workers if worker.stdout]
    for worker in workers:
        worker.communicate("go\n")
    assert sorted(name.strip() for part in taken for name in part) == sorted(names)
    assert {status.attempts for status in ledger.states().values()} == {1}


def test_a_torn_line_is_no_line(tmp_path: Path) -> None:
    ledger = FileLedger(tmp_path)
    ledger.plan({"a": False})
    with ledger.path.open("ab") as file:
        file.write(b'{"time": 1.0, "trial": "a", "sta')
    assert ledger.states()["a"].state == "planned"
    assert ledger.take("a")
    assert ledger.states()["a"].state == "running"


def test_nothing_is_ever_rewritten(tmp_path: Path) -> None:
    ledger = FileLedger(tmp_path)
    ledger.plan({"a": False})
    before = ledger.path.read_bytes()
    lease = ledger.take("a")
    assert lease
    ledger.renew("a", lease)
    ledger.finish("a", lease, "failed", "because")
    after = ledger.path.read_bytes()
    assert after.startswith(before)
    rows = [json.loads(line) for line in after.splitlines()]
    assert [row["state"] for row in rows] == ["planned", "running", "running", "failed"]


def test_a_ledger_that_was_emptied_is_read_from_the_beginning(tmp_path: Path) -> None:
    ledger = FileLedger(tmp_path)
    ledger.plan({"a": False, "b": False})
    ledger.path.write_text("")
    assert ledger.states() == {}
    ledger.plan({"c": True})
    assert [*ledger.states()] == ["c"]


def test_a_line_is_not_read_before_it_is_whole(tmp_path: Path) -> None:
    ledger, line = FileLedger(tmp_path), b'{"time": 1.0, "trial": "b", "state": "planned"}\n'
    ledger.plan({"a": False})
    for part in (line[:20], line[20:]):
        assert [*ledger.states()] == ["a"]
        with ledger.path.open("ab") as file:
            file.write(part)
    assert [*ledger.states()] == ["a", "b"]


def test_a_container_is_a_machine_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Holder.here()
    assert here.alive()
    monkeypatch.setattr("os.readlink", lambda path: "pid:[1]")
    assert here.alive() is None
    assert Holder.here().host.endswith("pid:[1]")
