"""One optimizer step: plain, or with its gradient taken at the perturbed weights (SAM)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from kinj.config.schema import OptimSettings
from kinj.models.codec import IGNORE, Example
from kinj.train.batching import MicroBatch, micro_batches
from kinj.train.objectives.base import Loss
from kinj.train.sam import Ascent, Shift, global_norm

MEASURE_EVERY = 50
"""Steps between the measurements of a SAM step that cost time: rounding of the move, cosine of the two gradients."""


@dataclass
class StepReport:
    """What one step did. `loss` is at w, in nats per label token; for a SAM step on a part of the rows, on that part."""

    loss: float
    label_tokens: int
    tokens: int
    computed_tokens: int
    passes: int
    grad_norm: float
    stepped: bool
    loss_shifted: float | None = None
    shift: Shift | None = None
    gap_ratio: float | None = None
    """(loss at w + shift − loss at w) / (rho · gradient norm): near 1 for a small rho; near 0 means the shift was lost."""
    cos: float | None = None
    """Cosine between the gradients of the two passes, where it was measured."""


class Stepper:
    """Takes steps with a plain optimizer. Holds no state of its own but the ascent's buffers.

    Args:
        model: a causal transformers model, in training mode.
        optimizer: any torch optimizer over the model's parameters.
        settings: `optim` of the stage.
        pad_id: token that fills short rows.
        autocast: makes a context for the forward pass; default none (fp32).
        loss: of a micro-batch, summed over its label tokens; default their cross-entropy.
    """

    def __init__(
        self,
        model: Any,
        optimizer: torch.optim.Optimizer,
        settings: OptimSettings,
        pad_id: int,
        autocast: Any = nullcontext,
        loss: Loss | None = None,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.settings = settings
        self.pad_id = pad_id
        self.autocast = autocast
        self.loss = loss
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.ascent = Ascent(settings.sam, list(model.named_parameters())) if settings.sam.rho > 0 else None

    def uses_sam(self, step: int) -> bool:
        """Whether SAM acts on this step of the stage."""
        sam = self.settings.sam
        return self.ascent is not None and step >= sam.start_step and (step - sam.start_step) % sam.every == 0

    def take(self, rows: Sequence[Example], step: int) -> StepReport:
        """One step over `rows`; weights are where they were if the loss or the gradient is not finite."""
        batches = micro_batches(rows, self.settings.micro_tokens, self.pad_id)
        self.optimizer.zero_grad(set_to_none=True)
        if self.uses_sam(step):
            return self._sam(rows, batches, step)
        loss = self.backward(batches)
        return self._finish(StepReport(loss, *_sizes(batches), passes=1, grad_norm=0.0, stepped=False), loss)

    def _sam(self, rows: Sequence[Example], batches: list[MicroBatch], step: int) -> StepReport:
        assert self.ascent is not None
        sam = self.settings.sam
        # Rows of a step are in random order, micro-batches are sorted by length: a share of the rows is unbiased, of the
        # micro-batches it would not be. Either way the saving is real, and with one micro-batch too.
        part = (
            batches
            if sam.fraction >= 1
            else micro_batches(rows[: math.ceil(sam.fraction * len(rows))], self.settings.micro_tokens, self.pad_id)
        )
        random_state = _RandomState(self.parameters[0].device)
        loss = self.backward(part)
        measure = step % MEASURE_EVERY == 0
        first = [p.grad.clone() for p in self.parameters if p.grad is not None] if measure else None
        with self.ascent.shifted(measure) as shift:
            self.optimizer.zero_grad(set_to_none=True)  # also those that the ascent does not move
            random_state.restore()  # the same dropout masks as in the first pass
            loss_shifted = self.backward(batches)
        sizes = [a + b for a, b in zip(_sizes(part), _sizes(batches), strict=True)]
        report = StepReport(
            loss,
            _sizes(batches)[0],
            sizes[1],
            sizes[2],
            passes=2,
            grad_norm=0.0,
            stepped=False,
            loss_shifted=loss_shifted,
            shift=shift,
        )
        if shift.moved and part is batches:
            report.gap_ratio = (loss_shifted - loss) / (shift.rho * shift.grad_norm)
        if first is not None:
            report.cos = _cosine(first, [p.grad for p in self.parameters if p.grad is not None])
        return self._finish(report, loss_shifted)

    def backward(self, batches: Sequence[MicroBatch]) -> float:
        """Adds the gradient of the mean loss per label token over all micro-batches; returns that loss.

        One denominator for all: short micro-batches must not weigh more.
        """
        tokens = sum(batch.label_tokens for batch in batches)
        total = 0.0
        for batch in batches:
            loss = self.loss_sum(batch) / max(tokens, 1)
            loss.backward()
            total += float(loss.detach())
        return total

    def loss_sum(self, batch: MicroBatch) -> torch.Tensor:
        """The loss summed over the label tokens of a micro-batch, in nats: their cross-entropy, or the objective's own."""
        device = self.parameters[0].device
        context: AbstractContextManager[Any] = self.autocast()
        with context:
            if self.loss is not None:
                return self.loss(self.model, batch)
            logits = self.model(input_ids=batch.input_ids.to(device), use_cache=False).logits[:, :-1]
        labels = batch.labels[:, 1:].to(device)
        return cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORE, reduction="sum")

    def _finish(self, report: StepReport, loss: float) -> StepReport:
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        norm = global_norm(gradients)
        report.grad_norm = float(norm)
        if math.isfinite(loss) and math.isfinite(report.grad_norm):
            if 0 < self.settings.clip < report.grad_norm:
                torch._foreach_mul_(gradients, self.settings.clip / (norm + 1e-6))
            self.optimizer.step()
            report.stepped = True
        return report


def _sizes(batches: Sequence[MicroBatch]) -> tuple[int, int, int]:
    """Label tokens, real tokens and computed tokens (padding included)."""
    return (
        sum(batch.label_tokens for batch in batches),
        sum(batch.tokens for batch in batches),
        sum(batch.input_ids.numel() for batch in batches),
    )


def _cosine(a: list[torch.Tensor], b: list[torch.Tensor]) -> float:
    dot = sum(float((x.float() * y.float()).sum()) for x, y in zip(a, b, strict=True))
    norms = float(global_norm(a)) * float(global_norm(b))
    return dot / norms if norms > 0 and math.isfinite(norms) else 0.0


class _RandomState:
    """The random state of the CPU and of one device."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._cpu = torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    def restore(self) -> None:
        torch.set_rng_state(self._cpu)
        if self._cuda is not None:
            torch.cuda.set_rng_state(self._cuda, self._device)
