"""Tokens per second of `kinj train` beside a bare transformers Trainer: same model, documents, threads and tokens a step.

    python bench/train.py [--rounds 5] [--threads 2] [--json]

Each round runs every arm once, in turn, so that a machine whose speed drifts disturbs all of them alike; medians are quoted.
"Real" tokens leave padding out. The Trainer's rows per step are chosen so that it computes as many real tokens a step.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch
from transformers import DataCollatorForLanguageModeling, Trainer, TrainingArguments

from kinj.config.schema import DataSettings, ModelSettings, OptimSettings, SamSettings
from kinj.data.biographies import data_set
from kinj.data.records import Document
from kinj.models.codec import Example
from kinj.models.loading import LanguageModel, load_model
from kinj.train.batching import cut_steps
from kinj.train.optim import build_adamw
from kinj.train.step import Stepper

STEP_TOKENS = 4096
STEPS = 20


def rows_of(language_model: LanguageModel) -> list[Example]:
    """Documents of population A in formats of many lengths."""
    documents = [r for r in data_set(DataSettings()).pool("replay") if isinstance(r, Document)]
    questions = language_model.codec
    rows = [row for rows in questions.documents([d.text for d in documents]) for row in rows]
    # Joining neighbours gives lengths between one and four documents, as in a corpus of unlike texts.
    texts = ["\n\n".join(d.text for d in documents[i : i + 1 + i % 4]) for i in range(0, len(documents), 4)]
    return rows[:200] + [row for rows in language_model.codec.documents(texts) for row in rows]


def kinj_arm(rho: float, fraction: float = 1.0) -> Callable[[LanguageModel, list[Example]], float]:
    def run(language_model: LanguageModel, rows: list[Example]) -> float:
        settings = OptimSettings(batch_tokens=STEP_TOKENS, sam=SamSettings(rho=rho, fraction=fraction))
        model = language_model.model.train()
        stepper = Stepper(model, build_adamw(model, settings), settings, language_model.codec.pad_id)
        steps = [[row for _, row in step] for step in cut_steps([(None, row) for row in rows], STEP_TOKENS)]
        steps = (steps * (STEPS // len(steps) + 1))[: STEPS + 1]
        stepper.take(steps[0], 0)
        began = time.perf_counter()
        tokens = sum(len(row) for step in steps[1:] for row in step)
        for number, step in enumerate(steps[1:], 1):
            stepper.take(step, number)
        return tokens / (time.perf_counter() - began)

    return run


def trainer_arm(language_model: LanguageModel, rows: list[Example]) -> float:
    per_step = max(1, round(STEP_TOKENS / statistics.mean(map(len, rows))))
    data = [{"input_ids": row.ids.tolist()} for row in rows]
    data = (data * (per_step * (STEPS + 1) // len(data) + 1))[: per_step * (STEPS + 1)]
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            per_device_train_batch_size=per_step,
            max_steps=STEPS,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            use_cpu=not torch.cuda.is_available(),
            weight_decay=0.1,
            optim="adamw_torch_fused",
        )
        collator = DataCollatorForLanguageModeling(language_model.tokenizer, mlm=False)
        trainer: Any = Trainer(language_model.model, arguments, train_dataset=data, data_collator=collator)
        began = time.perf_counter()
        trainer.train()
        return per_step * STEPS * statistics.mean(map(len, rows)) / (time.perf_counter() - began)


ARMS: dict[str, Callable[[LanguageModel, list[Example]], float]] = {
    "kinj": kinj_arm(0.0),
    "kinj_sam": kinj_arm(0.05),
    "kinj_sam_quarter": kinj_arm(0.05, 0.25),
    "trainer": trainer_arm,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    found: dict[str, list[float]] = {name: [] for name in ARMS}
    for _ in range(options.rounds):
        for name, arm in ARMS.items():
            language_model = load_model(ModelSettings(name=options.model))
            found[name].append(arm(language_model, rows_of(language_model)))
    medians = {name: statistics.median(values) for name, values in found.items()}
    result = {
        "tokens_per_second": {name: round(value) for name, value in medians.items()},
        "ratio_trainer": round(medians["kinj"] / medians["trainer"], 2),
        "sam_full": round(medians["kinj"] / medians["kinj_sam"], 2),
        "sam_quarter": round(medians["kinj"] / medians["kinj_sam_quarter"], 2),
        "threads": options.threads,
        "rounds": options.rounds,
    }
    if options.json:
        print(json.dumps(result))
        return
    for name, value in medians.items():
        low, high = min(found[name]), max(found[name])
        print(f"{name:<18} {value:>8,.0f} real tokens/s   [{low:,.0f}, {high:,.0f}]")
    print(
        f"kinj / Trainer {result['ratio_trainer']}   SAM costs {result['sam_full']}x   quarter ascent {result['sam_quarter']}x"
    )


if __name__ == "__main__":
    main()
