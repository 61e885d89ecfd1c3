"""Means over replicates and paired comparisons, and what their intervals cover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kinj.stats import Interval, paired_difference, smallest_detectable, t_interval
from kinj.stats.intervals import NO_SPREAD
from kinj.sweep.outcome import Replicate, TrialResult

WORDS = {"biographies": "people"}
"""What another `data.seed` means, by data set."""

Values = Mapping[Replicate, float]


def over_replicates(values: Values, data: str) -> Interval | None:
    """The mean and its t-interval over replicates; None for a single one, about which replication says nothing.

    Where several data seeds were used they are the independent units (training seeds on the same people share those
    people), and the interval is about other people; otherwise the training seeds are.
    """
    units = _units(values)
    if len(units) < 2:
        return None
    interval = t_interval(list(units.values()))
    return replace(interval, n=len(values), covers=_covers(list(values), data))


def _units(values: Values) -> dict[int, float]:
    """The mean of each data seed, or, on the same data, the value of each training seed."""
    by_data = len({replicate.data_seed for replicate in values}) > 1
    units: dict[int, list[float]] = {}
    for replicate, value in values.items():
        units.setdefault(replicate.data_seed if by_data else replicate.seed, []).append(value)
    return {unit: sum(found) / len(found) for unit, found in units.items()}


def _covers(replicates: Sequence[Replicate], data: str) -> str:
    people = len({replicate.data_seed for replicate in replicates})
    seeds = len({replicate.seed for replicate in replicates})
    word = WORDS.get(data, "data")
    if people < 2:
        return f"other training seeds ({seeds}), on the same {word}"
    if seeds < 2:
        return f"other {word} ({people} data seeds), with the same training seed"
    return f"other {word} and training seeds ({people} data seeds, {len(replicates)} runs)"


def group_measure(results: Sequence[TrialResult], probe: str, name: str, data: str) -> dict[str, Any] | None:
    """One measure of one row of the table: over replicates, or, of a single run, as that run reports it."""
    found = {result.replicate: measure for result in results if (measure := result.measure(probe, name))}
    if not found:
        return None
    about = next(iter(found.values()))
    runs = {"runs": len(found), "values": [measure["value"] for measure in found.values()]}
    interval = over_replicates({replicate: measure["value"] for replicate, measure in found.items()}, data)
    if interval is None:
        covers = f"{about['covers']}; one run: says nothing about other seeds"
        return {**{key: value for key, value in about.items() if key != "note"}, **runs, "covers": covers}
    if _no_spread(interval):
        interval = _without_spread(interval, list(found.values()))
    if about["unit"] == "share":
        interval = _within(interval, -1.0 if name.endswith("_change") else 0.0)
    return {**as_json(interval), "unit": about["unit"], "direction": about["direction"], **runs}


def _within(interval: Interval, least: float) -> Interval:
    """Cut off at the least value and at 1: shares, and differences of them, have no other values."""
    if interval.low is None or interval.high is None:
        return interval
    return replace(interval, low=max(least, interval.low), high=min(1.0, interval.high))


def _no_spread(interval: Interval) -> bool:
    """Whether all replicates gave the same value: chance alone makes that of few, and says nothing of how sure it is."""
    return interval.error is not None and interval.error < NO_SPREAD


def _without_spread(interval: Interval, found: Sequence[Mapping[str, Any]]) -> Interval:
    """All replicates gave the same value, such as no right answer at all, and of that no spread can be told: as wide as the
    widest interval of a single one."""
    lows, highs = ([measure[end] for measure in found if measure[end] is not None] for end in ("low", "high"))
    low, high = min(lows, default=None), max(highs, default=None)
    return replace(
        interval, low=low, high=high, covers=f"{found[0]['covers']}; the {len(found)} runs gave the same value"
    )


def difference(
    a: Sequence[TrialResult], b: Sequence[TrialResult], probe: str, name: str, data: str
) -> dict[str, Any] | None:
    """`a` minus `b`, paired: by replicate over several, by question in a single one. None where nothing can be paired.

    `smallest` is the smallest true effect the comparison would have found with 80 % power (null where that is unknown).
    """
    left, right = ({r.replicate: r for r in results if r.measure(probe, name)} for results in (a, b))
    shared = [replicate for replicate in left if replicate in right]
    if not shared:
        return None
    about = left[shared[0]].measure(probe, name) or {}
    values = {r: _value(left[r], probe, name) - _value(right[r], probe, name) for r in shared}
    interval = over_replicates(values, data)
    if interval is None or _no_spread(interval):
        by_question = [_by_question(left[r], right[r], probe, name) for r in shared]
        interval = _one_pair(values[shared[0]], by_question[0]) if interval is None else _alike(interval, by_question)
    smallest = smallest_detectable(interval.error, interval.dof) if interval.error and interval.dof else None
    if about.get("unit") == "share":
        interval = _within(interval, -1.0)
    return {**as_json(interval), "unit": about.get("unit"), "direction": about.get("direction"), "smallest": smallest}


def _value(result: TrialResult, probe: str, name: str) -> float:
    measure = result.measure(probe, name)
    assert measure is not None
    return float(measure["value"])


def _one_pair(value: float, by_question: Interval | None) -> Interval:
    """The difference of two single runs."""
    if by_question is None:
        return Interval(value, None, None, 1, 1, "nothing: one run, and its questions cannot be paired")
    return replace(by_question, covers=f"{by_question.covers}; one run: says nothing about other seeds")


def _alike(interval: Interval, by_question: Sequence[Interval | None]) -> Interval:
    """All replicates differ by the same, and of that no spread can be told: as wide as the widest difference by question."""
    known = [
        (one.high - one.low, one.low - one.value, one.high - one.value, one)
        for one in by_question
        if one is not None and one.low is not None and one.high is not None
    ]
    same = f"the {interval.n} pairs of runs differ by the same"
    if not known:
        nothing = f"nothing: {same}, and their questions cannot be paired"
        return replace(interval, low=None, high=None, error=None, dof=None, covers=nothing)
    _, below, above, widest = max(known, key=lambda one: one[0])
    ends = replace(widest, value=interval.value, low=interval.value + below, high=interval.value + above)
    return replace(ends, n=interval.n, clusters=interval.clusters, covers=f"{widest.covers}; {same}")


def _by_question(a: TrialResult, b: TrialResult, probe: str, name: str) -> Interval | None:
    left, right = a.items(probe, name), b.items(probe, name)
    if left is None or right is None or left.values.keys() != right.values.keys():
        return None
    ids = list(left.values)
    documents = [left.documents[identity] for identity in ids]
    return paired_difference([left.values[i] for i in ids], [right.values[i] for i in ids], documents)


def as_json(interval: Interval) -> dict[str, Any]:
    """An interval as results hold it."""
    return {key: value for key, value in vars(interval).items() if key not in ("error", "dof")}
