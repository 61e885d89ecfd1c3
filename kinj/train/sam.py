"""Sharpness-aware minimization as a way of taking a step: what every variant shares. The variants are in `ascents/`.

Foret et al., arXiv 2010.01412: take the gradient at a nearby worse point and apply it at the weights themselves. The weights
come back from a copy, bit for bit: adding a move and subtracting it again leaves rounding behind. A plain torch optimizer
stays untouched.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.nn import Parameter

from kinj.config.errors import UsageError
from kinj.config.schema import SamSettings


@dataclass
class Shift:
    """What a move did on one step. Not `moved`: there was no usable direction, and the step went on at w."""

    moved: bool
    length: float
    """Norm of what gave the direction: the first gradient (as scaled by `asam`), or the momentum."""
    kept: float | None = None
    """Share of the move that survives rounding, along its own direction."""
    realised_cos: float | None = None
    """Cosine between the intended and the realised move."""
    cos: float | None = None
    """Cosine between the move and the gradient found there; for `sam` that of the two gradients."""


def number(value: Tensor) -> float:
    """A tensor of one element as a number; where it is spread over processes, their common result."""
    return float(value.full_tensor() if isinstance(value, DTensor) else value)


def global_norm(tensors: Sequence[Tensor]) -> Tensor:
    """L2 norm over all tensors, in fp32 whatever their type; of sharded tensors, over all shards."""
    if not tensors:
        return torch.zeros(())
    norms = torch.stack([torch.linalg.vector_norm(t, dtype=torch.float32) for t in tensors])
    total: Tensor = torch.linalg.vector_norm(norms)
    return total.full_tensor() if isinstance(total, DTensor) else total


def inner(a: Sequence[Tensor], b: Sequence[Tensor]) -> float:
    """Inner product of two lists of tensors, in fp32 per tensor; of sharded tensors, over all shards."""
    return sum(number((x.float() * y.float()).sum()) for x, y in zip(a, b, strict=True))


def _own(tensor: Tensor) -> Tensor:
    """The part of a tensor that this process holds: its shard, or all of it."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


class Ascent(ABC):
    """Moves trainable weights to a point nearby and brings them back exactly. A variant says where to (`find`).

    Args:
        settings: `optim.sam`; `include` chooses parameters by name.
        named_parameters: the model's; tied weights count once, frozen ones are left alone.
        optimizer: of the same parameters; the momentum variant reads its state, nobody writes to it.

    Raises:
        UsageError: `include` matches no trainable parameter, a chosen one is not fp32, or it is sharded and `scope` is `rank`.
    """

    first_pass: ClassVar[bool] = True
    """Whether a pass at w finds the direction; its gradients are there when `find` is called."""
    copies: ClassVar[int] = 1
    """Tensors of the size of all moved parameters that it holds beside the optimizer's own state."""

    def __init__(
        self,
        settings: SamSettings,
        named_parameters: Sequence[tuple[str, Parameter]],
        optimizer: torch.optim.Optimizer | None = None,
    ) -> None:
        self.settings = settings
        self.optimizer = optimizer
        unique = {id(p): (name, p) for name, p in reversed(named_parameters) if p.requires_grad}
        self.named = [(name, p) for name, p in reversed(unique.values()) if re.search(settings.include, name)]
        self.parameters = [p for _, p in self.named]
        self._check(named_parameters)
        self._saved: list[Tensor] = []

    def _check(self, named_parameters: Sequence[tuple[str, Parameter]]) -> None:
        if not self.named:
            names = [name for name, p in named_parameters if p.requires_grad]
            raise UsageError(
                f"optim.sam.include={self.settings.include} matches no trainable parameter",
                f"it is searched for in names such as {', '.join(names[:1] + names[-1:])}",
            )
        small = next((f"{name} is stored in {p.dtype}" for name, p in self.named if p.dtype != torch.float32), None)
        if small is not None:
            what = f"optim.sam needs fp32 weights, and {small}: rounding would swallow the move"
            raise UsageError(what, "load the weights in fp32 (model.dtype=float32); train.precision=bf16 may stay")
        if self.settings.scope == "rank" and any(isinstance(p, DTensor) for p in self.parameters):
            raise UsageError("optim.sam.scope=rank needs whole weights in every process, and these are sharded")

    def acts(self, step: int) -> bool:
        """Whether the weights are moved on this step of the stage."""
        since = step - self.settings.start_step
        return since >= 0 and since % self.settings.every == 0

    @abstractmethod
    def find(self) -> tuple[list[Tensor | None], float]:
        """A direction of any length for each of `parameters` (None: stays), and that length over all of them.

        Gradients may be overwritten: they are dropped afterwards.
        """

    @property
    def sign(self) -> int:
        """1: the move is along the direction; −1: against it."""
        return 1

    @contextmanager
    def shifted(self, measure: torch.dtype | None = None) -> Iterator[Shift]:
        """Reads and drops the gradients, moves the weights, and puts them back whatever happens inside.

        Args:
            measure: also measure how much of the move survives in arithmetic of this type, and the cosine with the gradients
                that are there at the end. This reads all weights twice.
        """
        self._save()
        try:
            shift = self._move(measure)
            yield shift
            if measure is not None and shift.moved:
                shift.cos = self._cosine()
        finally:
            self._restore()

    def between(self) -> None:  # noqa: B027 (most variants have nothing to add)
        """Called on plain steps, with their gradients in place."""

    def state_dict(self) -> dict[str, Tensor]:
        """What must be in a checkpoint for a resumed run to go on with the same bits. Mostly nothing: the weights are back."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:  # noqa: B027 (as above)
        """Takes back what `state_dict` gave."""

    @torch.no_grad()
    def _move(self, measure: torch.dtype | None) -> Shift:
        directions, length = self.find()
        for p in self.parameters:
            p.grad = None
        if length == 0 or not math.isfinite(length):
            return Shift(moved=False, length=length)
        factor = self.sign * self.settings.rho / length
        for p, direction in zip(self.parameters, directions, strict=True):
            if direction is not None:
                p.add_(direction, alpha=factor)
        shift = Shift(moved=True, length=length)
        if measure is not None:
            shift.kept, shift.realised_cos = self._survival(directions, factor, measure)
        return shift

    @torch.no_grad()
    def _save(self) -> None:
        own = [_own(p) for p in self.parameters]
        if not self._saved:
            device = torch.device("cpu") if self.settings.offload else None
            self._saved = [torch.empty_like(p, device=device) for p in own]
        torch._foreach_copy_(self._saved, own)

    @torch.no_grad()
    def _restore(self) -> None:
        # One call: a Ctrl-C cannot come between two weights.
        torch._foreach_copy_([_own(p) for p in self.parameters], self._saved)

    def _made(self, p: Parameter, saved: Tensor, arithmetic: torch.dtype = torch.float32) -> Tensor:
        """How far a weight is from where it was, as arithmetic of the given type sees it."""
        made = _own(p).to(arithmetic).float() - saved.to(p.device).to(arithmetic).float()
        if not isinstance(p, DTensor):
            return made
        return DTensor.from_local(made, p.device_mesh, p.placements, run_check=False, shape=p.shape, stride=p.stride())

    def _survival(self, directions: list[Tensor | None], factor: float, arithmetic: torch.dtype) -> tuple[float, float]:
        """`kept` and `realised_cos` of a move along `directions`."""
        dot = intended = realised = 0.0
        for p, saved, direction in zip(self.parameters, self._saved, directions, strict=True):
            if direction is not None:
                wanted, made = [direction * factor], [self._made(p, saved, arithmetic)]
                dot += inner(wanted, made)
                intended += inner(wanted, wanted)
                realised += inner(made, made)
        return (dot / intended, dot / math.sqrt(intended * realised)) if intended * realised else (0.0, 0.0)

    @torch.no_grad()
    def _cosine(self) -> float:
        """Between the realised move and the gradients there are now."""
        dot = moved = gradient = 0.0
        for p, saved in zip(self.parameters, self._saved, strict=True):
            if p.grad is not None:
                move = [self._made(p, saved)]
                dot += inner(move, [p.grad])
                moved += inner(move, move)
                gradient += inner([p.grad], [p.grad])
        return dot / math.sqrt(moved * gradient) if 0 < moved * gradient < math.inf else 0.0
