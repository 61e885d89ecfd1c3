"""Steps that went wrong: which are passed over, which end the run, and what is worth a word."""

from __future__ import annotations

import math
from dataclasses import dataclass

from kinj.config.errors import KinjError
from kinj.config.schema import OptimSettings
from kinj.data.rundir import RunDir
from kinj.train.step import StepReport

LEAST_KEPT = 0.5
"""Share of SAM's move that must survive rounding; below it a notice says so."""
SKIPS_IN_A_ROW = 10
"""Steps in a row whose second SAM pass may overflow before the run is given up."""


@dataclass
class Health:
    """Watches the steps of a run."""

    run: RunDir
    _skips_in_a_row: int = 0
    _told_lost: bool = False

    def check(self, report: StepReport, step: int, stage: str, optim: OptimSettings) -> None:
        """Looks at what step `step` (from 1) of the run did.

        A step that could not be taken is skipped when only SAM's second pass overflowed, and ends the run otherwise.

        Raises:
            KinjError: the loss or its gradient is not finite.
        """
        self._tell_if_lost(report, step, stage, optim)
        self._skips_in_a_row = 0 if report.stepped else self._skips_in_a_row + 1
        if report.stepped:
            return
        moved = report.shift is not None and report.shift.moved
        fine_at_w = report.loss_gap is None or math.isfinite(report.loss)  # a single pass was at the moved weights
        if moved and fine_at_w and self._skips_in_a_row < SKIPS_IN_A_ROW:
            self.run.event("step_skipped", step=step, reason="the pass at the moved weights of SAM was not finite")
            return
        checkpoint = self.run.latest_checkpoint()
        what = f"the loss or its gradient is not finite (loss {report.loss}) at step {step} of stage `{stage}`"
        lower = f"lower optim.lr (now {optim.lr})"
        if moved:
            what += f"; at the weights that SAM moved, the loss was {report.loss_shifted}"
            lower += f" or optim.sam.rho (now {optim.sam.rho})"
        raise KinjError(
            what,
            f"{lower}; " + (f"the last good state is {checkpoint}" if checkpoint else "no checkpoint was written yet"),
        )

    def _tell_if_lost(self, report: StepReport, step: int, stage: str, optim: OptimSettings) -> None:
        kept = report.shift.kept if report.shift is not None else None
        if self._told_lost or kept is None or kept >= LEAST_KEPT:
            return
        self._told_lost = True
        text = (
            f"stage `{stage}`: SAM's move is lost in rounding: {kept:.0%} of it reaches the computation "
            f"(step {step}); raise optim.sam.rho (now {optim.sam.rho}), or compute in train.precision=fp32"
        )
        self.run.event("notice", text=text)
