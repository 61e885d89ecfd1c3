"""`augment.engine=ray` on a real cluster of several nodes on this machine, one of which is killed in the middle."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from kinj.augment import shards, store
from kinj.augment.run import augment_file
from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import AugmentSettings, Settings

DOCUMENTS = 2000


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shards, "RECORDS", 20)
    texts = (f"Person {n} was born in Łódź. She wrote {n} books. She likes snow." for n in range(DOCUMENTS))
    Path("corpus.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return tmp_path


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A head node that works on nothing and two nodes with a processor each."""
    ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'kinj[ray]'")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 100 << 20})
    nodes = [made.add_node(num_cpus=1, object_store_memory=100 << 20) for _ in range(2)]
    ray.init(address=made.address, log_to_driver=False)
    try:
        yield made, nodes
    finally:
        ray.shutdown()
        made.shutdown()


def settings(engine: str) -> Settings:
    return Settings(augment=AugmentSettings(views=5, engine=engine))


@pytest.mark.slow
def test_a_node_is_killed_and_nothing_is_lost(corpus: Path, cluster: Any) -> None:
    made, nodes = cluster
    augment_file(["corpus.jsonl"], Path("local.jsonl"), settings("local"))
    killed: list[int] = []

    def kill() -> None:
        left = store.store_of(Path("ray.jsonl"))
        while left.originals() < DOCUMENTS // 10:
            time.sleep(0.02)
        made.remove_node(nodes[0], allow_graceful=False)
        killed.append(left.originals())

    killer = Thread(target=kill)
    killer.start()
    report = augment_file(["corpus.jsonl"], Path("ray.jsonl"), settings("ray"))
    killer.join()
    assert 0 < killed[0] < DOCUMENTS, "the node was to be killed in the middle"
    assert report.documents == DOCUMENTS
    assert Path("ray.jsonl").read_bytes() == Path("local.jsonl").read_bytes()


def test_without_ray(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match="needs Ray, which is not installed") as caught:
        augment_file(["corpus.jsonl"], Path("ray.jsonl"), settings("ray"))
    assert "kinj[ray]" in caught.value.hint
    assert not Path("ray.jsonl.part").exists()


class LostError(Exception):
    """Stands for Ray's own error."""


def stand_in(fails: bool) -> Any:
    """A Ray without a cluster: what is asked for is done at once."""
    ray = ModuleType("ray")
    opened: list[bool] = []

    def get(made: Any) -> Any:
        if fails:
            raise LostError("the node is gone\nand more")
        return made

    members = {
        "is_initialized": lambda: bool(opened),
        "init": lambda **options: opened.append(True),
        "shutdown": opened.clear,
        "put": lambda value: value,
        "get": get,
        "remote": lambda **options: lambda function: SimpleNamespace(remote=function),
        "cluster_resources": lambda: {"CPU": 2.0},
        "exceptions": SimpleNamespace(RayError=LostError),
        "util": SimpleNamespace(get_node_ip_address=lambda: "127.0.0.1"),
        "opened": opened,
    }
    for name, value in members.items():
        setattr(ray, name, value)
    return ray


def test_the_same_bytes(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = stand_in(fails=False)
    monkeypatch.setitem(sys.modules, "ray", ray)
    augment_file(["corpus.jsonl"], Path("ray.jsonl"), settings("ray"))
    augment_file(["corpus.jsonl"], Path("local.jsonl"), settings("local"))
    assert Path("ray.jsonl").read_bytes() == Path("local.jsonl").read_bytes()
    assert not ray.opened


def test_a_cluster_that_is_lost(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", stand_in(fails=True))
    with pytest.raises(KinjError, match=r"the Ray cluster failed: the node is gone\n") as caught:
        augment_file(["corpus.jsonl"], Path("ray.jsonl"), settings("ray"))
    assert "--resume" in caught.value.hint


def test_an_address_at_which_nothing_listens(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray itself would try for a quarter of an hour."""
    ray = stand_in(fails=False)
    monkeypatch.setitem(sys.modules, "ray", ray)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # and does not listen
        port = free.getsockname()[1]
        for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}"):
            monkeypatch.setenv("RAY_ADDRESS", address)
            with pytest.raises(UsageError, match=f"no Ray cluster can be reached at {address}: .*refused") as caught:
                augment_file(["corpus.jsonl"], Path("ray.jsonl"), settings("ray"))
            assert "RAY_ADDRESS" in caught.value.hint
        assert not ray.opened
        free.listen()
        augment_file(["corpus.jsonl"], Path("ray.jsonl"), settings("ray"))
    monkeypatch.setenv("RAY_ADDRESS", "auto")  # another form is left to Ray
    augment_file(["corpus.jsonl"], Path("ray.jsonl"), settings("ray"), overwrite=True)


def test_a_cluster_that_cannot_be_reached(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = stand_in(fails=False)

    def init(**options: Any) -> None:
        raise ConnectionError("no answer from 10.0.0.1:6379")

    ray.init = init
    monkeypatch.setitem(sys.modules, "ray", ray)
    with pytest.raises(UsageError, match=r"no Ray cluster can be reached: no answer from 10\.0\.0\.1") as caught:
        augment_file(["corpus.jsonl"], Path("ray.jsonl"), settings("ray"))
    assert "RAY_ADDRESS" in caught.value.hint
