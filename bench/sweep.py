"""What a sweep costs beyond its trials' own work.

    python bench/sweep.py [--rounds 5] [--trials 1000] [--quick] [--json]

- `trial_overhead_s`: seconds by which a trial of a running sweep (from the end of the one before it to its own) is longer than
  the same training and evaluation in a process that has done them before; the median over the trials but the first;
- `report_1000_s`: seconds to list 1,000 finished trials one by one (`kinj runs SWEEP --trials`, its start included), to make
  the table of the sweep, and to write its report and card;
- `list_1000_s`: the first part of that alone;
- `continue_1000_s`: seconds of the same sweep called again: to plan all trials, to find that they are done, and to make the table;
- `multiplex_ratio`: seconds of one run with five treatments (`train.multiplex`), trained and evaluated, by those of one run
  without, both by their tokens;
- `two_worker_speedup`: wall-clock time of a sweep with one worker by that with two, each trial with one thread.

What cannot be measured is null, and `reasons` says why.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from kinj.cli.pipeline import evaluate_run, start_run, train_in
from kinj.cli.trial import run_trial
from kinj.config import Loaded, load, to_yaml
from kinj.config.errors import KinjError
from kinj.config.schema import Settings
from kinj.report.card import write_sweep_card
from kinj.report.sweep import write_sweep_report
from kinj.sweep.results import collect
from kinj.sweep.run import plan, sweep
from kinj.sweep.space import Trial, grid

ENTRY = f"{run_trial.__module__}:{run_trial.__name__}"
SHORT = ["data.biographies.people=12", "data.biographies.teachers=6", "eval.limit=24", "train.threads=1"]
VIEWS = ["train.stages.inject.data.documents.augment=[formatting]", "train.stages.inject.data.documents.views=5"]
QUESTIONS = 100
"""Questions that a finished trial was asked."""


def short_trials(steps: int, *more: str) -> Loaded:
    """Settings of a sweep whose trials take seconds."""
    stage = "train.stages.inject"
    return load("sweep", [*SHORT, f"{stage}.epochs=null", f"{stage}.steps={steps}", *more], environ={})


def run(loaded: Loaded, folder: Path, seeds: int, workers: int) -> float:
    """Seconds of a sweep over seeds."""

    def settings_of(trial: Trial) -> Settings:
        return loaded.override(trial.overrides, "train").settings

    began = time.perf_counter()
    sweep(grid({"seed": list(range(seeds))}), settings_of, folder, ENTRY, workers, loaded.settings)
    return time.perf_counter() - began


def overhead(folder: Path, rounds: int) -> float:
    """Seconds of a trial beyond those of its training and evaluation."""
    loaded = short_trials(4)
    run(loaded, folder / "warm", rounds + 1, 1)
    rows = [json.loads(line) for line in (folder / "warm" / "trials.jsonl").read_text().splitlines()]
    ends = [row["time"] for row in rows if row["state"] == "done"]
    inside = [alone(loaded, folder / f"alone-{number}", number)[0] for number in range(rounds + 1)]
    whole = [after - before for before, after in pairwise(ends)]
    return statistics.median(whole) - statistics.median(inside[1:])


def alone(loaded: Loaded, target: Path, seed: int) -> tuple[float, int]:
    """Seconds of training and evaluating one run in this process, and the tokens it was trained on."""
    settings = loaded.override({"seed": seed}, "train").settings
    settings = replace(settings, run=replace(settings.run, dir=str(target)))
    directory = start_run(settings, target.name)
    began = time.perf_counter()
    result, _ = train_in(settings, directory)
    evaluate_run(settings, directory)
    return time.perf_counter() - began, result.tokens


def multiplexed(folder: Path, rounds: int, steps: int) -> float:
    """Seconds a token of a run with five treatments by those of one where all documents get the middle one; medians over rounds.

    Raises:
        KinjError: this version of kinj has no such setting, or refuses it.
    """
    plain = short_trials(steps, *VIEWS)
    many = short_trials(steps, *VIEWS, "train.multiplex=['augment.views=1,2,5,10,20']")
    seconds: dict[str, list[float]] = {"plain": [], "many": []}
    for number in range(rounds + 1):  # in turn, so that what else the machine does falls on both
        for name, loaded in (("plain", plain), ("many", many)):
            took, tokens = alone(loaded, folder / f"{name}-{number}", number)
            seconds[name].append(took / tokens)
    return statistics.median(seconds["many"][1:]) / statistics.median(seconds["plain"][1:])


def finished_trial(folder: Path, seed: int, lr: float) -> None:
    """What a finished trial leaves: results, predictions, cost, events."""
    value = (seed * 37 % 100) / 100 * min(1.0, lr * 100)
    hits = [number < value * QUESTIONS for number in range(QUESTIONS)]
    about = {"n": QUESTIONS, "clusters": QUESTIONS, "unit": "share", "direction": 1, "covers": "other questions"}
    measures = {"recall": {"value": sum(hits) / QUESTIONS, "low": value, "high": value, **about}}
    rows = [
        {"id": f"q{n}", "document": f"d{n}", "kind": "forward", "scores": {"exact_match": float(hit)}}
        for n, hit in enumerate(hits)
    ]
    (folder / "predictions").mkdir(parents=True)
    (folder / "predictions/biographies.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    cost = {"steps": 100, "passes": 100, "tokens": 1000, "label_tokens": 900, "seconds": 10.0}
    (folder / "summary.json").write_text(json.dumps({"schema": 1, "parameters": 2_000_000, **cost}))
    (folder / "events.jsonl").write_text('{"kind": "finished", "time": 2.0}\n')
    (folder / "results.json").write_text(
        json.dumps({"schema": 1, "probes": {"biographies": {"measures": measures}}, "notices": []})
    )


def report(folder: Path, trials: int) -> dict[str, float]:
    """Seconds of a list of finished trials, of that with their table and report, and of their sweep when it is called again."""
    loaded = short_trials(4)
    space: dict[str, list[Any]] = {
        "optim.lr": [1e-5 * (1 + n) for n in range(max(1, trials // 5))],
        "seed": [*range(5)],
    }

    def settings_of(trial: Trial) -> Settings:
        return loaded.override(trial.overrides, "train").settings

    points = grid(space)
    where, planned = plan(points, settings_of, folder / "many")
    for one in planned:
        finished_trial(one.folder, one.settings.seed, one.settings.optim.lr)
        (one.folder / "config.yaml").write_text(to_yaml(one.settings))
    (where / "trials.jsonl").touch()
    began = time.perf_counter()
    result = sweep(points, settings_of, where, ENTRY, 1, loaded.settings)
    again = time.perf_counter() - began
    assert result.resumed == len(points)
    began = time.perf_counter()
    shown = subprocess.run(
        [sys.executable, "-m", "kinj", "runs", str(where), "--trials"], capture_output=True, text=True, check=True
    )
    listed = time.perf_counter() - began
    assert len(shown.stdout.splitlines()) == len(points) + 1
    collect(planned, loaded.settings, {})
    write_sweep_report(where)
    write_sweep_card(where)
    reported = time.perf_counter() - began
    return {"report_1000_s": reported, "list_1000_s": listed, "continue_1000_s": again}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=60, help="of each of the trials of which two run at a time")
    parser.add_argument("--quick", action="store_true", help="a look at the bench itself")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.trials, options.steps = 2, 20, 2
    result: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result["trial_overhead_s"] = overhead(folder, options.rounds)
        result |= report(folder, options.trials)
        try:
            result["multiplex_ratio"] = multiplexed(folder, options.rounds, options.steps)
        except KinjError as reason:
            result["multiplex_ratio"], reasons["multiplex_ratio"] = None, str(reason).removeprefix("error: ")
        times = [run(short_trials(options.steps), folder / f"workers-{workers}", 6, workers) for workers in (1, 2)]
        result["two_worker_speedup"] = times[0] / times[1]
    result = {name: None if value is None else round(value, 2) for name, value in result.items()}
    if options.json:
        print(json.dumps({**result, "reasons": reasons}))
        return
    print(f"a trial takes {result['trial_overhead_s']} s beyond its training and evaluation")
    print(
        f"{options.trials:,} finished trials: listed in {result['list_1000_s']} s, with a report {result['report_1000_s']} s"
    )
    print(f"{options.trials:,} finished trials: the same sweep again takes {result['continue_1000_s']} s")
    print(
        f"five treatments in one run: {result['multiplex_ratio']}x one run"
        + "".join(f" ({why})" for why in reasons.values())
    )
    print(f"two workers {result['two_worker_speedup']}x one")


if __name__ == "__main__":
    main()
