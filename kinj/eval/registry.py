"""The probes by name."""

from __future__ import annotations

from kinj.config.errors import UsageError
from kinj.eval.base import Context, ModelProbe, Probe
from kinj.eval.probes.backward import Backward
from kinj.eval.probes.biographies import Biographies
from kinj.eval.probes.calibration import Calibration
from kinj.eval.probes.capacity import Capacity
from kinj.eval.probes.cloze import Cloze
from kinj.eval.probes.dose import Dose
from kinj.eval.probes.formats import Formats
from kinj.eval.probes.generalization import Generalization
from kinj.eval.probes.linear import Linear
from kinj.eval.probes.loss_gap import LossGap
from kinj.eval.probes.multihop import MultiHop
from kinj.eval.probes.priming import Priming
from kinj.eval.probes.qa import QA
from kinj.eval.probes.retention import Retention
from kinj.eval.probes.sharpness import Sharpness
from kinj.eval.probes.tofu import Tofu
from kinj.eval.probes.wiki2023 import Wiki2023
from kinj.eval.probes.wikidyk import WikiDYK, WikiDYKStandIn
from kinj.eval.prompting import Prompted

_ALL: tuple[type[Probe] | type[ModelProbe], ...] = (
    Biographies,
    Backward,
    Wiki2023,
    WikiDYK,
    QA,
    Cloze,
    Retention,
    Formats,
    LossGap,
    Sharpness,
    Calibration,
    Generalization,
    MultiHop,
    Dose,
    Capacity,
    Tofu,
    Linear,
    Priming,
)
PROBES = {probe.name: probe for probe in _ALL}


def names() -> list[str]:
    """The names that `eval.probes` may hold."""
    return list(PROBES)


def get(name: str, context: Context) -> Probe | ModelProbe:
    """The probe of that name for this run; `wikidyk` without the benchmark's data is its stand-in, under its own name.

    `qa` and `wiki2023` are asked as `eval.shots` and `eval.open_book` say.

    Raises:
        UsageError: there is no such probe.
    """
    if name not in PROBES:
        raise UsageError(f"eval.probes: there is no probe `{name}`", f"there are: {', '.join(names())}")
    if name == "wikidyk" and context.data.name != "wikidyk":
        return WikiDYKStandIn()
    probe, settings = PROBES[name](), context.settings.eval
    if isinstance(probe, QA | Wiki2023) and (settings.shots or settings.open_book):
        return Prompted(probe, settings.shots, open_book=settings.open_book)
    return probe
