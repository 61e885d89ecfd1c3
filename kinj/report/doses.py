"""What was learned, and what was kept, against each setting that was given as numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kinj.config.wording import capitalized
from kinj.report import plots
from kinj.report.blocks import Figure
from kinj.report.figures import axis_label
from kinj.report.naming import REPLICATION, short_keys, written
from kinj.report.plots import Point, Series
from kinj.report.relations import Fit, fits
from kinj.report.tables import RETENTION, kept_measures, main_measure, main_title

Results = Mapping[str, Any]
Group = Mapping[str, Any]
LOG_FROM = 8
"""Doses that span this factor or more are drawn on a log scale."""


def dose_figures(results: Results) -> Iterator[Figure]:
    """For each numeric setting of the grid with several values: the measure asked for, and what was kept."""
    keys = short_keys([key for key in results["space"] if key not in REPLICATION])
    for key, short in keys.items():
        rows = [
            (group, dose) for group in results["groups"] if (dose := _amount(group["settings"].get(key))) is not None
        ]
        doses = {dose for _, dose in rows}
        if len(doses) < 2:
            continue
        log = min(doses) > 0 and max(doses) / min(doses) >= LOG_FROM
        titles = {"": main_title(results)}
        titles |= {name: f"older facts still known, {RETENTION[name]}" for name in kept_measures(results)[:1]}
        for kept, title in titles.items():
            if lines := _lines(short, rows, kept, results):
                plot = fits(lines, (key, axis_label(results, title)), f"{title} against {key}", log_x=log)
                caption = "Means with 95 % intervals; lines join neighbours and claim nothing between them."
                yield Figure(
                    f"dose-{short}{'-kept' if kept else ''}",
                    f"{capitalized(title)}, by {short}",
                    plot,
                    caption,
                )


def _amount(value: Any) -> float | None:
    return None if isinstance(value, bool) or not isinstance(value, (int, float)) else float(value)


def _lines(short: str, rows: Sequence[tuple[Group, float]], kept: str, results: Results) -> list[Fit]:
    """One line for each combination of all else; of a measure of retention, or of the one asked for."""
    lines: dict[str, list[tuple[float, Point]]] = {}
    for group, dose in rows:
        measure = group["measures"].get("retention", {}).get(kept) if kept else main_measure(results, group)
        if measure is not None:
            parts = str(group["name"]).split(", ")
            label = ", ".join(part for part in parts if part not in (f"{short}={written(dose)}", f"{short}={dose}"))
            lines.setdefault(label, []).append((dose, plots.point(group["name"], measure)))
    return [_line(label, sorted(points, key=lambda pair: pair[0])) for label, points in lines.items()]


def _line(label: str, points: Sequence[tuple[float, Point]]) -> Fit:
    x, y = [dose for dose, _ in points], [point.value or 0.0 for _, point in points]
    measured = Series(label, x, y, [point.low for _, point in points], [point.high for _, point in points])
    return Fit(measured, Series(label, x, y))
