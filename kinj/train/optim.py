"""AdamW and its learning rate. The optimizer is torch's own; the rate is a function of the step, so it needs no state."""

from __future__ import annotations

import math
from typing import Any

import torch

from kinj.config.schema import OptimSettings


def build_adamw(model: Any, settings: OptimSettings) -> torch.optim.AdamW:
    """AdamW with weight decay on matrices only (norms and biases are scales, not weights to be kept small)."""
    trainable = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trainable if p.ndim >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
    ]
    betas = (settings.betas[0], settings.betas[1])
    return torch.optim.AdamW(
        [g for g in groups if g["params"]], lr=settings.lr * settings.lr_scale, betas=betas, fused=True
    )


def learning_rate(settings: OptimSettings, step: int, steps: int) -> float:
    """The rate of step `step` (from 0) of `steps`: linear warm-up, then constant or a cosine down to `final_lr` of the peak."""
    peak = settings.lr * settings.lr_scale
    if step < settings.warmup_steps:
        return peak * (step + 1) / (settings.warmup_steps + 1)
    if settings.schedule == "constant":
        return peak
    progress = (step - settings.warmup_steps) / max(1, steps - 1 - settings.warmup_steps)
    return peak * (settings.final_lr + (1 - settings.final_lr) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))
