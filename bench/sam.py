"""What a step of each variant of SAM costs beside a plain one: time, passes, and tensors held. For the cards in docs/ascents.

    python bench/sam.py [--rounds 5] [--steps 10] [--threads 1] [--model tiny] [--json]

Time is CPU time of this process, so other programs on the machine hardly disturb it. Each round takes the same steps with every
variant in turn; the ratio to the plain steps of the same round is taken, and the median over rounds is quoted with its range.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

import torch

from kinj.config.schema import DataSettings, ModelSettings, OptimSettings, SamSettings
from kinj.data.biographies import data_set
from kinj.data.records import Document
from kinj.models.codec import Example
from kinj.models.loading import LanguageModel, load_model
from kinj.train.batching import cut_steps, layout_for
from kinj.train.optim import build_adamw
from kinj.train.step import Stepper

STEP_TOKENS = 2048
ARMS: dict[str, dict[str, Any]] = {
    "plain": {"rho": 0.0},
    "sam": {"rho": 0.05},
    "sam, a quarter of the rows": {"rho": 0.05, "fraction": 0.25},
    "sam, every 5th step": {"rho": 0.05, "every": 5},
    "asam": {"rho": 0.5, "variant": "asam"},
    "looksam, every 5th step": {"rho": 0.05, "variant": "looksam", "every": 5},
    "momentum": {"rho": 0.5, "variant": "momentum"},
}


def steps_of(language_model: LanguageModel, count: int) -> list[list[Example]]:
    """Steps of documents of one to four times one length, as in a corpus of unlike texts."""
    documents = [record.text for record in data_set(DataSettings()).pool("replay") if isinstance(record, Document)]
    texts = ["\n\n".join(documents[i : i + 1 + i % 4]) for i in range(0, len(documents), 4)]
    rows = [(None, row) for rows in language_model.codec.documents(texts) for row in rows]
    steps = [[row for _, row in step] for step in cut_steps(rows, STEP_TOKENS)]
    return (steps * (count // len(steps) + 1))[:count]


class Arm:
    """A model of its own that is trained with one variant."""

    def __init__(self, model: str, sam: dict[str, Any]) -> None:
        self.language_model = load_model(ModelSettings(name=model))
        settings = OptimSettings(batch_tokens=STEP_TOKENS, lr=1e-4, sam=SamSettings(**sam))
        network = self.language_model.model.train()
        codec = self.language_model.codec
        packed = layout_for("auto", network, codec).packed
        self.stepper = Stepper(network, build_adamw(network, settings), settings, codec.pad_id, packed=packed)
        self.done = 0

    def seconds(self, steps: list[list[Example]]) -> float:
        began = time.process_time()
        for rows in steps:
            self.stepper.take(rows, self.done)
            self.done += 1
        return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    arms = {name: Arm(options.model, sam) for name, sam in ARMS.items()}
    steps = steps_of(arms["plain"].language_model, options.steps)
    for arm in arms.values():
        arm.seconds(steps[:1])  # what only the first step pays
        arm.done = 0
    ratios: dict[str, list[float]] = {name: [] for name in ARMS}
    for _ in range(options.rounds):
        seconds = {name: arm.seconds(steps) for name, arm in arms.items()}
        for name in ARMS:
            ratios[name].append(seconds[name] / seconds["plain"])
    rows = [
        {
            "variant": name,
            "time": round(statistics.median(found), 3),
            "range": [round(min(found), 3), round(max(found), 3)],
            "copies": arms[name].stepper.ascent.copies if arms[name].stepper.ascent else 0,
        }
        for name, found in ratios.items()
    ]
    if options.json:
        print(json.dumps({"threads": options.threads, "rounds": options.rounds, "variants": rows}))
        return
    for row in rows:
        print(f"{row['variant']:<28} {row['time']:.2f} x a plain step  {row['range']}  {row['copies']} copies")


if __name__ == "__main__":
    main()
