"""The command `kinj train` as a whole: how soon it takes its first step, what checkpoints cost, what its dry run foretells."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from kinj.config import load
from kinj.data import open_data
from kinj.models.loading import load_model
from kinj.train.batching import layout_for
from kinj.train.estimate import count_flops, estimate
from kinj.train.optim import build_adamw
from kinj.train.stages import prepare_stage
from kinj.train.step import Stepper

TRAIN = (sys.executable, "-m", "kinj", "train")
FEW = ("data.biographies.people=20", "train.stages.inject.epochs=1")


def command_line(quick: bool) -> dict[str, float]:
    """Figures of one default run, or of a short one."""
    chosen = FEW if quick else ()
    told = json.loads(subprocess.run([*TRAIN, *chosen, "--dry-run", "--json"], check=True, capture_output=True).stdout)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        first, whole, peak = watched([*TRAIN, *chosen, "-o", str(run)], run / "metrics.jsonl")
        events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
        summary = json.loads((run / "summary.json").read_text())
    saving = sum(event["saving"] for event in events if event["kind"] == "checkpoint")
    return {
        "seconds_to_first_step": round(first, 2),
        "checkpoint_share": round(saving / whole, 4),
        "estimate_seconds": round(told["seconds"] / summary["seconds"], 2),
        "estimate_memory": round(told["peak_bytes"] / peak, 2),
        "estimate_flops": round(flops_told(), 3),
    }


def watched(command: list[str], metrics: Path) -> tuple[float, float, int]:
    """Seconds to the first line of metrics and to the end of a command, and the most memory it held, in bytes."""
    began, first = time.time(), 0.0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not first:
        if metrics.exists() and metrics.stat().st_size:
            first = time.time() - began
        elif process.poll() is not None:
            raise SystemExit(f"{' '.join(command)} failed")
        time.sleep(0.02)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)  # it has been waited for
    return first, time.time() - began, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def flops_told() -> float:
    """Estimated FLOPs of a short stage by those counted over all its steps."""
    settings = load("train", FEW).settings
    model = load_model(settings.model)
    stage = prepare_stage("inject", settings, open_data(settings.data), model.codec, None)
    network: Any = model.model.train()
    packed = layout_for("auto", network, model.codec).packed
    stepper = Stepper(network, build_adamw(network, stage.optim), stage.optim, model.codec.pad_id, packed=packed)
    told = estimate(stage, stepper).flops

    def whole_stage() -> None:
        for number, (_, rows) in enumerate(stage.plan()):
            stepper.take(stage.examples(rows, number), number)

    return told / count_flops(whole_stage)
