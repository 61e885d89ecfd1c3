"""A sweep that is killed anywhere, any number of times, ends as one that was not, and does nothing twice."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from kinj.sweep.holder import Holder
from kinj.sweep.ledger import DONE, LEASE_SECONDS, PLANNED, RUNNING, FileLedger, read_states
from kinj.sweep.run import SweepResult
from tests.sweep.sweep_entries import STEPS

Start = Callable[..., SweepResult]
SEEDS = [0, 1, 2, 3]
ELSEWHERE = Holder("another-machine", 1, "")

SWEEP = """
import sys
from pathlib import Path
from kinj.config import load
from kinj.sweep.run import sweep
from kinj.sweep.space import grid
loaded = load("sweep", ["model=scratch", "model.tokenizer=train", "optim.lr=5e-3"], environ={})
make = lambda trial: loaded.override(trial.overrides, "train").settings
space = {"seed": [int(seed) for seed in sys.argv[2].split(",")]}
sweep(grid(space), make, Path(sys.argv[1]), "sweep_entries:stepwise", 2, loaded.settings)
"""


class Killable:
    """A sweep in processes of its own, all of which carry a mark by which they are found."""

    def __init__(self, *command: str, cwd: Path | None = None) -> None:
        self.mark = f"KILL_TEST={uuid.uuid4().hex}"
        name, _, value = self.mark.partition("=")
        self.process = subprocess.Popen(
            [sys.executable, *command],
            env={**os.environ, name: value},
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=cwd,
        )

    def wait_until(self, holds: Callable[[], bool], seconds: float = 180) -> None:
        """Raises AssertionError where it takes longer, or where the sweep failed first."""
        deadline = time.monotonic() + seconds
        while not holds() and self.process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        assert not self.process.poll(), self.process.communicate()[1].decode()

    def kill(self, workers: bool) -> None:
        """Kills the process group of the sweep, with its workers or without them, without a word to any."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()
        for pid in self._left() if workers else ():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _left(self) -> Iterator[int]:
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdecimal() and self.mark.encode() in (entry / "environ").read_bytes():
                    yield int(entry.name)


def done_steps(folder: Path) -> int:
    return sum(len(path.read_text().splitlines()) for path in folder.glob("trials/*/steps"))


def without_notices(result: SweepResult) -> dict[str, Any]:
    return {key: value for key, value in result.table.items() if key != "notices"}


def assert_nothing_twice(folder: Path) -> None:
    """Every step was made once, and no trial was taken again after it was done."""
    for trial in (folder / "trials").iterdir():
        assert (trial / "steps").read_text().split() == [str(step) for step in range(STEPS)]
    ended: set[str] = set()
    for line in (folder / "trials.jsonl").read_text().splitlines():
        with suppress(ValueError):  # a line that a kill cut short
            row = json.loads(line)
            assert row["trial"] not in ended or row["state"] != RUNNING, "a finished trial was taken again"
            if row["state"] == DONE:
                ended.add(row["trial"])
            if row["state"] == PLANNED:  # its results were taken away
                ended.discard(row["trial"])


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, Any]:
    """Tables of sweeps that nobody killed, by their seeds."""
    return {}


def _killed(seed: int, kills: int, start: Start, folder: Path, undisturbed: dict[str, Any]) -> None:
    rng = random.Random(seed)
    for _ in range(kills):
        sweep = Killable("-c", SWEEP, str(folder), ",".join(map(str, SEEDS)))
        enough = min(len(SEEDS) * STEPS, done_steps(folder) + rng.randrange(STEPS))
        sweep.wait_until(lambda enough=enough: done_steps(folder) >= enough and (folder / "trials.jsonl").exists())
        time.sleep(rng.random() * 0.05)
        sweep.kill(workers=rng.random() < 0.7)
    extended = start({"seed": [*SEEDS, 4]}, "stepwise")
    assert (extended.done, extended.failed) == (5, 0)
    assert_nothing_twice(folder)
    if "table" not in undisturbed:
        whole = folder.parent / "whole"
        whole.mkdir()
        undisturbed["table"] = without_notices(start({"seed": [*SEEDS, 4]}, "stepwise", folder=whole / "sweep"))
    assert without_notices(extended) == undisturbed["table"]


def test_killed_twice(start: Start, tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    _killed(0, 2, start, tmp_path / "sweep", undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 9))
def test_killed_anywhere(seed: int, start: Start, tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    _killed(seed, 4, start, tmp_path / "sweep", undisturbed)


def test_continued_from_another_machine(start: Start, tmp_path: Path) -> None:
    """A machine is gone with three trials in hand: one done but not told, one whose lease has run out, one whose lease will."""
    first = start({"seed": [0, 1]}, "stepwise")
    done, expired = (trial["trial"] for trial in first.table["groups"][0]["trials"])
    folder = tmp_path / "sweep"
    ledger = (folder / "trials.jsonl").read_text().splitlines()
    (folder / "trials.jsonl").write_text("".join(f"{line}\n" for line in ledger if '"planned"' in line))
    for name, ago in ((done, 5.0), (expired, 601.0)):
        FileLedger(folder, lambda ago=ago: time.time() - ago, ELSEWHERE).take(name)
    (folder / "trials" / expired / "results.json").unlink()
    steps = folder / "trials" / expired / "steps"
    steps.write_text("".join(f"{step}\n" for step in range(STEPS // 2)))
    (folder / "trials" / expired / "events.jsonl").unlink()

    again = start({"seed": [1, 2]}, "stepwise")
    assert (again.done, again.failed) == (2, 0)
    assert read_states(folder)[expired].attempts == 2
    assert read_states(folder)[expired].holder != ELSEWHERE
    assert_nothing_twice(folder)


def test_a_machine_that_may_still_work_is_waited_for(start: Start, tmp_path: Path) -> None:
    first = start({"seed": [0, 1]}, "stepwise")
    name = first.table["groups"][0]["trials"][0]["trial"]
    (tmp_path / "sweep" / "trials" / name / "results.json").unlink()
    FileLedger(tmp_path / "sweep").plan({name: False})
    far = FileLedger(tmp_path / "sweep", lambda: time.time() - 598.5, ELSEWHERE)
    token = far.take(name)
    assert token
    taken = read_states(tmp_path / "sweep")[name].renewed
    again = start({"seed": [0, 1]}, "stepwise")
    assert (again.done, again.resumed) == (2, 1)
    rows = [json.loads(line) for line in (tmp_path / "sweep" / "trials.jsonl").read_text().splitlines()]
    assert [row["time"] for row in rows if "holder" in row and row["trial"] == name][-1] - taken >= LEASE_SECONDS
    assert not far.finish(name, token, DONE)
    assert_nothing_twice(tmp_path / "sweep")


SMALL = [
    *("data.biographies.people=6", "data.biographies.teachers=4", "eval.limit=24", "train.checkpoint_every=3"),
    *("train.stages.inject.epochs=null", "train.stages.inject.steps=12", "train.threads=1"),
]


def digests(folder: Path) -> dict[str, str]:
    """The last weights and the results of every trial."""
    files = [file for trial in (folder / "trials").iterdir() for file in _lasting(trial)]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def _lasting(trial: Path) -> list[Path]:
    last = max((trial / "checkpoints").iterdir())
    return [trial / "metrics.jsonl", *last.glob("*.safetensors"), *(trial / "predictions").iterdir()]


@pytest.mark.slow
def test_real_trials_end_with_the_same_bytes(tmp_path: Path) -> None:
    command = ["-m", "kinj", "sweep", "seed=0,1", "--workers", "2", *SMALL]
    whole = Killable(*command, "-o", "whole", cwd=tmp_path)
    assert whole.process.wait(600) == 0
    cut = tmp_path / "cut"
    for checkpoint in ("step-000003", "step-000009"):
        sweep = Killable(*command, "-o", "cut", cwd=tmp_path)
        sweep.wait_until(lambda name=checkpoint: any(cut.glob(f"trials/*/checkpoints/{name}")), 600)
        sweep.kill(workers=True)
    assert Killable(*command, "-o", "cut", cwd=tmp_path).process.wait(600) == 0
    assert digests(cut) == digests(tmp_path / "whole") != {}
    tables = [json.loads((folder / "results.json").read_text()) for folder in (cut, tmp_path / "whole")]
    for table in tables:
        for group in table["groups"]:
            group["cost"].pop("seconds")
    assert tables[0] == tables[1]
