"""`sweep.engine=ray`: the contract and a killed node on a real cluster of several nodes on this machine; the rest without one."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from kinj.config.errors import KinjError, UsageError
from kinj.sweep import cluster
from kinj.sweep.cluster import RayExecutor, run_here
from kinj.sweep.executor import Job, Outcome
from kinj.sweep.ledger import FileLedger
from kinj.sweep.run import SweepResult
from tests.sweep.executor_contract import ExecutorContract

HERE = Path(__file__).parent
STORE = 100 << 20

Start = Callable[..., SweepResult]


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    """A cluster of a head node that works on nothing and two nodes with a processor each."""
    ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'kinj[ray]'")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]))
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": STORE})
        made.workers = []
        for _ in range(2):
            made.workers.append(made.add_node(num_cpus=1, object_store_memory=STORE))
        ray.init(address=made.address, log_to_driver=False)
        try:
            yield made
        finally:
            ray.shutdown()
            made.shutdown()


@pytest.mark.slow
class TestRayExecutor(ExecutorContract):
    @pytest.fixture
    def executor(self, nodes: Any) -> RayExecutor:
        return RayExecutor(2)


@pytest.mark.slow
def test_as_many_as_there_is_room_for(nodes: Any, tmp_path: Path, entries: None) -> None:
    spec = {"folder": str(tmp_path), "seconds": 0.3}
    jobs = [Job(str(n), "sweep_entries:count_others", spec, tmp_path / f"{n}.txt") for n in range(5)]
    assert max(outcome.code or 0 for outcome in RayExecutor(None).map(jobs)) == 2


@pytest.mark.slow
def test_stopping_lets_a_trial_end_its_own_way(nodes: Any, start: Start, tmp_path: Path) -> None:
    def stop(state: object) -> None:
        if len(list((tmp_path / "sweep").glob("trials/*/started"))) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start({"seed": [0, 1, 2]}, "slow", executor=RayExecutor(2), progress=stop)
    states = [status.state for status in FileLedger(tmp_path / "sweep").states().values()]
    assert sorted(states) == ["interrupted", "interrupted", "planned"]
    assert len(list((tmp_path / "sweep").glob("trials/*/stopped"))) == 2


@pytest.mark.slow
def test_a_node_is_killed_and_no_trial_is_lost(nodes: Any, start: Start, tmp_path: Path) -> None:
    """Last in this file: the cluster has one node less afterwards."""
    space = {"seed": [*range(6)]}
    undisturbed = start(space, "good").table
    (tmp_path / "sweep").rename(tmp_path / "undisturbed")
    before: list[str] = []

    def kill() -> None:
        while len(list((tmp_path / "sweep").glob("trials/*/begun"))) < 2:
            time.sleep(0.05)
        before.extend(status.state for status in FileLedger(tmp_path / "sweep").states().values())
        nodes.remove_node(nodes.workers[0], allow_graceful=False)
        (tmp_path / "sweep" / "killed").touch()

    killer = Thread(target=kill)
    killer.start()
    disturbed = start(space, "disturbed", executor=RayExecutor(2))
    killer.join()
    assert sorted(before) == ["planned"] * 4 + ["running"] * 2, "the node was to be killed in the middle"
    assert (disturbed.done, disturbed.failed) == (6, 0)
    assert disturbed.table == undisturbed
    attempts = sorted(status.attempts for status in FileLedger(tmp_path / "sweep").states().values())
    assert attempts == [1, 1, 1, 1, 1, 2]
    assert not list((tmp_path / "sweep").glob("trials/*/.*"))


def test_without_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"sweep\.engine=ray needs Ray, which is not installed") as caught:
        list(RayExecutor(1).map([Job("a", "json:loads", {"s": "0"}, tmp_path / "a.txt")]))
    assert "kinj[ray]" in caught.value.hint


class RayError(Exception):
    """Stands for Ray's own error."""


class TaskError(RayError):
    """Stands for an exception in a task."""

    def __init__(self, cause: Exception) -> None:
        super().__init__("many lines")
        self.cause = cause


class Call:
    """What a task will return; like Ray's own, it can be a key."""

    def __init__(self, function: Callable[..., Any], values: tuple[Any, ...]) -> None:
        self.function, self.values = function, values


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A Ray without a cluster: what is asked for is done when its result is wanted; `asked` are the resources."""
    ray = ModuleType("ray")
    asked: list[dict[str, Any]] = []

    def remote(**options: Any) -> Any:
        asked.append(options)
        return lambda function: SimpleNamespace(remote=lambda *values: Call(function, values))

    members = {
        "is_initialized": lambda: True,
        "remote": remote,
        "get": lambda call: call.function(*call.values),
        "wait": lambda calls, **options: (calls[:1], calls[1:]),
        "cancel": lambda call, force=False: None,
        "cluster_resources": lambda: {"CPU": 2.0, "GPU": 2.0},
        "nodes": lambda: [{"Alive": True, "Resources": {"CPU": 2.0, "GPU": 2.0}}],
        "exceptions": SimpleNamespace(RayError=RayError, RayTaskError=TaskError),
        "asked": asked,
    }
    for name, value in members.items():
        setattr(ray, name, value)
    monkeypatch.setitem(sys.modules, "ray", ray)
    return ray


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job("a", "json:loads", {"s": "7"}, tmp_path / "trial" / "log.txt")


def test_what_a_trial_is_given(ray: Any, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []

    def recorder(*values: Any) -> tuple[Outcome, str]:
        calls.append(values)
        return Outcome("a", 0, 1), "here"

    monkeypatch.setattr(cluster, "run_here", recorder)
    for gpus, expected in ((None, 1.0), (0.0, 0.0), (0.5, 0.5)):
        assert [one.code for one in RayExecutor(None, cpus=3, gpus=gpus, preload=["json"]).map([job])] == [0]
        assert (ray.asked[-1]["num_cpus"], ray.asked[-1]["num_gpus"]) == (3, expected)
        assert calls[-1][2:] == (os.getcwd(), 3, ("json",))


def test_a_job_runs_in_a_process_of_its_own(ray: Any, job: Job) -> None:
    (outcome,) = RayExecutor(1).map([job])
    assert (outcome.name, outcome.code) == ("a", 7)
    assert outcome.pid != os.getpid()
    assert [path.name for path in job.log.parent.iterdir()] == ["log.txt"]


def test_a_folder_that_a_node_does_not_see(ray: Any, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "SEEN_SECONDS", 0.0)
    assert run_here(job, "no-such-mark", str(job.log.parent), 1, ())[0] is None
    monkeypatch.setattr(cluster, "run_here", lambda *values: (None, "node-7"))
    with pytest.raises(UsageError, match=r"trial is not seen by the node node-7") as caught:
        list(RayExecutor(1).map([job]))
    assert "storage that every node sees" in caught.value.hint
    assert not list(job.log.parent.iterdir())


def raising(error: Exception) -> Callable[..., Any]:
    def get(call: Any) -> Any:
        raise error

    return get


def test_a_node_that_cannot_run_a_job(ray: Any, job: Job) -> None:
    ray.get = raising(TaskError(ModuleNotFoundError("No module named 'kinj'")))
    with pytest.raises(KinjError, match="could not run a trial: No module named 'kinj'"):
        list(RayExecutor(1).map([job]))


def test_a_cluster_that_is_lost(ray: Any, job: Job) -> None:
    ray.wait = lambda calls, **options: raising(RayError("the head is gone\nand more"))(calls)
    with pytest.raises(KinjError, match=r"the Ray cluster failed: the head is gone\n"):
        list(RayExecutor(1).map([job]))


def test_a_node_that_is_lost(ray: Any, job: Job, caplog: pytest.LogCaptureFixture) -> None:
    ray.get = raising(RayError("the node is gone\nand more"))
    assert list(RayExecutor(1).map([job])) == [Outcome("a", None, None)]
    assert caplog.messages == ["the node is gone"]


def test_more_than_any_node_has_is_said(ray: Any, job: Job, caplog: pytest.LogCaptureFixture) -> None:
    list(RayExecutor(1, cpus=64).map([job]))
    assert "no node of the Ray cluster has 64 CPUs and 1 GPUs for a trial; waiting for one" in caplog.messages


def test_a_trial_whose_machine_is_lost_again_and_again_has_failed(ray: Any, start: Start) -> None:
    ray.get = raising(RayError("gone"))
    result = start({"seed": [0]}, "good", executor=RayExecutor(1))
    assert "was lost 3 times" in result.table["failures"][0]["error"]


def test_results_are_those_of_the_local_engine(ray: Any, start: Start, tmp_path: Path) -> None:
    local = start({"seed": [0, 1]}, "good").table
    (tmp_path / "sweep").rename(tmp_path / "local")
    assert json.dumps(start({"seed": [0, 1]}, "good", executor=RayExecutor(1)).table) == json.dumps(local)
