"""What is called in the forward passes of training: the model, over processes, compiled, with or without its activations kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import TrainSettings
from kinj.train.processes import Processes, spread

COMPILERS = ("torch._dynamo", "torch._inductor")
"""Whose errors are those of compiling; they are told by their modules, since importing these takes a second."""


def network_for(model: Any, settings: TrainSettings, processes: Processes) -> Any:
    """The model as its forward passes call it.

    Args:
        model: a transformers model.
        settings: `gradient_checkpointing` and `compile` are used.
        processes: over which gradients are averaged.

    Raises:
        UsageError: a model of this kind cannot compute its activations again.
    """
    if settings.gradient_checkpointing:
        if not model.supports_gradient_checkpointing:
            what = f"train.gradient_checkpointing: {type(model).__name__} cannot compute its activations again"
            raise UsageError(what, "leave it out; a smaller optim.micro_tokens saves memory too")
        model.activation_checkpointing_enable()
    network = spread(model, processes)
    # Steps differ in their sizes: compiled for each of them, nearly all the time would go into compiling.
    return torch.compile(network, dynamic=True) if settings.compile else network


@contextmanager
def compiling() -> Iterator[None]:
    """Says what to do where the model cannot be compiled, which shows when it is called.

    Raises:
        KinjError: it cannot.
    """
    try:
        yield
    except RuntimeError as error:
        if not type(error).__module__.startswith(COMPILERS):
            raise
        lines = str(error).strip().splitlines() or [type(error).__name__]
        hint = "run without train.compile; on a CPU torch.compile needs a C++ compiler"
        raise KinjError(f"train.compile: the model cannot be compiled here ({lines[0]})", hint) from error
