"""The plots of a sweep, from its results.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kinj.config.wording import capitalized
from kinj.report import plots
from kinj.report.blocks import Figure
from kinj.report.canvas import Plot
from kinj.report.colours import ARMS
from kinj.report.front import on_front
from kinj.report.numbers import Measure, duration, interval_text, times, value_text
from kinj.report.plots import Point
from kinj.report.relations import Place, plane
from kinj.report.tables import (
    RETENTION,
    difference_name,
    is_main,
    kept_measures,
    main_is_share,
    main_measure,
    main_title,
    reference_of,
)

Results = Mapping[str, Any]
Group = Mapping[str, Any]
MOST_ROWS = 24
"""Rows that a plot by row shows; a longer one cannot be taken in, and the table has them all."""


def arms_of(results: Results) -> list[int | None]:
    """By row, the number that its colour follows from; None where there are too many to tell apart."""
    many = len(results["groups"])
    return list(range(many)) if 1 < many <= ARMS else [None] * many


def shown_rows(results: Results) -> list[tuple[int, Group]]:
    """The rows that plots by row show, with their places in the table: all, or the best of too many."""
    rows = list(enumerate(results["groups"]))
    if len(rows) <= MOST_ROWS:
        return rows
    measured = [(place, group, m) for place, group in rows if (m := main_measure(results, group))]
    best = sorted(measured, key=lambda row: -row[2]["value"] * row[2]["direction"])[:MOST_ROWS]
    kept = {place for place, *_ in best} or set(range(MOST_ROWS))
    return [(place, group) for place, group in rows if place in kept]


def left_out(results: Results) -> str:
    """What a plot by row has to say where it does not show all of them."""
    many = len(results["groups"])
    return "" if many <= MOST_ROWS else f" The best {MOST_ROWS} of {many} rows; the table has all."


def main_figure(results: Results) -> Figure | None:
    """The measure asked for, by row."""
    plot = main_plot(results)
    if plot is None:
        return None
    many = any(len(group["trials"]) > 1 for group in results["groups"])
    title = main_title(results)
    unit = "Percent, with" if main_is_share(results) else "With"
    caption = f"{unit} 95 % intervals." + (" Small strokes are single runs." if many else "") + left_out(results)
    return Figure("result", capitalized(title), plot, caption)


def main_plot(results: Results) -> Plot | None:
    """The measure asked for by row; None where no row has it."""
    arms = arms_of(results)
    points = [
        plots.point(group["name"], main_measure(results, group), arms[place]) for place, group in shown_rows(results)
    ]
    if all(point.value is None for point in points):
        return None
    title = main_title(results)
    unit = ", in percent" if main_is_share(results) else ""
    return plots.dots({title: points}, f"{title}, by way of teaching{unit}")


def kept_figure(results: Results) -> Figure | None:
    """What was kept, by row, apart for facts that were replayed and not."""
    names = [name for name in kept_measures(results) if name != "perplexity"]
    if not names:
        return None
    arms = arms_of(results)
    series = {
        RETENTION[name]: [
            plots.point(group["name"], group["measures"].get("retention", {}).get(name), arms[place])
            for place, group in shown_rows(results)
        ]
        for name in names
    }
    caption = "Percent of older facts still known, apart for facts repeated during training and facts that were not."
    plot = plots.dots(series, "Older facts still known, by way of teaching, in percent")
    return Figure("retention", "Keeps the old facts", plot, caption + left_out(results))


def difference_figure(results: Results) -> Figure | None:
    """The comparisons of the measure asked for, beside the committed table's."""
    main = [comparison for comparison in results["comparisons"] if is_main(results, comparison)][:MOST_ROWS]
    if not main:
        return None
    here = [plots.point(difference_name(c), c) for c in main]
    series: dict[str, Sequence[Point]] = {"here": here}
    references = [reference_of(results, comparison) for comparison in main]
    if any(references):
        series["committed table"] = [plots.point(p.label, r) for p, r in zip(here, references, strict=True)]
    caption = (
        "Differences in points, paired, with 95 % intervals. An interval across the line at 0 shows no difference."
    )
    plot = plots.dots(series, "Differences between ways of teaching, in points", zero=True)
    return Figure("differences", "Differences", plot, caption)


def cost_figure(results: Results) -> Figure | None:
    """Passes, as multiples of the first row's, and time."""
    rows = shown_rows(results)
    if not rows or not all(group["cost"].get("passes") for _, group in rows):
        return None
    first, arms = rows[0][1]["cost"]["passes"], arms_of(results)
    points = []
    for place, group in rows:
        cost, ratio = group["cost"], group["cost"]["passes"] / first
        said = times(ratio) + (f", {duration(cost['seconds'])}" if "seconds" in cost else "")
        points.append(Point(group["name"], ratio, text=said, arm=arms[place]))
    caption = "Forward–backward passes as multiples of the first row's, and time on this machine."
    return Figure("cost", "Cost", plots.bars(points, "Passes, by way of teaching"), caption + left_out(results))


def front_figure(results: Results) -> Figure | None:
    """The measure asked for against retention, with the front of rows that no other row beats in both."""
    front = on_front(results)
    if front is None:
        return None
    arms, places = arms_of(results), []
    for number, group in enumerate(results["groups"]):
        main, kept = main_measure(results, group), group["measures"].get("retention", {}).get(front.kept)
        if main is None or kept is None:
            continue
        said = f"{group['name']}: {main_title(results)} {_with_interval(main)}, keeps {_with_interval(kept)}"
        x, y = (plots.point("", measure) for measure in (main, kept))
        if x.value is not None and y.value is not None:
            place = Place(group["name"], x, y, said, group["name"] in front.names, arms[number])
            places.append(place)
    if len(places) < 2:
        return None
    kept_title = f"older facts still known, {RETENTION[front.kept]}" if front.kept != "perplexity" else "perplexity"
    labels = (
        axis_label(results, main_title(results)),
        kept_title + ("" if front.kept == "perplexity" else ", percent"),
    )
    caption = (
        "Filled and joined: the front. Further right: knows more; further up: keeps more. Thin lines: 95 % intervals."
        + ("" if front.kept != "perplexity" else " Of perplexity less is better: further down is better.")
    )
    plot = plane(places, labels, "What was learned against what was kept, by way of teaching")
    return Figure("front", "What was learned, what was kept", plot, caption)


def _with_interval(measure: Measure) -> str:
    return f"{value_text(measure)} {interval_text(measure)}".rstrip()


def axis_label(results: Results, name: str) -> str:
    return f"{name}, percent" if main_is_share(results) else name
