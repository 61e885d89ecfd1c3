"""`kinj train --dry-run`: everything but the training. Reads the data, takes one real step, says what a run would cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from accelerate.accelerator import Accelerator

from kinj.cli.common import change_records, changes, emit
from kinj.cli.pipeline import augmenter, start_model
from kinj.config import Loaded
from kinj.config.schema import Settings
from kinj.data import open_data
from kinj.models.loading import LanguageModel
from kinj.train.ascents import VARIANTS
from kinj.train.batching import Layout, layout_for
from kinj.train.estimate import estimate, peak_bytes
from kinj.train.network import compiling, network_for
from kinj.train.optim import build_adamw
from kinj.train.processes import ALONE, accelerator_for, join
from kinj.train.stages import Stage, prepare_stage
from kinj.train.step import Stepper
from kinj.train.unread import unread_here

BYTES_PLAIN, BYTES_COPY, BYTES_WEIGHT = 16, 4, 4
"""Per trainable parameter: fp32 weight, gradient and two AdamW moments; each copy that a variant of SAM holds. And the weight of
a frozen model."""


def describe_training(settings: Settings, loaded: Loaded, as_json: bool) -> int:
    """Prints what `kinj train` with these settings would do; writes nothing."""
    accelerator = accelerator_for(settings)  # also the threads, so that the time told is the time of a run
    device = accelerator.device
    data = open_data(settings.data, settings.run.on_error)
    language_model = start_model(settings, data)
    language_model.model.to(device).train()
    with accelerator.autocast():
        layout = layout_for(settings.train.batching, language_model.model, language_model.codec)
    stages = [
        prepare_stage(name, settings, data, language_model.codec, augmenter(settings)) for name in settings.train.order
    ]
    network = network_for(language_model.model, settings.train, ALONE)
    with compiling():
        costs = [estimate(stage, _stepper(stage, language_model, network, accelerator, layout)) for stage in stages]
    facts: dict[str, Any] = {
        "data": [str(account) for account in data.accounts],
        "notices": [notice for stage in stages for notice in stage.notices] + [*unread_here(settings, join(), device)],
        "batching": f"{layout.name}: {layout.why}",
        "stages": [{"name": stage.name, **asdict(cost)} for stage, cost in zip(stages, costs, strict=True)],
        "seconds": sum(cost.seconds for cost in costs),
        "flops": sum(cost.flops for cost in costs),
        "parameters": language_model.parameters,
        "trained": language_model.trained,
        "state_bytes": _state_bytes(stages, language_model),
        "peak_bytes": peak_bytes(device),
    }
    if as_json:
        emit("train", dry_run=True, changed=change_records(loaded), **facts)
    else:
        print(changes(loaded))
        _print(facts, settings, language_model)
    return 0


def _stepper(
    stage: Stage, language_model: LanguageModel, network: Any, accelerator: Accelerator, layout: Layout
) -> Stepper:
    model = language_model.model
    return Stepper(
        model,
        build_adamw(model, stage.optim),
        stage.optim,
        language_model.codec.pad_id,
        accelerator.autocast,
        network,
        loss=stage.objective.loss(model),  # as the start model; it costs the same
        packed=layout.packed,
    )


def _state_bytes(stages: Sequence[Stage], language_model: LanguageModel) -> int:
    """Memory of weights, gradients, optimizer and SAM's copies."""
    copies = max((VARIANTS[s.optim.sam.variant].copies for s in stages if s.optim.sam.rho > 0), default=0)
    each_trained = BYTES_PLAIN + BYTES_COPY * copies
    parameters = language_model.model.parameters()
    memory = sum(p.numel() * (each_trained if p.requires_grad else p.element_size()) for p in parameters)
    if any("start_model" in stage.objective.needs for stage in stages):
        memory += BYTES_WEIGHT * language_model.parameters
    return int(memory)


def _print(facts: Mapping[str, Any], settings: Settings, language_model: LanguageModel) -> None:
    for account in facts["data"]:
        print(f"data      {account}")
    for notice in facts["notices"]:
        print(f"⚠         {notice}")
    size = f"{facts['parameters']:,} parameters, {language_model.codec.max_length:,} tokens a row"
    if facts["trained"] < facts["parameters"]:
        size += f"; {facts['trained']:,} parameters are trained (LoRA of rank {settings.model.lora.rank})"
    print(f"model     {settings.model.name}, {size}")
    print(f"batching  {facts['batching']}")
    for stage in facts["stages"]:
        amounts = f"{stage['steps']:,} steps, {stage['passes']:,} passes, {stage['tokens']:,} tokens"
        print(f"stage     {stage['name']}: {amounts}, about {duration(stage['seconds'])}")
    where = f"this {language_model.device.type} with {torch.get_num_threads()} threads"
    print(f"cost      about {duration(facts['seconds'])} on {where}, {facts['flops'] / 1e12:,.3g} TFLOP")
    print(
        f"memory    about {facts['peak_bytes'] / 2**20:,.0f} MiB at most, "
        f"{facts['state_bytes'] / 2**20:,.0f} of it for weights, gradients and optimizer"
    )
    print("ready     nothing was written. Run it without --dry-run.")


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
