"""SAM: along the gradient (Foret et al., arXiv 2010.01412; card: docs/ascents/sam.md)."""

from __future__ import annotations

from torch import Tensor

from kinj.train.sam import Ascent, global_norm


class Sam(Ascent):
    """ε = rho · g / ‖g‖."""

    def find(self) -> tuple[list[Tensor | None], float]:
        gradients = [p.grad for p in self.parameters]
        return gradients, float(global_norm([g for g in gradients if g is not None]))
