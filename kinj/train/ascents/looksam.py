"""LookSAM: what SAM adds to the gradient, used again on the steps between (arXiv 2203.02714; card: docs/ascents/looksam.md)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor

from kinj.train.ascents.sam import Sam
from kinj.train.sam import Shift, global_norm, inner


class LookSam(Sam):
    """On every `every`-th step SAM, keeping g_v: the part of its gradient at right angles to the plain gradient g.

    On the other steps the plain gradient plus alpha · (‖g‖ / ‖g_v‖) · g_v. Norms are over all moved parameters, as in the paper's
    algorithm and in MarlonBecker/MSAM's code of it.
    """

    copies: ClassVar[int] = 2

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._aside: dict[str, Tensor] = {}
        """g_v by name; while a SAM step is under way, the first gradient."""

    @contextmanager
    def shifted(self, measure: torch.dtype | None = None) -> Iterator[Shift]:
        first = self._keep_gradients()
        with super().shifted(measure) as shift:
            yield shift
        # Here the weights are back and the gradients are those of the second pass.
        if shift.moved:
            self._aside = self._at_right_angles(first)

    def _keep_gradients(self) -> dict[str, Tensor]:
        """A copy of the gradients, in the buffers of the last g_v, which ends here: an exception must not leave half of one."""
        old, self._aside = self._aside, {}
        gradients = {name: p.grad for name, p in self.named if p.grad is not None}
        return {name: old[name].copy_(g) if name in old else g.clone() for name, g in gradients.items()}

    @torch.no_grad()
    def _at_right_angles(self, first: dict[str, Tensor]) -> dict[str, Tensor]:
        """g_v = g2 − (g1·g2 / ‖g1‖²) g1, written over g1; none if a gradient was not finite."""
        second = {name: p.grad for name, p in self.named if p.grad is not None and name in first}
        g1, g2 = [first[name] for name in second], list(second.values())
        size, product = inner(g1, g1), inner(g1, g2)
        if size == 0 or not math.isfinite(size + product):
            return {}
        return {name: first[name].mul_(-product / size).add_(g) for name, g in second.items()}

    @torch.no_grad()
    def between(self) -> None:
        reused = {name: p.grad for name, p in self.named if p.grad is not None and name in self._aside}
        gradients, aside = list(reused.values()), [self._aside[name] for name in reused]
        size = float(global_norm(aside))
        if size > 0:
            factor = self.settings.alpha * float(global_norm(gradients)) / size
            for g, g_v in zip(gradients, aside, strict=True):
                g.add_(g_v, alpha=factor)

    def state_dict(self) -> dict[str, Tensor]:
        return {f"g_v.{name}": tensor for name, tensor in self._aside.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        devices = {name: p.device for name, p in self.named}
        self._aside = {key.removeprefix("g_v."): t.to(devices[key.removeprefix("g_v.")]) for key, t in state.items()}
