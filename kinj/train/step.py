"""One optimizer step: plain, or with its gradient taken at the moved weights (SAM)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from kinj.config.errors import UsageError
from kinj.config.schema import OptimSettings
from kinj.models.batch import MicroBatch, predictions
from kinj.models.codec import IGNORE, Example
from kinj.train.ascents import build_ascent
from kinj.train.objectives.base import Loss
from kinj.train.processes import ALONE, Processes
from kinj.train.repeat import RandomState, frozen_statistics
from kinj.train.sam import Ascent, Shift, global_norm
from kinj.train.share import Share, share_of

MEASURE_EVERY = 50
"""Steps between the measurements of a SAM step that cost time: rounding of the move, cosine of the two gradients."""


@dataclass
class StepReport:
    """What one step did, over all processes.

    `loss` is at w, in nats per label token: for a SAM step on a part of the rows, on that part; for one without a pass at w
    (momentum), at the moved weights.
    """

    loss: float
    label_tokens: int
    tokens: int
    computed_tokens: int
    passes: float
    """Forward–backward passes over the step's tokens; one over a share of them counts as that share."""
    grad_norm: float = 0.0
    stepped: bool = False
    shift: Shift | None = None
    loss_shifted: float | None = None
    """Loss at the moved weights, on all rows."""
    loss_gap: float | None = None
    """Loss at the moved weights minus loss at w, on the rows that gave the direction."""
    gap_ratio: float | None = None
    """That, divided by rho · (norm of the direction): near 1 for a small rho; near 0 means the move was lost."""
    sam_seconds: float = 0.0
    """Time that a plain step would not have taken."""


class Stepper:
    """Takes steps with a plain optimizer. Holds no state of its own but the ascent.

    Args:
        model: a transformers model, in training mode.
        optimizer: any torch optimizer over the model's parameters.
        settings: `optim` of the stage.
        pad_id: token that fills short rows.
        autocast: makes a context for the forward pass; default none (fp32).
        network: what is called in a forward pass, where that is not the model itself: it in DistributedDataParallel, or compiled.
        processes: who else takes part; each gets its share of the rows given to `take`.
        loss: of a micro-batch, summed over its label tokens; default their cross-entropy.
        packed: micro-batches are packed rows; the model has been found to read them right (`layout_for`).

    Raises:
        UsageError: SAM cannot work with these weights or in this arithmetic.
    """

    def __init__(
        self,
        model: Any,
        optimizer: torch.optim.Optimizer,
        settings: OptimSettings,
        pad_id: int,
        autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
        network: Any = None,
        processes: Processes = ALONE,
        loss: Loss | None = None,
        packed: bool = False,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.settings = settings
        self.pad_id = pad_id
        self.autocast = autocast
        self.network = model if network is None else network
        self.processes = processes
        self.loss = loss
        self.packed = packed
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.device = self.parameters[0].device
        self.ascent = build_ascent(settings.sam, list(model.named_parameters()), optimizer)
        if self.ascent and self._arithmetic() == torch.float16:
            raise UsageError("optim.sam does not work in fp16: it has no loss scaler", "train.precision=bf16 or fp32")

    def passes(self, step: int, sizes: Sequence[int]) -> float:
        """Forward–backward passes that a step of the stage over rows of these sizes will take; one over a share counts as it."""
        first = self.ascent is not None and self.ascent.first_pass and self.ascent.acts(step)
        return 1 + sum(sizes[: self._first_rows(len(sizes))]) / sum(sizes) if first else 1

    def _first_rows(self, rows: int) -> int:
        """How many of a step's rows find SAM's direction."""
        return math.ceil(self.settings.sam.fraction * rows)

    def take(self, rows: Sequence[Example], step: int) -> StepReport:
        """One step over `rows` (of all processes); weights are where they were if the loss or the gradient is not finite."""
        self.optimizer.zero_grad(set_to_none=True)
        if self.ascent is None or not self.ascent.acts(step):
            report = self._plain(rows)
        elif self.ascent.first_pass:
            report = self._two_passes(rows, self.ascent, step)
        else:
            report = self._one_pass(rows, self.ascent, step)
        return self._finish(report)

    def _plain(self, rows: Sequence[Example]) -> StepReport:
        share = self.share(rows)
        losses = self.backward(share.batches, share.label_tokens)
        if self.ascent is not None:
            self.ascent.between()
        return StepReport(sum(losses), *share.sizes, passes=1)

    def _one_pass(self, rows: Sequence[Example], ascent: Ascent, step: int) -> StepReport:
        share, clock = self.share(rows), _Clock()
        with ascent.shifted(self._measure(step)) as shift, clock.paused():
            loss = sum(self.backward(share.batches, share.label_tokens))
        report = StepReport(loss, *share.sizes, passes=1, shift=shift, loss_shifted=loss)
        report.sam_seconds = clock.seconds
        return report

    def _two_passes(self, rows: Sequence[Example], ascent: Ascent, step: int) -> StepReport:
        # The direction comes from a share of the rows, which are in random order; micro-batches are sorted by length, so a
        # share of those would be biased. The second pass begins with the same micro-batches, and so with the same masks.
        split = self._first_rows(len(rows))
        part, rest, clock = self.share(rows[:split]), self.share(rows[split:]), _Clock()
        random_state = RandomState(self.device)
        at_w = sum(self.backward(part.batches, part.label_tokens, sync=self.settings.sam.scope == "global"))
        with ascent.shifted(self._measure(step)) as shift, clock.paused(), frozen_statistics(self.model):
            self.optimizer.zero_grad(set_to_none=True)  # also those that the ascent does not move
            random_state.restore()
            tokens = part.label_tokens + rest.label_tokens
            losses = self.backward([*part.batches, *rest.batches], tokens)
        # As a mean over the part's label tokens, to be compared with the loss at w.
        moved_part = sum(losses[: len(part.batches)]) * tokens / max(1, part.label_tokens)
        gap = moved_part - at_w
        return StepReport(
            at_w,
            tokens,
            2 * part.tokens + rest.tokens,
            2 * part.computed_tokens + rest.computed_tokens,
            passes=1 + part.tokens / (part.tokens + rest.tokens),
            shift=shift,
            loss_shifted=sum(losses),
            loss_gap=gap,
            gap_ratio=gap / (self.settings.sam.rho * shift.length) if shift.moved else None,
            sam_seconds=clock.seconds,
        )

    def share(self, rows: Sequence[Example]) -> Share:
        """This process's micro-batches of some rows."""
        return share_of(rows, self.processes, self.settings.micro_tokens, self.pad_id, self.packed)

    def backward(self, batches: Sequence[MicroBatch], label_tokens: int, sync: bool = True) -> list[float]:
        """Adds the gradient of the mean loss per label token; returns each micro-batch's part of that loss.

        One denominator for all, those of other processes too: short micro-batches must not weigh more.

        Args:
            sync: add up the gradients of all processes (with the last micro-batch). Without it nothing is sent.
        """
        losses = []
        for number, batch in enumerate(batches, 1):
            with self._synced(sync and number == len(batches)):
                # Gradients are averaged over processes, and each process's loss is a part of a sum.
                loss = self.loss_sum(batch) / (max(label_tokens, 1) / self.processes.size)
                loss.backward()
            losses.append(float(loss.detach()) / self.processes.size)
        return losses

    def loss_sum(self, batch: MicroBatch) -> torch.Tensor:
        """The loss summed over the label tokens of a micro-batch, in nats: their cross-entropy, or the objective's own."""
        with self.autocast():
            if self.loss is not None:
                return self.loss(self.network, batch)
            logits, labels = predictions(self.network, batch)
        return cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORE, reduction="sum")

    def _synced(self, sync: bool) -> AbstractContextManager[Any]:
        """For forward and backward pass: what the backward pass sends is decided in the forward pass."""
        no_sync = getattr(self.network, "no_sync", None)
        return nullcontext() if sync or no_sync is None else no_sync()

    def _measure(self, step: int) -> torch.dtype | None:
        """The arithmetic in which this step's move is measured, or None. The first of all moves is on the first or second turn."""
        sam = self.settings.sam
        return self._arithmetic() if (step - sam.start_step) // sam.every % MEASURE_EVERY < 2 else None

    def _arithmetic(self) -> torch.dtype:
        """The type that forward passes compute in."""
        kind = self.device.type
        with self.autocast():
            return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else torch.float32

    def _finish(self, report: StepReport) -> StepReport:
        """Clips and steps, unless something is not finite."""
        self._add_up(report)
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        norm = global_norm(gradients)
        report.grad_norm = float(norm)
        if math.isfinite(report.loss + (report.loss_shifted or 0.0) + report.grad_norm):
            if 0 < self.settings.clip < report.grad_norm:
                torch._foreach_mul_(gradients, float(self.settings.clip / (norm + 1e-6)))
            self.optimizer.step()
            report.stepped = True
        return report

    def _add_up(self, report: StepReport) -> None:
        """From this process's parts to the whole, the same in every process, so that all decide alike."""
        moved = report.shift is not None and report.shift.moved
        parts = [report.loss, report.loss_shifted or 0.0, report.loss_gap or 0.0, report.gap_ratio or 0.0, float(moved)]
        loss, shifted, gap, ratio, moves = self.processes.sum(parts, self.device)
        report.loss = loss
        if report.shift is not None:
            report.shift.moved = moves > 0
            report.loss_shifted = shifted
        if report.loss_gap is not None:
            report.loss_gap, report.gap_ratio = gap, ratio if moves else None


class _Clock:
    """Seconds since it was made, without those inside `paused`."""

    def __init__(self) -> None:
        self._began, self._without = time.perf_counter(), 0.0

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._began - self._without

    @contextmanager
    def paused(self) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self._without += time.perf_counter() - began
