"""Sharpness-aware minimization as a way of taking a step: move the weights to a nearby worse point, bring them back bit for bit.

Foret et al., arXiv 2010.01412; the adaptive form, Kwon et al., arXiv 2102.11600. A plain torch optimizer stays untouched.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from kinj.config.errors import UsageError
from kinj.config.schema import SamSettings

ASAM_ETA = 0.01
"""Added to |w| by the authors of ASAM, so that zero weights can move too (SamsungLabs/ASAM, asam.py)."""


@dataclass
class Shift:
    """What the ascent did on one step. Not `moved`: the gradient was zero or not finite, the step went on at w."""

    moved: bool
    grad_norm: float
    rho: float = 0.0
    kept: float = 1.0
    """Share of the move that survives rounding, along its own direction."""
    realised_cos: float = 1.0
    """Cosine between the intended and the realised move."""


def global_norm(tensors: list[torch.Tensor]) -> torch.Tensor:
    """L2 norm over all tensors, in fp32 whatever their type."""
    if not tensors:
        return torch.zeros(())
    norms = torch.stack([torch.linalg.vector_norm(t, dtype=torch.float32) for t in tensors])
    total: torch.Tensor = torch.linalg.vector_norm(norms)
    return total


class Ascent:
    """Moves trainable weights by rho along the gradient (scaled by |w| for `asam`) and restores them exactly.

    Args:
        settings: `optim.sam`; `include` chooses parameters by name.
        named_parameters: the model's; tied weights count once, frozen ones are left alone.

    Raises:
        UsageError: `include` matches no trainable parameter, or a chosen one is not fp32.
    """

    def __init__(self, settings: SamSettings, named_parameters: list[tuple[str, torch.nn.Parameter]]) -> None:
        self.settings = settings
        unique = {id(p): (name, p) for name, p in reversed(named_parameters) if p.requires_grad}
        chosen = [(name, p) for name, p in reversed(unique.values()) if re.search(settings.include, name)]
        if not chosen:
            raise UsageError(f"optim.sam.include={settings.include} matches no trainable parameter")
        small = next((name for name, p in chosen if p.dtype != torch.float32), None)
        if small is not None:
            raise UsageError(
                f"optim.sam needs fp32 weights, and {small} is stored in fewer bits: rounding would swallow the move"
            )
        self.names = [name for name, _ in chosen]
        self.parameters = [p for _, p in chosen]
        self._backup: list[torch.Tensor] = []

    @contextmanager
    def shifted(self, measure: bool = False) -> Iterator[Shift]:
        """Reads and drops the gradients, moves the weights, and puts them back whatever happens inside.

        Args:
            measure: also measure `kept` and `realised_cos`, which costs a pass over the weights.
        """
        moving = [p for p in self.parameters if p.grad is not None]
        gradients = [p.grad for p in moving if p.grad is not None]
        grad_norm = float(global_norm(gradients))
        direction = self._direction(moving, gradients)
        scale = float(global_norm(direction)) if self.settings.variant == "asam" else grad_norm
        for p in self.parameters:
            p.grad = None
        if not (math.isfinite(scale) and scale > 0):
            yield Shift(moved=False, grad_norm=grad_norm)
            return
        if self.settings.variant == "asam":
            direction = [d * w for d, w in zip(direction, self._sizes(moving), strict=True)]
        self._save()
        try:
            factor = self.settings.rho / scale
            self._move(moving, direction, factor)
            shift = Shift(moved=True, grad_norm=grad_norm, rho=self.settings.rho)
            if measure:
                self._measure(shift, moving, direction, factor)
            yield shift
        finally:
            self._restore()

    def _sizes(self, parameters: list[torch.nn.Parameter]) -> list[torch.Tensor]:
        """|w| + eta for matrices, 1 for biases and norms, as the authors' code does."""
        return [p.detach().abs() + ASAM_ETA if p.ndim > 1 else torch.ones_like(p) for p in parameters]

    def _direction(self, parameters: list[torch.nn.Parameter], gradients: list[torch.Tensor]) -> list[torch.Tensor]:
        if self.settings.variant == "sam":
            return gradients
        return [g * w for g, w in zip(gradients, self._sizes(parameters), strict=True)]

    @torch.no_grad()
    def _save(self) -> None:
        if not self._backup:
            device = torch.device("cpu") if self.settings.offload else None
            self._backup = [torch.empty_like(p, device=device) for p in self.parameters]
        for saved, p in zip(self._backup, self.parameters, strict=True):
            saved.copy_(p)

    @torch.no_grad()
    def _restore(self) -> None:
        for saved, p in zip(self._backup, self.parameters, strict=True):
            p.copy_(saved)

    @torch.no_grad()
    def _move(self, moving: list[torch.nn.Parameter], direction: list[torch.Tensor], factor: float) -> None:
        for p, d in zip(moving, direction, strict=True):
            p.add_(d, alpha=factor)

    def _measure(
        self, shift: Shift, moving: list[torch.nn.Parameter], direction: list[torch.Tensor], factor: float
    ) -> None:
        """How much of the intended move the stored weights really made (sam.md, section 3)."""
        saved = {id(p): s for p, s in zip(self.parameters, self._backup, strict=True)}
        dot = intended = realised = 0.0
        for p, d in zip(moving, direction, strict=True):
            wanted, made = d.float() * factor, p.detach() - saved[id(p)].to(p.device)
            dot += float((wanted * made).sum())
            intended += float(wanted.square().sum())
            realised += float(made.square().sum())
        shift.kept = dot / intended if intended else 0.0
        shift.realised_cos = dot / math.sqrt(intended * realised) if realised else 0.0
