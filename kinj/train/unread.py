"""Settings that turn out to have no effect once the model and the machine are known; `kinj.config.inert` has those known before."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from kinj.config.check import stage_optim
from kinj.config.schema import MaskedObjectiveSettings, ModelSettings, OptimSettings, Settings, SpanObjectiveSettings
from kinj.models.codec import Codec
from kinj.models.gap_codecs import GapCodec
from kinj.train.processes import Processes

MUCH_MORE = 1.25
"""How many times the share of rows that SAM's first pass should read (`fraction`) it may read before that is said."""


def unread_by_model(stage: str, settings: Settings, codec: Codec) -> Iterator[str]:
    """What was changed from its default and is not read, because of the kind of model or its tokenizer; one text a setting."""
    chosen = settings.train.stages[stage]
    keys: tuple[str, ...] = ()
    why = f"{codec.kind} has marks of its own for a gap"
    if isinstance(codec, GapCodec):
        keys = "sentinel", "separator", "request"
    elif not codec.chat:
        keys, why = ("request",), "the tokenizer has no chat template, or model.chat is false"
    sections: list[tuple[str, Any, Any]] = [("span", chosen.span, SpanObjectiveSettings())]
    if not isinstance(codec, GapCodec):  # which refuses `masked`
        sections.append(("masked", chosen.masked, MaskedObjectiveSettings()))
    used = {chosen.objective, *(source.objective for source in chosen.data.values())}
    for name, section, default in sections:
        for key in keys:
            if name in used and getattr(section, key) != getattr(default, key):
                yield f"train.stages.{stage}.{name}.{key} has no effect: {why}"
    if codec.chat and settings.model.prompt != ModelSettings().prompt:
        yield "model.prompt has no effect: questions are put in the tokenizer's chat template (model.chat=false does without)"


def unread_of_sam(stage: str, optim: OptimSettings, steps: int, rows: Sequence[int]) -> Iterator[str]:
    """Settings of SAM that a stage is too short, or has too few rows a step, to follow.

    Args:
        steps: of the stage.
        rows: of each step of an epoch.
    """
    sam = optim.sam
    if sam.rho == 0:
        return
    if sam.start_step >= steps:
        yield f"stage `{stage}`: SAM will not act: optim.sam.start_step is {sam.start_step:,}, and the stage has {steps:,} steps"
    share = sum(math.ceil(sam.fraction * count) for count in rows) / max(1, sum(rows))
    if sam.variant != "momentum" and share > MUCH_MORE * sam.fraction:
        yield (
            f"stage `{stage}`: optim.sam.fraction is {sam.fraction:g}, and the first pass of SAM reads {share:.0%} of the rows: "
            f"a step has about {sum(rows) / len(rows):.3g} of them (optim.batch_tokens), and at least one is read"
        )


def unread_here(settings: Settings, processes: Processes, device: torch.device) -> Iterator[str]:
    """The same because of the machine: one process, or no other memory than the main one."""
    sams = [stage_optim(settings, name).sam for name in settings.train.order]
    used = [sam for sam in sams if sam.rho > 0]
    if processes.size == 1 and any(sam.scope == "rank" for sam in used):
        yield "optim.sam.scope=rank has no effect: there is one process"
    if device.type == "cpu" and any(sam.offload for sam in used):
        yield "optim.sam.offload has no effect: the weights are in main memory already"
