"""The front of recall against retention: ways of teaching that no other way beats in one without losing in the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kinj.report.tables import kept_measures, main_measure

MOST_NAMES = 8
"""Rows that a sentence names."""


@dataclass(frozen=True)
class Front:
    """The front of a table.

    Attributes:
        kept: the measure of retention it is about.
        names: rows on it.
        beaten: other rows, each with the first on the front that is at least as good in both and better in one.
    """

    kept: str
    names: Sequence[str]
    beaten: Mapping[str, str]


def on_front(results: Mapping[str, Any]) -> Front | None:
    """The rows that no other row beats by its means; None where fewer than two rows have both measures."""
    kept = next(iter(kept_measures(results)), None)
    if kept is None:
        return None
    places: dict[str, tuple[float, float]] = {}
    for group in results["groups"]:
        both = main_measure(results, group), group["measures"].get("retention", {}).get(kept)
        if both[0] is not None and both[1] is not None:
            places[group["name"]] = (_good(both[0]), _good(both[1]))
    if len(places) < 2:
        return None
    best = [name for name, place in places.items() if not any(_beats(other, place) for other in places.values())]
    beaten = {
        name: better
        for name, place in places.items()
        if (better := next((other for other in best if _beats(places[other], place)), None)) is not None
    }
    return Front(kept, best, beaten)


def _good(measure: Mapping[str, Any]) -> float:
    """The value, such that more is better."""
    return float(measure["value"] * measure["direction"])


def _beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one != other and one[0] >= other[0] and one[1] >= other[1]


def front_words(front: Front) -> list[str]:
    """The front in sentences."""
    names = _listed(front.names)
    said = [f"No other row beats {names} in one of the two without losing in the other."]
    if len(front.names) == 1:
        said = [f"{names} is at least as good as every other row in both."]
    for better in front.names if len(front.names) > 1 else []:
        worse = [name for name, by in front.beaten.items() if by == better]
        if worse:
            said.append(f"{_listed([better])} is at least as good in both as {_listed(worse)}.")
    return [*said, "The front follows the means; where intervals overlap, another set of seeds may draw another front."]


def _listed(names: Sequence[str]) -> str:
    shown = [f"“{name}”" for name in names[:MOST_NAMES]]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(shown) + more
