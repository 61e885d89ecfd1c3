"""What of a law can be told before its sweep runs: too few seeds, or too few settings for its points."""

from __future__ import annotations

from collections.abc import Sequence

from kinj.sweep.laws.points import need, need_seeds
from kinj.sweep.laws.registry import LAWS
from kinj.sweep.multiplex import rows_of
from kinj.sweep.results import PlannedTrial


def check_planned(name: str, planned: Sequence[PlannedTrial]) -> None:
    """Refuses a sweep that holds too little for a law whatever its trials find.

    Which settings change a dose is not asked, as doses follow from much: every row of the table counts as a point.

    Args:
        name: of the law; a key of `kinj.sweep.laws.registry.LAWS`.
        planned: all trials of the sweep.

    Raises:
        UsageError: it has too few seeds, or too few rows.
    """
    law = LAWS[name]
    data_seeds, seeds = ({getattr(one.replicate, key) for one in planned} for key in ("data_seed", "seed"))
    need_seeds(name, len(data_seeds if len(data_seeds) > 1 else seeds))
    rows = {row for one in planned for row in rows_of(one.trial, one.settings)}
    need(name, "settings beside seeds", law.least, len(rows), law.vary)
