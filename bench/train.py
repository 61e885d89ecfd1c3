"""Speed and memory of kinj's training step beside its peers: same model, documents, tokens a step, threads and precision.

    python bench/train.py [--rounds 5] [--threads 2] [--models tiny 20M] [--documents FOLDER] [--json]

Every round runs each arm once, in turn, so that a machine whose speed drifts disturbs all of them alike; medians are
quoted. Real tokens leave padding out. The corpus is the training documents of Wiki2023's films (`--documents` names the
folder), or texts of one to four generated biographies where that is not at hand. A step has as many tokens as 16 documents
on average. The arms:

- kinj with packed rows, and with padded ones put together by length;
- kinj with SAM: full, with a quarter of the rows for the ascent, momentum;
- independent SAM: the same loop with the SAM of pytorch_optimizer (`first_step`, `second_step`);
- Trainer: transformers' own, 16 documents a step, its default padding collator;
- TRL: SFTTrainer with packing into rows of the longest document.

`gemm_share` is the matrix products of a step's forward and backward pass (torch's FLOP counter: the output head counts, so does
half the square of attention, padding does not) by their time, as a share of what one large fp32 matrix product reaches here.
`estimate_*` is what `kinj train --dry-run` tells, as a multiple of what the run then takes (`bench/train_command.py`).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from train_arms import ARMS, corpus, step_tokens, stepper_of, steps_of
from train_command import command_line

from kinj.config.schema import ModelSettings
from kinj.models.codec import Example
from kinj.models.loading import LanguageModel, load_model
from kinj.train.estimate import count_flops

FILMS = Path(__file__).parents[2] / "shared/data/wiki2023_film"


def load(name: str) -> LanguageModel:
    """A shipped model, or new weights where a size is given."""
    return load_model(
        ModelSettings(name="scratch", size=name) if name[0].isdigit() else ModelSettings(name=name), max_tokens=512
    )


def gemm_rate() -> float:
    """Multiplications and additions a second of a large fp32 matrix product."""
    a, b = torch.randn(1536, 1536), torch.randn(1536, 1536)
    times = []
    for _ in range(7):
        began = time.perf_counter()
        torch.mm(a, b)
        times.append(time.perf_counter() - began)
    return float(2 * 1536**3 / statistics.median(times))


def flops_a_token(model: LanguageModel, rows: Sequence[Example]) -> float:
    """Of the matrix products of forward and backward, by real token."""
    stepper = stepper_of(model, rows)
    cut = stepper.share(steps_of(rows, 1)[0])
    return count_flops(lambda: stepper.backward(cut.batches, cut.label_tokens)) / cut.tokens


def speeds(name: str, folder: Path, rounds: int, steps: int) -> dict[str, Any]:
    """Medians over the rounds, and the ratios that follow."""
    rates: dict[str, list[float]] = {arm: [] for arm in ARMS}
    real: dict[str, float] = {}
    gemm: list[float] = []
    for _ in range(rounds):
        gemm.append(gemm_rate())
        for arm, run in ARMS.items():
            model = load(name)
            rate, real[arm] = run(model, corpus(folder, model), steps)
            rates[arm].append(rate)
    model = load(name)
    rows = corpus(folder, model)
    medians = {arm: statistics.median(values) for arm, values in rates.items()}
    plain = medians["kinj"]
    return {
        "parameters": model.parameters,
        "tokens_a_step": step_tokens(rows),
        "tokens_per_second": {arm: round(value) for arm, value in medians.items()},
        "ranges": {arm: [round(min(values)), round(max(values))] for arm, values in rates.items()},
        "real_share": {arm: round(real[arm], 3) for arm in ("kinj", "kinj, padded", "Trainer")},
        "ratio_trainer": round(plain / medians["Trainer"], 2),
        "ratio_trainer_padding": round(real["kinj"] / real["Trainer"], 2),
        "ratio_trainer_overhead": round(plain / real["kinj"] / (medians["Trainer"] / real["Trainer"]), 2),
        "ratio_padded": round(plain / medians["kinj, padded"], 2),
        "ratio_trl": round(plain / medians["TRL"], 2),
        "gemm_share": round(flops_a_token(model, rows) * plain / statistics.median(gemm), 3),
        "gflops": round(statistics.median(gemm) / 1e9, 1),
        "sam_full": round(plain / medians["kinj, SAM"], 2),
        "sam_quarter": round(plain / medians["kinj, SAM quarter"], 2),
        "sam_momentum": round(plain / medians["kinj, SAM momentum"], 2),
        "sam_independent": round(plain / medians["independent SAM"], 2),
    }


def peak_mib(name: str, arm: str, folder: Path) -> float:
    """Most resident memory of a process that runs an arm for a few steps."""
    command = [sys.executable, __file__, "--models", name, "--documents", str(folder), "--only", arm]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def memory(name: str, folder: Path) -> dict[str, float]:
    """Copies of the parameters that SAM adds to plain training, and plain training's memory beside the Trainer's."""
    peaks = {arm: peak_mib(name, arm, folder) for arm in ("kinj", "kinj, SAM", "Trainer")}
    copy = load(name).parameters * 4 / 2**20
    return {
        "sam_extra_copies": round((peaks["kinj, SAM"] - peaks["kinj"]) / copy, 2),
        "memory_trainer": round(peaks["kinj"] / peaks["Trainer"], 2),
    }


def show(name: str, result: dict[str, Any]) -> None:
    print(f"{name}: {result['parameters']:,} parameters, {result['tokens_a_step']:,} tokens a step")
    for arm, value in result["tokens_per_second"].items():
        low, high = result["ranges"][arm]
        print(f"  {arm:<20} {value:>8,} real tokens/s   [{low:,}, {high:,}]")
    print(
        f"  Trainer {result['ratio_trainer']}x (less padding {result['ratio_trainer_padding']}x, less overhead "
        f"{result['ratio_trainer_overhead']}x)   TRL {result['ratio_trl']}x   kinj padded {result['ratio_padded']}x\n"
        f"  {result['gemm_share']:.0%} of a matrix product's "
        f"{result['gflops']} GFLOP/s"
    )
    print(
        f"  SAM {result['sam_full']}x a plain step, a quarter {result['sam_quarter']}x, momentum {result['sam_momentum']}x, "
        f"independent {result['sam_independent']}x"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10, help="of each arm in a round")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--models", nargs="+", default=["tiny", "20M"])
    parser.add_argument("--documents", type=Path, default=FILMS)
    parser.add_argument(
        "--only", choices=list(ARMS), help="run one arm for a few steps and print the peak memory in MiB"
    )
    parser.add_argument("--quick", action="store_true", help="a look at the bench itself: one round of little")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.only:
        model = load(options.models[0])
        ARMS[options.only](model, corpus(options.documents, model), 3)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    if options.quick:
        options.rounds, options.steps, options.models = 1, 1, ["500k"]
    with contextlib.redirect_stdout(sys.stderr):  # the peers print on the way
        results = {name: speeds(name, options.documents, options.rounds, options.steps) for name in options.models}
    last = options.models[-1]  # large enough for its weights to show in the memory of a process
    result = {
        **results[options.models[0]],
        "models": results,
        **memory(last, options.documents),
        **command_line(options.quick),
    }
    if options.json:
        print(json.dumps(result))
        return
    for name, found in results.items():
        show(name, found)
    print(
        f"memory ({last}): SAM adds {result['sam_extra_copies']} copies of the weights; plain training takes "
        f"{result['memory_trainer']}x the Trainer's"
    )
    print(
        f"kinj train: first step after {result['seconds_to_first_step']} s; checkpoints {result['checkpoint_share']:.1%} of a run"
    )
    print(
        f"--dry-run told {result['estimate_seconds']}x the time, {result['estimate_memory']}x the memory and "
        f"{result['estimate_flops']}x the FLOPs"
    )


if __name__ == "__main__":
    main()
