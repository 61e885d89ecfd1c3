"""What makes the second pass of a SAM step a repetition of the first: the same dropout masks, running statistics left alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase


class RandomState:
    """The random state of the CPU and of one device, as it is now."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._cpu = torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    def restore(self) -> None:
        """Makes the next random numbers those that came after this state was taken."""
        torch.set_rng_state(self._cpu)
        if self._cuda is not None:
            torch.cuda.set_rng_state(self._cuda, self._device)


@contextmanager
def frozen_statistics(model: nn.Module) -> Iterator[None]:
    """Inside, batch normalization normalizes as ever but does not update its running statistics: they describe w."""
    tracking = [module for module in model.modules() if isinstance(module, _NormBase) and module.track_running_stats]
    for module in tracking:
        module.track_running_stats = False
    try:
        yield
    finally:
        for module in tracking:
            module.track_running_stats = True
