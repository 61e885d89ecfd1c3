"""The variants of SAM by name (`optim.sam.variant`): one small file each, with a card in docs/ascents/."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import Parameter

from kinj.config.schema import SamSettings
from kinj.train.ascents.asam import Asam
from kinj.train.ascents.looksam import LookSam
from kinj.train.ascents.momentum import Momentum
from kinj.train.ascents.sam import Sam
from kinj.train.sam import Ascent

VARIANTS: dict[str, type[Ascent]] = {"sam": Sam, "asam": Asam, "looksam": LookSam, "momentum": Momentum}


def build_ascent(
    settings: SamSettings, named_parameters: Sequence[tuple[str, Parameter]], optimizer: torch.optim.Optimizer
) -> Ascent | None:
    """The variant that the settings name, or None where rho is 0: training is plain then."""
    return VARIANTS[settings.variant](settings, named_parameters, optimizer) if settings.rho > 0 else None
