"""The largest eigenvalue of a loss's Hessian, by power iteration on products of the Hessian with a vector.

The products are exact (Pearlmutter 1994): the gradient is differentiated once more. Fused attention cannot be differentiated
twice, so `differentiable_twice` has torch compute it step by step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

Vector = list[Tensor]
"""One tensor for each parameter, of its shape."""


@dataclass(frozen=True)
class Eigenpair:
    """An eigenvalue and its direction, of length 1, as far as they were found.

    `residual` is ‖Hv - λv‖: the Hessian has an eigenvalue no further than that from `value`.
    """

    value: float
    direction: Vector
    residual: float
    steps: int
    converged: bool


def top_eigenpair(
    loss: Tensor, parameters: Sequence[Tensor], start: Vector, *, tolerance: float, steps: int
) -> Eigenpair:
    """The eigenvalue that is largest in magnitude, with its sign. Leaves `.grad` of the parameters alone.

    Args:
        loss: a number that depends on the parameters; its graph is kept until all is done.
        start: where the iteration begins; not zero.
        tolerance: it ends when the residual is at most this share of the eigenvalue's magnitude.
        steps: most products of the Hessian with a vector.
    """
    multiply = hessian(loss, parameters)
    direction, value, residual = _scaled(start, 1 / _norm(start)), 0.0, 0.0
    for step in range(1, steps + 1):
        product = multiply(direction)
        value = _dot(direction, product)
        residual = _norm([image - value * part for image, part in zip(product, direction, strict=True)])
        if residual <= tolerance * abs(value):
            return Eigenpair(value, direction, residual, step, converged=True)
        if step < steps:
            direction = _scaled(product, 1 / _norm(product))
    return Eigenpair(value, direction, residual, steps, converged=False)


def hessian(loss: Tensor, parameters: Sequence[Tensor]) -> Callable[[Vector], Vector]:
    """The product of the loss's Hessian with a vector."""
    gradient = torch.autograd.grad(loss, parameters, create_graph=True, allow_unused=True)

    def multiply(vector: Vector) -> Vector:
        slopes = [(g * v).sum() for g, v in zip(gradient, vector, strict=True) if g is not None and g.requires_grad]
        found = torch.autograd.grad(torch.stack(slopes).sum(), parameters, retain_graph=True, allow_unused=True)
        return [torch.zeros_like(p) if part is None else part for p, part in zip(parameters, found, strict=True)]

    return multiply


def curvature(loss: Tensor, parameters: Sequence[Tensor], direction: Vector) -> float:
    """Second derivative of the loss along a direction of length 1."""
    return _dot(direction, hessian(loss, parameters)(direction))


@contextmanager
def differentiable_twice() -> Iterator[None]:
    """Scaled dot-product attention in parts that have second derivatives."""
    with sdpa_kernel(SDPBackend.MATH):
        yield


def _dot(left: Vector, right: Vector) -> float:
    return float(sum((a * b).sum(dtype=torch.float64) for a, b in zip(left, right, strict=True)))


def _norm(vector: Vector) -> float:
    return math.sqrt(_dot(vector, vector))


def _scaled(vector: Vector, factor: float) -> Vector:
    return [part * factor for part in vector]
