"""How many trials run at a time, and which GPUs each of them sees, with made-up counts of GPUs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from kinj.config.errors import UsageError
from kinj.config.schema import SweepSettings
from kinj.sweep.cluster import RayExecutor
from kinj.sweep.engines import at_a_time, executor_of, shares, visible_gpus
from kinj.sweep.executor import Job, LocalExecutor, cores

Gpus = Callable[..., None]


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Gpus:
    """Makes the machine one with so many GPUs, of which an environment may name some."""

    def have(count: int, named: str | None = None) -> None:
        monkeypatch.setattr("torch.cuda.device_count", lambda: count)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if named is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)

    return have


def test_which_gpus_there_are(gpus: Gpus) -> None:
    gpus(0)
    assert visible_gpus() == []
    gpus(2)
    assert visible_gpus() == ["0", "1"]
    gpus(2, "4, 6")
    assert visible_gpus() == ["4", "6"]
    gpus(1, "GPU-1a,GPU-2b")  # the second one is not there
    assert visible_gpus() == ["GPU-1a"]


PLACES: list[tuple[int, int | None, float | None, int, list[str]]] = [
    (0, None, None, 1, []),
    (0, 3, None, 3, []),
    (4, None, None, 4, ["0", "1", "2", "3"]),
    (4, 2, None, 2, ["0", "1"]),
    (2, 4, None, 4, ["0", "1", "0", "1"]),
    (4, None, 2, 2, ["0,1", "2,3"]),
    (5, None, 2, 2, ["0,1", "2,3"]),
    (2, None, 0.5, 4, ["0", "1", "0", "1"]),
    (2, None, 0, 1, [""]),
    (2, 3, 0, 3, ["", "", ""]),
]


@pytest.mark.parametrize(("there", "workers", "each", "count", "seen"), PLACES)
def test_places(gpus: Gpus, there: int, workers: int | None, each: float | None, count: int, seen: list[str]) -> None:
    gpus(there)
    sweep = SweepSettings(workers=workers, gpus=each)
    assert at_a_time(sweep) == count
    executor = executor_of(sweep, workers, "json:loads")
    assert isinstance(executor, LocalExecutor)
    assert (executor.workers, [*executor.gpus]) == (count, seen)
    assert executor.threads == max(1, cores() // count)


def test_a_trial_that_wants_more_gpus_than_there_are() -> None:
    with pytest.raises(UsageError, match="more GPUs than the 1 here"):
        shares(["0"], 1, 2)


def test_each_worker_keeps_to_its_gpus(tmp_path: Path, entries: None) -> None:
    spec = {"folder": str(tmp_path)}
    jobs = [Job(str(n), "sweep_entries:note_gpus", spec, tmp_path / f"{n}.txt") for n in range(4)]
    executor = LocalExecutor(2, gpus=["3", "5"])
    assert {outcome.code for outcome in executor.map(jobs)} == {0}
    spans = [path.read_text().split() for path in tmp_path.glob("gpu-*")]
    for gpu in ("3", "5"):
        times = sorted((float(begin), float(end)) for name, begin, end in spans if name == gpu)
        assert len(times) >= 1
        assert all(end <= begin for (_, end), (begin, _) in pairwise(times))
    assert len(spans) == 4


def test_cpus_are_threads(gpus: Gpus) -> None:
    gpus(0)
    executor = executor_of(SweepSettings(cpus=3), 2, "json:loads")
    assert isinstance(executor, LocalExecutor)
    assert (executor.workers, executor.threads) == (2, 3)


def test_ray() -> None:
    executor = executor_of(SweepSettings(engine="ray", cpus=4, gpus=0.5), None, "json:loads")
    assert isinstance(executor, RayExecutor)
    assert (executor.workers, executor.cpus, executor.gpus, executor.preload) == (None, 4, 0.5, ("json",))
    assert at_a_time(SweepSettings(engine="ray")) is None


@pytest.mark.parametrize(
    "values",
    [{"engine": "slurm"}, {"gpus": 1.5}, {"gpus": -1}, {"cpus": -2}, {"workers": -1}, {"workers": 0, "sampler": "tpe"}],
    ids=str,
)
def test_settings_that_mean_nothing(values: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        SweepSettings(**values)
