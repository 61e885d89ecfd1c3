"""Momentum-SAM: along the optimizer's momentum, in one pass (arXiv 2401.12033; card: docs/ascents/momentum.md)."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from kinj.train.sam import Ascent, global_norm


class Momentum(Ascent):
    """ε = −rho · v / ‖v‖, with v the momentum at the start of the step; `uphill` turns the sign.

    The minus is that of the authors' code (MarlonBecker/MSAM), where the weights live shifted between steps. Here they are
    shifted for the one pass only, which gives the same gradients and needs no guard around evaluation and checkpoints.
    """

    first_pass: ClassVar[bool] = False

    @property
    def sign(self) -> int:
        return 1 if self.settings.uphill else -1

    def find(self) -> tuple[list[Tensor | None], float]:
        assert self.optimizer is not None
        states = [self.optimizer.state.get(p, {}) for p in self.parameters]
        momenta = [state.get("exp_avg", state.get("momentum_buffer")) for state in states]
        return momenta, float(global_norm([v for v in momenta if v is not None]))
