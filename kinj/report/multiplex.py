"""What the treatments of a multiplexed sweep do to each other, for the terminal and the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kinj.report.numbers import NOT_MEASURED, amount, difference_text, interval_text, value_text

Results = Mapping[str, Any]
MARKS = {True: "safe", False: "unsafe", None: "unknown"}


@dataclass(frozen=True)
class Grid:
    """A table of texts: its title, and what stands in its head and its rows."""

    title: str
    head: list[str]
    rows: list[list[str]]


def check_grids(results: Results) -> Iterator[Grid]:
    """At each point that was checked: the curve beside the one of treatments alone, and the interference matrix."""
    names = treatment_names(results)
    for checked in _checked(results):
        where = "".join(f", {key}={value}" for key, value in checked["settings"].items())
        rows = [_curve_row(name, point) for name, point in zip(names, checked["curve"], strict=True)]
        head = ["treatment", "together", "alone", "together − alone", "could have seen", ""]
        yield Grid(f"The curve of one run beside those of runs with one treatment each{where}", head, rows)
        rows = [
            [name, *(difference_text(cell) if cell else NOT_MEASURED for cell in row)]
            for name, row in zip(names, checked["matrix"], strict=True)
        ]
        title = f"What the documents of a row's treatment add to what is measured of a column's{where}"
        yield Grid(title, ["documents of", *names], rows)


def check_lines(results: Results) -> list[str]:
    """Whether the curve can be trusted, one sentence for each point that was checked."""
    names, lines = treatment_names(results), []
    for checked in _checked(results):
        where = "".join(f"{key}={value}: " for key, value in checked["settings"].items())
        marks = [point["safe"] for point in checked["curve"]]
        unsafe = [name for name, mark in zip(names, marks, strict=True) if mark is False]
        if unsafe:
            why = "it is not that of runs with one treatment each"
            lines.append(f"{where}the multiplexed curve is unsafe at {', '.join(unsafe)}: {why}")
        elif None in marks:
            lines.append(
                f"{where}too few runs to say whether the multiplexed curve is that of runs with one treatment each"
            )
        else:
            lines.append(f"{where}the multiplexed curve lies in the intervals of runs with one treatment each")
    return lines


def treatment_names(results: Results) -> list[str]:
    """What the treatments are called: their values, with the keys where there are several."""
    treated: Sequence[Mapping[str, str]] = (results.get("multiplex") or {}).get("treatments", [])
    return [", ".join(f"{key.rpartition('.')[2]}={value}" for key, value in one.items()) for one in treated]


def _checked(results: Results) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = (results.get("multiplex") or {}).get("checked", [])
    return found


def _curve_row(name: str, point: Mapping[str, Any]) -> list[str]:
    together, alone = (_measured(point[key]) for key in ("together", "alone"))
    gap = point["difference"]
    seen = "unknown" if not gap or gap["smallest"] is None else amount(gap["smallest"], gap["unit"])
    return [name, together, alone, difference_text(gap) if gap else NOT_MEASURED, seen, MARKS[point["safe"]]]


def _measured(measure: Mapping[str, Any] | None) -> str:
    return f"{value_text(measure)} {interval_text(measure)}".strip() if measure else NOT_MEASURED
