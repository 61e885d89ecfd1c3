"""The laws there are."""

from __future__ import annotations

from kinj.sweep.laws.base import Law
from kinj.sweep.laws.capacity import Capacity
from kinj.sweep.laws.collapse import Collapse
from kinj.sweep.laws.efficiency import Efficiency
from kinj.sweep.laws.exposure import Exposure
from kinj.sweep.laws.forgetting import Forgetting
from kinj.sweep.laws.plateau import Plateau

LAWS: dict[str, type[Law]] = {law.name: law for law in (Collapse, Forgetting, Plateau, Capacity, Efficiency, Exposure)}
