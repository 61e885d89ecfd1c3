"""What `bench/train.py` lets race: ways of taking the same training steps, of kinj and of its peers."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import DataCollatorForLanguageModeling, Trainer, TrainingArguments

from kinj.config.schema import DataSettings, OptimSettings, SamSettings
from kinj.data import open_data
from kinj.data.records import Document
from kinj.models.codec import Example
from kinj.models.loading import LanguageModel
from kinj.train.batching import cut_steps, layout_for
from kinj.train.optim import build_adamw
from kinj.train.step import Stepper

DOCUMENTS_A_STEP = 16
RHO = 0.05

Arm = Callable[[LanguageModel, list[Example], int], tuple[float, float]]
"""(model, rows, steps) to real tokens per second, and the share of the computed tokens that are real."""


def corpus(folder: Path, model: LanguageModel) -> list[Example]:
    """A row for each document; what is longer than the model reads is split."""
    if folder.exists():
        records = open_data(DataSettings(name="wiki2023", path=str(folder))).pool("train_documents")
        texts = [record.text for record in records if isinstance(record, Document)]
    else:
        pool = [r.text for r in open_data(DataSettings()).pool("replay") if isinstance(r, Document)]
        texts = ["\n\n".join(pool[i : i + 1 + i % 4]) for i in range(0, len(pool), 4)]
    return [row for rows in model.codec.documents(texts) for row in rows]


def step_tokens(rows: Sequence[Example]) -> int:
    return round(DOCUMENTS_A_STEP * statistics.mean(map(len, rows)))


def steps_of(rows: Sequence[Example], count: int) -> list[list[Example]]:
    steps = [[row for _, row in step] for step in cut_steps([(None, row) for row in rows], step_tokens(rows))]
    return (steps * (count // len(steps) + 1))[:count]


def stepper_of(model: LanguageModel, rows: Sequence[Example], batching: str = "auto", **sam: Any) -> Stepper:
    settings = OptimSettings(batch_tokens=step_tokens(rows), sam=SamSettings(**sam))
    network = model.model.train()
    packed = layout_for(batching, network, model.codec).packed
    return Stepper(network, build_adamw(network, settings), settings, model.codec.pad_id, packed=packed)


def kinj_arm(batching: str = "auto", **sam: Any) -> Arm:
    def run(model: LanguageModel, rows: list[Example], count: int) -> tuple[float, float]:
        stepper, steps = stepper_of(model, rows, batching, **sam), steps_of(rows, count + 1)
        stepper.take(steps[0], 0)  # buffers and optimizer state are made here
        began = time.perf_counter()
        reports = [stepper.take(step, number) for number, step in enumerate(steps[1:], 1)]
        seconds = time.perf_counter() - began
        real = sum(len(row) for step in steps[1:] for row in step)
        return real / seconds, sum(r.tokens for r in reports) / sum(r.computed_tokens for r in reports)

    return run


def independent_sam(model: LanguageModel, rows: list[Example], count: int) -> tuple[float, float]:
    """Its two steps around our two backward passes, over the same micro-batches."""
    from pytorch_optimizer import SAM

    stepper, steps = stepper_of(model, rows), steps_of(rows, count + 1)
    optimizer = SAM(stepper.parameters, torch.optim.AdamW, rho=RHO, lr=1e-3, fused=True)

    def take(step: list[Example]) -> None:
        cut = stepper.share(step)
        for update in (optimizer.first_step, optimizer.second_step):
            stepper.backward(cut.batches, cut.label_tokens)
            if update == optimizer.second_step:
                torch.nn.utils.clip_grad_norm_(stepper.parameters, 1.0)
            update(zero_grad=True)

    take(steps[0])
    began = time.perf_counter()
    for step in steps[1:]:
        take(step)
    return sum(len(row) for step in steps[1:] for row in step) / (time.perf_counter() - began), 1.0


def trainer_options(folder: str, batch: int, steps: int) -> dict[str, Any]:
    return {
        "output_dir": folder,
        "per_device_train_batch_size": batch,
        "max_steps": steps,
        "report_to": [],
        "save_strategy": "no",
        "logging_strategy": "no",
        "disable_tqdm": True,
        "use_cpu": not torch.cuda.is_available(),
        "weight_decay": 0.1,
        "optim": "adamw_torch_fused",
        "bf16": False,
    }


def timed(trainer: Any) -> float:
    """Seconds of the training steps alone; the first one, in which much is set up, is left out."""
    from transformers import TrainerCallback

    marks: list[float] = []

    class Marks(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            marks.append(time.perf_counter())

    trainer.add_callback(Marks())
    trainer.train()
    return marks[-1] - marks[0]


def trainer_arm(model: LanguageModel, rows: list[Example], count: int) -> tuple[float, float]:
    data = [{"input_ids": row.ids.tolist()} for row in rows]
    wanted = DOCUMENTS_A_STEP * (count + 1)
    data = (data * (wanted // len(data) + 1))[:wanted]
    computed = 0
    collate = DataCollatorForLanguageModeling(model.tokenizer, mlm=False)

    def counted(features: list[Any]) -> Any:
        nonlocal computed
        batch = collate(features)
        computed += batch["input_ids"].numel()
        return batch

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(**trainer_options(folder, DOCUMENTS_A_STEP, count + 1))
        seconds = timed(Trainer(model.model, arguments, train_dataset=data, data_collator=counted))  # type: ignore[arg-type]  # a list is read like a data set
    real = sum(len(row["input_ids"]) for row in data)
    return real * count / (count + 1) / seconds, real / computed


def trl_arm(model: LanguageModel, rows: list[Example], count: int) -> tuple[float, float]:
    import datasets
    from trl import SFTConfig, SFTTrainer

    longest = max(map(len, rows))
    batch = max(1, round(step_tokens(rows) / longest))
    data = [{"input_ids": row.ids.tolist()} for row in rows]
    data *= longest * batch * (count + 2) // sum(map(len, rows)) + 1
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as folder:
        options = trainer_options(folder, batch, count + 1)
        config = SFTConfig(**options, packing=True, packing_strategy="wrapped", max_length=longest)
        trainer = SFTTrainer(
            model.model, config, train_dataset=datasets.Dataset.from_list(data), processing_class=model.tokenizer
        )
        seconds = timed(trainer)
    return longest * batch * count / seconds, 1.0


ARMS: dict[str, Arm] = {
    "kinj": kinj_arm(),
    "kinj, padded": kinj_arm("padded"),
    "kinj, SAM": kinj_arm(rho=RHO),
    "kinj, SAM quarter": kinj_arm(rho=RHO, fraction=0.25),
    "kinj, SAM momentum": kinj_arm(rho=RHO, variant="momentum"),
    "independent SAM": independent_sam,
    "Trainer": trainer_arm,
    "TRL": trl_arm,
}
