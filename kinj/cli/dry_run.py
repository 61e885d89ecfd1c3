"""`kinj train --dry-run`: everything but the training. Reads the data, times one step, says what a run would cost."""

from __future__ import annotations

import time

import torch

from kinj.cli.common import change_records, changes, emit
from kinj.cli.pipeline import augmenter, start_model
from kinj.config import Loaded
from kinj.config.schema import Settings
from kinj.data import open_data
from kinj.models.loading import LanguageModel
from kinj.train.ascents import VARIANTS
from kinj.train.optim import build_adamw
from kinj.train.stages import Stage, prepare_stage
from kinj.train.step import Stepper

BYTES_PLAIN, BYTES_COPY, BYTES_WEIGHT = 16, 4, 4
"""Per trainable parameter: fp32 weight, gradient and two AdamW moments; each copy that a variant of SAM holds. And the weight of
a frozen model."""


def describe_training(settings: Settings, loaded: Loaded, as_json: bool) -> int:
    """Prints what `kinj train` with these settings would do; writes nothing."""
    if settings.train.threads:
        torch.set_num_threads(settings.train.threads)  # as training will, so that the time told is its time
    data = open_data(settings.data, settings.run.on_error)
    language_model = start_model(settings, data)
    stages = [
        prepare_stage(name, settings, data, language_model.codec, augmenter(settings)) for name in settings.train.order
    ]
    costs = [_cost(stage, language_model) for stage in stages]
    copies = max((VARIANTS[s.optim.sam.variant].copies for s in stages if s.optim.sam.rho > 0), default=0)
    each_trained = BYTES_PLAIN + BYTES_COPY * copies
    memory = sum(
        p.numel() * (each_trained if p.requires_grad else p.element_size()) for p in language_model.model.parameters()
    )
    if any("start_model" in stage.objective.needs for stage in stages):
        memory += BYTES_WEIGHT * language_model.parameters
    accounts = [str(account) for account in data.accounts]
    notices = [notice for stage in stages for notice in stage.notices]
    seconds = sum(steps * each for steps, _, each in costs)
    if as_json:
        rows = [
            {"name": stage.name, "steps": steps, "passes": passes, "seconds": steps * each}
            for stage, (steps, passes, each) in zip(stages, costs, strict=True)
        ]
        emit(
            "train",
            dry_run=True,
            changed=change_records(loaded),
            data=accounts,
            notices=notices,
            stages=rows,
            seconds=seconds,
            parameters=language_model.parameters,
            trained=language_model.trained,
            state_bytes=memory,
        )
        return 0
    print(changes(loaded))
    for account in accounts:
        print(f"data      {account}")
    for notice in notices:
        print(f"⚠         {notice}")
    size = f"{language_model.parameters:,} parameters, {language_model.codec.max_length:,} tokens a row"
    if language_model.trained < language_model.parameters:
        size += f"; {language_model.trained:,} parameters are trained (LoRA of rank {settings.model.lora.rank})"
    print(f"model     {settings.model.name}, {size}")
    for stage, (steps, passes, each) in zip(stages, costs, strict=True):
        print(f"stage     {stage.name}: {steps:,} steps, {passes:,} passes, about {_duration(steps * each)}")
    print(
        f"cost      about {_duration(seconds)} on this {language_model.device.type} with {torch.get_num_threads()} threads"
    )
    print(
        f"memory    {memory / 2**20:,.0f} MiB for weights, gradients and optimizer, and what one step's activations need"
    )
    print("ready     nothing was written. Run it without --dry-run.")
    return 0


def _cost(stage: Stage, language_model: LanguageModel) -> tuple[int, int, float]:
    """Steps, passes and seconds per step, from one real step whose update is not kept."""
    stepper = Stepper(
        language_model.model,
        build_adamw(language_model.model, stage.optim),
        stage.optim,
        language_model.codec.pad_id,
        loss=stage.objective.loss(language_model.model),  # as the start model; it costs the same
    )
    passes = round(sum(stepper.passes(step) for step in range(stage.steps)))
    _, rows = next(stage.plan())
    examples = stage.examples(rows, 0)
    state = {name: value.clone() for name, value in language_model.model.state_dict().items()}
    stepper.take(examples, -1)  # the first step also pays for memory that later ones reuse
    began = time.perf_counter()
    report = stepper.take(examples, -1)
    seconds = (time.perf_counter() - began) / report.passes
    language_model.model.load_state_dict(state)
    return stage.steps, passes, seconds * passes / stage.steps


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
