"""ASAM: large weights move further (Kwon et al., arXiv 2102.11600; card: docs/ascents/asam.md)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import Parameter

from kinj.train.sam import Ascent, global_norm


class Asam(Ascent):
    """ε = rho · T² g / ‖T g‖ with T = |w| + eta; T = 1 for parameters without "weight" in their name, such as biases.

    Both rules are those of the authors' code (SamsungLabs/ASAM, asam.py).
    """

    def find(self) -> tuple[list[Tensor | None], float]:
        gradients = [p.grad for p in self.parameters]
        self._scale()
        length = float(global_norm([g for g in gradients if g is not None]))
        self._scale()
        return gradients, length

    def _scale(self) -> None:
        """Multiplies the gradients by T, in place: no list of scaled copies."""
        for name, p in self.named:
            if p.grad is not None and "weight" in name:
                p.grad.mul_(self._size(p))

    def _size(self, p: Parameter) -> Tensor:
        return p.detach().abs().add_(self.settings.eta)
