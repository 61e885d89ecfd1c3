"""`torchrun -m kinj train`: two processes train one model, write one run, and resume it to the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from kinj.config.errors import UsageError
from kinj.config.schema import Settings
from kinj.train.processes import ALONE, Processes, accelerator_for

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
