"""The dose beyond which what was known before is lost, against model size (arXiv 2509.19371, 2308.08747)."""

from __future__ import annotations

from kinj.sweep.laws.base import Row
from kinj.sweep.laws.collapse import Collapse

RETAINED = "retention.known_unreplayed"


class Forgetting(Collapse):
    """As `collapse`, of facts that were known before and never replayed: the dose at which they are forgotten.

    The peak is mostly the lowest dose: what is lost is counted from there, so the sweep should begin with few exposures.
    """

    name = "forgetting"
    y_label = "exposures at which older facts are lost"
    what = "older knowledge"
    falls = "is down by 5 points"

    def value(self, row: Row) -> float | None:
        return row.measures.get(RETAINED)
