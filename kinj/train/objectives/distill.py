"""`distill`: as `auto`, held near what the start model believes otherwise (logit-swap self-distillation, arXiv 2407.10804)."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from kinj.config.schema import DistillSettings, StageSettings
from kinj.models.batch import MicroBatch, predictions
from kinj.models.codec import IGNORE
from kinj.train.objectives.base import ByKind, Loss


def build(stage: StageSettings) -> Distill:
    """The objective as `train.stages.NAME.distill` asks for it."""
    return Distill(stage.distill)


class Distill(ByKind):
    """Cross-entropy plus `weight` times the divergence of the model from what the start model would believe."""

    needs = frozenset({"start_model"})

    def __init__(self, settings: DistillSettings) -> None:
        self.settings = settings

    def loss(self, start_model: Any) -> Loss:
        """The loss against this frozen model."""
        return partial(distillation, start_model=start_model, weight=self.settings.weight, swap=self.settings.swap)


def distillation(model: Any, batch: MicroBatch, start_model: Any, weight: float, swap: bool) -> torch.Tensor:
    """Sum over the label tokens of cross-entropy + `weight` · KL(start model, swapped ‖ model), in nats.

    Where a token carries no loss, the start model's beliefs are not taught either.
    """
    found, labels = predictions(model, batch)
    carries = labels != IGNORE
    targets, logits = labels[carries], found[carries].float()
    with torch.no_grad():
        beliefs = predictions(start_model, batch)[0][carries].float()
    if swap:
        beliefs = swapped(beliefs, targets)
    divergence = kl_div(log_softmax(logits, -1), log_softmax(beliefs, -1), reduction="sum", log_target=True)
    return cross_entropy(logits, targets, reduction="sum") + weight * divergence


def swapped(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The logits (rows, vocabulary) with those of the likeliest token and of the right one exchanged in each row."""
    right, top = targets[:, None], logits.argmax(-1, keepdim=True)
    return logits.scatter(1, top, logits.gather(1, right)).scatter(1, right, logits.gather(1, top))
