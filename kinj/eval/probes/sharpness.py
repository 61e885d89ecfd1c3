"""How much the loss on the taught texts rises a little way from the weights, and how it curves there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from kinj.data.records import Document, Question, Record
from kinj.data.rng import stable_seed
from kinj.eval.asking import NotMeasuredError
from kinj.eval.base import Context, Measure
from kinj.eval.curvature import Eigenpair, curvature, differentiable_twice, top_eigenpair
from kinj.eval.taught import taught
from kinj.models.batch import MicroBatch, collate, predictions
from kinj.models.codec import IGNORE, Codec
from kinj.models.gap_codecs import GapCodec
from kinj.models.loading import LanguageModel
from kinj.models.packing import WITHIN
from kinj.models.passes import checked

RECORDS = 32
"""Records that the loss is taken on: the first ones, as written; the same for every way of teaching."""
DIRECTIONS = 4
"""Random directions, always the same for weights of the same shapes."""
TOLERANCE = 0.02
"""Power iteration ends when an eigenvalue is certain to lie within this share of the estimate."""
TWICE = ("eager", "sdpa", WITHIN)
"""Attention that has second derivatives."""


class Sharpness:
    """`sharpness`: loss at w + ρ·g/‖g‖ minus loss at w (the first-order maximum of arXiv 2010.01412).

    `sharpness_random` is the same with random directions of that length: it says whether the rise belongs to the gradient
    or to the whole neighbourhood. `top_eigenvalue`: the eigenvalue of the loss's Hessian that is largest in magnitude, with
    its sign, as curvature of the loss on each text along its direction. In nats per token, in evaluation mode, on texts (or
    answers) that were taught.
    """

    name = "sharpness"

    def measure(self, language_model: LanguageModel, context: Context) -> list[Measure]:
        """Raises NotMeasuredError where nothing was taught, the weights are too coarse to be moved so little, or the model fills
        gaps: its loss depends on which are drawn.
        """
        if isinstance(language_model.codec, GapCodec):
            raise NotMeasuredError(f"{language_model.codec.kind} has no loss of a text without gaps drawn in it")
        parameters = [p for p in language_model.model.parameters() if p.requires_grad]
        if any(p.dtype != torch.float32 for p in parameters):
            raise NotMeasuredError("weights in few bits do not move so little; load them with model.dtype=float32")
        records = list(islice(taught(context), RECORDS))
        if not records:
            raise NotMeasuredError("nothing was taught")
        batch = _batch(language_model.codec, records)
        documents = [record.document or record.id if isinstance(record, Question) else record.id for record in records]
        rho = context.settings.eval.sharpness_rho
        with _evaluating(language_model.model):
            rises = _rises(language_model.model, parameters, batch, rho)
            top = _top_eigenvalue(language_model.model, parameters, batch, context)
        columns = [(name, rise.tolist(), f"rho {rho}") for name, rise in rises.items()]
        return [
            Measure(
                name=name,
                unit="nats",
                direction=-1,
                values=values,
                clusters=documents,
                note=f"{note}, {len(records)} records",
                aggregate="plain",
                unit_of_items="texts",
            )
            for name, values, note in [*columns, *top]
        ]


def _top_eigenvalue(
    model: Any, parameters: Sequence[Tensor], batch: MicroBatch, context: Context
) -> list[tuple[str, list[float], str]]:
    """The measure's name, the curvature of the loss on each text along the top eigenvector, and how that was found.

    The curvatures average to the eigenvalue. Nothing where it is not asked for or the attention cannot be differentiated twice.
    """
    steps, attention = context.settings.eval.sharpness_steps, model.config._attn_implementation
    if not steps:
        return []
    if attention not in TWICE:
        context.notices.append(
            f"sharpness: no top_eigenvalue, as {attention} has no second derivative: model.attention=sdpa"
        )
        return []
    with differentiable_twice():
        start = _random(parameters, 0)
        found = top_eigenpair(_losses(model, batch).mean(), parameters, start, tolerance=TOLERANCE, steps=steps)
        values = [curvature(_losses(model, row).mean(), parameters, found.direction) for row in _rows(batch)]
    if not found.converged:
        context.notices.append(f"sharpness: top_eigenvalue {_reached(found)}; raise eval.sharpness_steps")
    return [("top_eigenvalue", values, f"largest in magnitude, {_reached(found)}")]


def _reached(found: Eigenpair) -> str:
    state = "converged" if found.converged else "not converged"
    return f"{state} after {found.steps} steps of power iteration, within {found.residual:.2g} of an eigenvalue"


def _rows(batch: MicroBatch) -> Iterator[MicroBatch]:
    """Each row of a batch of a causal model as a batch of its own."""
    for ids, labels in zip(batch.input_ids, batch.labels, strict=True):
        yield replace(batch, input_ids=ids[None], labels=labels[None])


def _rises(model: Any, parameters: Sequence[Tensor], batch: MicroBatch, rho: float) -> dict[str, Tensor]:
    """By measure, how much the loss on each text rises."""
    losses = _losses(model, batch)
    found = torch.autograd.grad(losses.mean(), parameters, allow_unused=True)
    gradient = [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True)]
    directions = [gradient, *(_random(parameters, number) for number in range(DIRECTIONS))]
    ascent, *random = (_moved_losses(model, parameters, one, batch, rho) - losses.detach() for one in directions)
    return {"sharpness": ascent, "sharpness_random": torch.stack(random).mean(0)}


def _batch(codec: Codec, records: Sequence[Record]) -> MicroBatch:
    """One row of each record, as training encodes it; of a text that is longer than a row, the first."""
    if isinstance(records[0], Question):
        pairs = [(record.prompt, record.answers[0]) for record in records if isinstance(record, Question)]
        return collate(codec.questions(pairs), codec.pad_id)
    texts = codec.documents([record.text for record in records if isinstance(record, Document)])
    return collate([rows[0] for rows in texts], codec.pad_id)


def _losses(model: Any, batch: MicroBatch) -> Tensor:
    """Nats per token of each text. Raises KinjError where they are not numbers."""
    logits, labels = predictions(model, batch)
    each = cross_entropy(logits.transpose(1, 2).float(), labels, ignore_index=IGNORE, reduction="none")
    return checked(each.sum(1) / (labels != IGNORE).sum(1))


def _moved_losses(
    model: Any, parameters: Sequence[Tensor], direction: Sequence[Tensor], batch: MicroBatch, rho: float
) -> Tensor:
    """Losses with the weights moved by `rho` along a direction; the weights come back bit for bit."""
    norm = torch.stack([part.norm() for part in direction]).norm()
    with torch.no_grad():
        kept = [p.clone() for p in parameters]
        try:
            for parameter, part in zip(parameters, direction, strict=True):
                parameter.add_(part, alpha=float(rho / norm) if norm > 0 else 0.0)
            return _losses(model, batch)
        finally:
            for parameter, before in zip(parameters, kept, strict=True):
                parameter.copy_(before)


def _random(parameters: Sequence[Tensor], number: int) -> list[Tensor]:
    """A direction without preference; drawn on the CPU, so that it is the same on every device."""
    generator = torch.Generator().manual_seed(stable_seed("sharpness", number) % 2**63)
    return [torch.randn(p.shape, generator=generator).to(p.device) for p in parameters]


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """Evaluation mode; afterwards each module is in the mode it was in."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
