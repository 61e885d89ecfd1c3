"""`torchrun -m kinj train`: two processes train one model, write one run, and resume it to the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.distributed as dist
from accelerate.utils import DistributedType
from safetensors.torch import load_file
from torch.nn.parallel import DistributedDataParallel

from kinj.config.errors import UsageError
from kinj.config.schema import Settings
from kinj.models.loading import LanguageModel
from kinj.train.processes import ALONE, Onlooker, Processes, accelerator_for, join, spread

ARGUMENTS = [
    "model=scratch",
    "model.size=100k",
    "data.biographies.people=8",
    "data.biographies.teachers=8",
    "train.stages.inject.epochs=null",
    "train.stages.inject.steps=6",
    "train.checkpoint_every=3",
    "optim.batch_tokens=600",
    "optim.sam.rho=0.1",
    "optim.sam.fraction=0.5",
    "train.threads=1",
]


def kinj_train(folder: Path, processes: int, *more: str) -> subprocess.CompletedProcess[str]:
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes)] if processes > 1 else []
    command = [sys.executable, *launcher, "-m", "kinj", "train", *ARGUMENTS, "-o", str(folder), *more]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)


def final(folder: Path, step: int = 6) -> Path:
    return folder / "checkpoints" / f"step-{step:06d}"


def metrics(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_two_processes_train_as_one_and_resume_to_the_same_bytes(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    assert kinj_train(one, 1).returncode == 0
    result = kinj_train(two, 2, "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["steps"] == 6  # one object: the other process says nothing
    assert result.stderr.count(f"run {two}") == 1
    assert [line["step"] for line in metrics(two)] == [1, 2, 3, 4, 5, 6]
    for a, b in zip(metrics(one), metrics(two), strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-4)
        assert (a["tokens"], a["label_tokens"]) == (b["tokens"], b["label_tokens"])
    weights = [load_file(final(folder) / "model.safetensors") for folder in (one, two)]
    for name, weight in weights[0].items():
        torch.testing.assert_close(weight, weights[1][name], atol=2e-4, rtol=1e-3)

    digest = hashlib.sha256((final(two) / "model.safetensors").read_bytes()).hexdigest()
    shutil.rmtree(final(two))
    (two / "summary.json").unlink()
    resumed = kinj_train(two, 2, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert hashlib.sha256((final(two) / "model.safetensors").read_bytes()).hexdigest() == digest
    assert [line["step"] for line in metrics(two)] == [1, 2, 3, 4, 5, 6]


def test_rows_are_dealt_evenly_and_each_once() -> None:
    rows = ["a" * n for n in (5, 9, 1, 7, 3)]
    dealt = Processes(0, 2).deal(rows)
    assert dealt == [["a" * 9, "a" * 5, "a"], ["a" * 7, "a" * 3]]
    assert dealt == Processes(1, 2).deal(rows)
    assert ALONE.deal(rows) == [sorted(rows, key=len, reverse=True)]


@pytest.mark.parametrize("asked", ["fp16", "fp8"])
def test_a_precision_that_needs_a_loss_scaler_is_refused(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", asked)
    with pytest.raises(UsageError, match=f"does not train in {asked}: it has no loss scaler") as caught:
        accelerator_for(Settings())
    assert "train.precision=bf16 or fp32" in caught.value.hint


@pytest.fixture
def group() -> Iterator[None]:
    """A group of this process alone, through which the messages of several can be sent."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("group")
def test_numbers_are_summed_and_values_agreed_on_through_the_group() -> None:
    processes = Processes(rank=0, size=2)
    assert processes.sum([1, 2.5]) == [1, 2.5]
    assert processes.agree({"stop": "early"}) == {"stop": "early"}


@pytest.mark.usefixtures("group")
def test_a_model_is_wrapped_only_where_there_are_others(language_model: LanguageModel) -> None:
    assert spread(language_model.model, Processes()) is language_model.model
    network = spread(language_model.model, Processes(rank=0, size=2))
    assert isinstance(network, DistributedDataParallel)
    assert not network.broadcast_buffers


def test_an_onlooker_writes_nothing(tmp_path: Path) -> None:
    run = Onlooker(tmp_path)
    run.event("notice", text="heard")
    run.metric(step=1, loss=2.0)
    run.write_json("summary.json", {})
    run.truncate_metrics(0)
    assert list(tmp_path.iterdir()) == []


def test_the_launcher_says_which_process_this_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert join() == Processes()
    monkeypatch.setenv("WORLD_SIZE", "4")
    state = SimpleNamespace(process_index=2, num_processes=4)
    monkeypatch.setattr("kinj.train.processes.PartialState", lambda cpu: state)
    assert join() == Processes(rank=2, size=4)
    assert not join().main


def test_a_way_of_sharding_that_is_not_trained_with_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    sharded = SimpleNamespace(distributed_type=DistributedType.FSDP)
    monkeypatch.setattr("kinj.train.processes.Accelerator", lambda **_: sharded)
    with pytest.raises(UsageError, match="does not run under FSDP"):
        accelerator_for(Settings())
