"""What every executor must do. An implementation inherits the tests and supplies the fixture `executor` with two workers."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

from kinj.sweep.executor import Executor, Job

PACE = 0.3


class ExecutorContract:
    def test_yields_codes_of_all_jobs_and_keeps_their_output(self, executor: Executor, tmp_path: Path) -> None:
        jobs = [
            Job("fine", "json:loads", {"s": "0"}, tmp_path / "fine.txt"),
            Job("code", "json:loads", {"s": "7"}, tmp_path / "code.txt"),
            Job("broken", "os:kill", {}, tmp_path / "broken.txt"),
        ]
        outcomes = {outcome.name: outcome.code for outcome in executor.map(jobs)}
        assert outcomes == {"fine": 0, "code": 7, "broken": 1}
        assert "TypeError" in (tmp_path / "broken.txt").read_text()

    def test_each_job_has_a_process_of_its_own(self, executor: Executor, tmp_path: Path) -> None:
        jobs = [Job(str(number), "json:loads", {"s": "0"}, tmp_path / f"{number}.txt") for number in range(3)]
        assert len({outcome.pid for outcome in executor.map(jobs)}) == 3

    def test_a_killed_job_says_so_and_the_rest_go_on(self, executor: Executor, tmp_path: Path, entries: None) -> None:
        killed = Job("killed", "sweep_entries:kill_yourself", {}, tmp_path / "killed.txt")
        fine = Job("fine", "json:loads", {"s": "0"}, tmp_path / "fine.txt")
        assert {outcome.name: outcome.code for outcome in executor.map([killed, fine])} == {"killed": -9, "fine": 0}

    def test_no_more_than_the_workers_at_a_time(self, executor: Executor, tmp_path: Path, entries: None) -> None:
        folder = str(tmp_path)
        jobs = [
            Job(str(n), "sweep_entries:count_others", {"folder": folder, "seconds": PACE}, tmp_path / f"{n}.txt")
            for n in range(5)
        ]
        codes = [outcome.code for outcome in executor.map(jobs)]
        assert len(codes) == 5
        assert max(codes) <= 2

    def test_closing_stops_what_runs(self, executor: Executor, tmp_path: Path, entries: None) -> None:
        jobs = [
            Job("quick", "json:loads", {"s": "0"}, tmp_path / "quick.txt"),
            Job("slow", "sweep_entries:sleep_a_minute", {}, tmp_path / "slow.txt"),
        ]
        began = time.monotonic()
        with closing(executor.map(jobs)) as outcomes:  # type: ignore[type-var]
            assert next(outcomes).name == "quick"
        assert time.monotonic() - began < 30

    def test_ticks_while_waiting(self, executor: Executor, tmp_path: Path) -> None:
        ticks: list[None] = []
        list(executor.map([Job("a", "json:loads", {"s": "0"}, tmp_path / "a.txt")], lambda: ticks.append(None)))
        assert ticks
