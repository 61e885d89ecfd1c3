"""Entries that workers call by name in place of a real trial: `sweep_entries:NAME`. They learn nothing and write results."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import yaml

PEOPLE = 40
STEPS = 10
"""Of `stepwise`."""


def good(config: Path, folder: Path) -> None:
    """Recall that grows with the learning rate and falls with the seed; a line in `calls` for every call."""
    settings = _settings(config)
    with (folder / "calls").open("a") as file:
        file.write("called\n")
    write_run(folder, min(1.0, settings["optim"]["lr"] * 100 - 0.02 * settings["seed"]), passes=100)


def versioned(config: Path, folder: Path) -> None:
    """As `good`, with a note of the process, as every real run has one."""
    from kinj.data.rundir import RunDir
    from kinj.sweep import identity

    RunDir(folder).event("process", schema=int(identity.SCHEMA), host="", pid=0, started="")
    good(config, folder)


def tidy(config: Path, folder: Path) -> None:
    """Writes results as real runs do, whole or not at all: 40 kB of them."""
    from kinj.data.rundir import RunDir

    run = RunDir(folder)
    run.write_json("results.json", {"schema": 1, "probes": {}, "notices": ["x" * 40_000]})
    run.event("finished")


def stepwise(config: Path, folder: Path) -> None:
    """Makes its steps one after the other, going on from those it made before, and leaves results as real runs do."""
    with (folder / "steps").open("a+") as file:
        file.seek(0)
        for step in range(len(file.read().split()), STEPS):
            time.sleep(0.02)
            file.write(f"{step}\n")
            file.flush()
    settings = _settings(config)
    work = folder / ".work"
    write_run(work, min(1.0, settings["optim"]["lr"] * 100 - 0.02 * settings["seed"]), passes=100)
    (folder / "predictions").mkdir(exist_ok=True)
    for name in ("predictions/biographies.jsonl", "summary.json", "events.jsonl", "results.json"):
        (work / name).replace(folder / name)


def curved(config: Path, folder: Path) -> None:
    """Learns in steps as fast as its learning rate says, asked after every second one; its sweep may prune it."""
    from kinj.config import from_yaml
    from kinj.data.rundir import RunDir
    from kinj.sweep.pruning import judging

    settings = from_yaml(config)
    run = RunDir.create(folder, resume=True)
    judge = judging(run, settings.train)
    about = {"probe": "biographies", "measure": "recall", "direction": 1}
    begun = max((row["step"] for row in run.metrics()), default=0)
    run.truncate_metrics(begun - 1)  # the last step may not have been asked about
    for step in range(max(1, begun), STEPS + 1):
        row = {"step": step, "loss": 1.0}
        run.metric(**row)
        if judge:
            judge("inject", step, STEPS, row)
        if step % 2 == 0:
            run.metric(step=step, **about, value=min(1.0, settings.optim.lr * 10 * step))
        time.sleep(float(os.environ.get("SWEEP_STEP_SECONDS", "0")))
    write_run(folder, min(1.0, settings.optim.lr * 100), passes=100)


def uneven(config: Path, folder: Path) -> None:
    """Seed 1 fails, seed 2 is killed, the rest finish; where `repaired` is set in the environment, all finish."""
    seed = _settings(config)["seed"]
    print(f"trial with seed {seed}")
    if seed == 1 and "SWEEP_REPAIRED" not in os.environ:
        raise RuntimeError("this trial is broken")
    if seed == 2 and "SWEEP_REPAIRED" not in os.environ:
        os.kill(os.getpid(), signal.SIGKILL)
    good(config, folder)


def slow(config: Path, folder: Path) -> None:
    """Takes a minute, unless interrupted; then it says so."""
    (folder / "started").touch()
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        (folder / "stopped").touch()
        raise


def paced(config: Path, folder: Path) -> None:
    """Stays at half of its training for a moment."""
    row = {"kind": "stage", "name": "inject", "steps": 100, "done": 0}
    (folder / "events.jsonl").write_text(json.dumps(row) + "\n")
    (folder / "metrics.jsonl").write_text('{"step": 50}\n')
    time.sleep(1)
    good(config, folder)


def disturbed(config: Path, folder: Path) -> None:
    """Begun before the file `killed` is in the sweep's folder, it takes longer than the death of a node takes to be noticed."""
    killed, deadline = folder.parents[1] / "killed", time.monotonic() + 60
    if not killed.exists():
        (folder / "begun").touch()
        while not killed.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(10)
    good(config, folder)


def forgetful(config: Path, folder: Path) -> None:
    """Ends well and leaves nothing."""


def threads(config: Path, folder: Path) -> None:
    """Notes how many threads it was given."""
    (folder / "threads").write_text(os.environ["OMP_NUM_THREADS"])
    good(config, folder)


def tell_environment() -> int:
    """Prints a variable; returns torch's threads."""
    import torch

    print(os.environ["SWEEP_MARK"])
    return torch.get_num_threads()


def never_begins(*_: object) -> None:
    """Ends before it has taken a trial."""
    sys.exit(1)


def kill_yourself() -> None:
    """Ends as the out-of-memory killer would end it."""
    os.kill(os.getpid(), signal.SIGKILL)


def sleep_a_minute() -> None:
    """Too slow to wait for."""
    time.sleep(60)


def count_others(folder: str, seconds: float) -> int:
    """How many calls for the same folder are going on at once, this one included."""
    mine = Path(folder) / f"at-work-{os.getpid()}"
    mine.touch()
    time.sleep(seconds)
    found = len(list(Path(folder).glob("at-work-*")))
    mine.unlink()
    return found


def note_gpus(folder: str) -> None:
    """Writes down which GPUs it sees, and from when to when it ran."""
    began = time.time()
    time.sleep(0.2)
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
    (Path(folder) / f"gpu-{os.getpid()}").write_text(f"{gpus} {began} {time.time()}")


def write_run(folder: Path, recall: float, passes: int, steps: int = 100, seed: int = 0, **more: Any) -> None:
    """What a finished run leaves: results, predictions, cost, events."""
    rng = random.Random(seed)
    hits = [rng.random() < recall for _ in range(PEOPLE)]
    value = sum(hits) / PEOPLE
    about = {
        "n": PEOPLE,
        "clusters": PEOPLE,
        "unit": "share",
        "direction": 1,
        "covers": f"other questions like these {PEOPLE}",
    }
    overlap = {"prompt_overlap": {"prompts": PEOPLE, "share": 0.25}}
    probes: dict[str, Any] = {
        "biographies": {
            "measures": {"recall": {"value": value, "low": value - 0.1, "high": value + 0.1, **about}},
            **overlap,
        },
        **more.get("probes", {}),
    }
    rows = [
        {"id": f"q{i}", "document": f"d{i}", "kind": "forward", "scores": {"exact_match": float(hit)}}
        for i, hit in enumerate(hits)
    ]
    (folder / "predictions").mkdir(parents=True, exist_ok=True)
    (folder / "predictions" / "biographies.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    cost = {
        "steps": steps,
        "passes": passes,
        "tokens": 1000 * steps,
        "label_tokens": 900 * steps,
        "seconds": 0.1 * passes,
    }
    (folder / "summary.json").write_text(json.dumps({"schema": 1, "parameters": 2_000_000, **cost}))
    with (folder / "events.jsonl").open("a") as file:
        file.write(json.dumps({"kind": "stage", "name": "inject", "steps": steps, "done": 0, "time": 1.0}) + "\n")
        file.write(json.dumps({"kind": "finished", "time": 2.0}) + "\n")
    (folder / "results.json").write_text(json.dumps({"schema": 1, "probes": probes, "notices": []}))


def _settings(config: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(config.read_text())
    return content
