"""Plots of values by row, and of values over training. A plot takes its colours from the page: it reads on light and on dark."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kinj.report.canvas import DASHES, SHAPES, Plot, Sketch, legend_height
from kinj.report.numbers import Measure, interval_text, value_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINE = 22
"""Letters of a label before it is broken."""
MOST_IN_ALT = 12
"""Values that the description of a plot names; a table beside it has them all."""


@dataclass(frozen=True)
class Point:
    """A value with its interval (None: there is none) and the single runs behind it, in units of the axis.

    Attributes:
        text: what it says.
        arm: the row of the table it belongs to, where rows are told apart by colour.
    """

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    runs: Sequence[float] = ()
    text: str = ""
    arm: int | None = None


def point(label: str, measure: Measure | None, arm: int | None = None) -> Point:
    """A measure as a point, shares in percent; without a measure, an empty place."""
    if measure is None:
        return Point(label, None, arm=arm)
    scale = 100 if measure["unit"] == "share" else 1
    low, high = (None if measure[end] is None else scale * measure[end] for end in ("low", "high"))
    runs = [scale * value for value in measure.get("values", [])]
    text = f"{label}: {value_text(measure)} {interval_text(measure)}".rstrip()
    return Point(label, scale * measure["value"], low, high, runs, text, arm)


@dataclass(frozen=True)
class Series:
    """A line: x, y and, where there are, the ends of each value's interval."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    arm: int | None = None


def known(series: Series) -> list[tuple[float, float, float]]:
    """Places of a series where there is an interval, with its ends."""
    rows = zip(series.x, series.low, series.high, strict=False)
    return [(x, low, high) for x, low, high in rows if low is not None and high is not None]


def dots(series: Mapping[str, Sequence[Point]], title: str, zero: bool = False) -> Plot:
    """One line per label, with a dot and its interval; up to two series above each other, told apart by shape and colour.

    Args:
        series: points by name of the series; all with the same labels in the same order.
        title: what the plot shows.
        zero: mark 0, as for differences.
    """
    rows = next(iter(series.values()))
    many = len(series) > 1

    def draw(sketch: Sketch) -> None:
        axes = sketch.axes()
        for number, (name, points) in enumerate(series.items()):
            shift = (number - (len(series) - 1) / 2) * 0.32 if many else 0.0
            for place, one in enumerate(points):
                _dot(sketch, axes, one, place + shift, number if many else None, name if many else "")
        if zero:
            axes.axvline(0, color=sketch.ink["muted"], linewidth=1, zorder=1)
        if many:
            for number, name in enumerate(series):
                axes.plot([], [], SHAPES[number], color=_colour(sketch, None, number), label=name)
            axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2, frameon=False, handletextpad=0.2)
        _rows_axis(sketch, axes, [one.label for one in rows])

    said = (f"{name}, {one.text}" if many else one.text for name, points in series.items() for one in points)
    return Plot(alt_text(title, said), draw, 0.62 + 0.42 * len(rows))


def _dot(sketch: Sketch, axes: Axes, one: Point, place: float, series: int | None, name: str) -> None:
    if one.value is None:
        return
    colour = _colour(sketch, one.arm, series)
    text = f"{name}, {one.text}" if name else one.text
    if len(one.runs) > 1:
        (runs,) = axes.plot(one.runs, [place] * len(one.runs), "|", color=colour, alpha=0.4, markersize=9, zorder=2)
        sketch.mark(runs, one.arm, *(f"{one.label}: one run, {value:.3g}" for value in one.runs))
    if one.low is not None and one.high is not None:
        ends = [one.low, one.high]
        (line,) = axes.plot(ends, [place] * 2, color=colour, linewidth=2.4, solid_capstyle="round", zorder=3)
        sketch.mark(line, one.arm, text)
    (dot,) = axes.plot([one.value], [place], SHAPES[series or 0], color=colour, markersize=6.5, zorder=4)
    sketch.mark(dot, one.arm, text)


def _colour(sketch: Sketch, arm: int | None, series: int | None) -> str:
    return sketch.arm(arm) if series is None else sketch.ink[("accent", "second")[series % 2]]


def bars(points: Sequence[Point], title: str) -> Plot:
    """One bar per label, with its text at the end."""

    def draw(sketch: Sketch) -> None:
        axes = sketch.axes()
        for place, one in enumerate(points):
            (bar,) = axes.barh(place, one.value or 0.0, height=0.52, color=sketch.ink["soft"], zorder=2)
            sketch.mark(bar, one.arm, f"{one.label}: {one.text}")
            axes.annotate(
                one.text, (one.value or 0.0, place), (5, 0), textcoords="offset points", va="center", fontsize=9.5
            )
        axes.margins(x=0.3)
        axes.set_xlim(left=0)
        _rows_axis(sketch, axes, [one.label for one in points])
        axes.xaxis.set_visible(False)  # each bar says its own number
        axes.spines["bottom"].set_visible(False)

    return Plot(alt_text(title, (f"{one.label}: {one.text}" for one in points)), draw, 0.55 + 0.42 * len(points))


def curves(upper: Sequence[Series], lower: Sequence[Series], labels: tuple[str, str, str], title: str) -> Plot:
    """Two panels above each other over the same x: what was learned, and the loss.

    Args:
        upper: lines of the upper panel, with intervals where they have some.
        lower: lines of the lower panel.
        labels: of the upper and the lower panel, and of x.
        title: what the plot shows.
    """

    def draw(sketch: Sketch) -> None:
        panels = [lines for lines in (upper, lower) if lines]
        axes = sketch.figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for ax, lines, label in zip(axes, panels, labels if upper else labels[1:], strict=False):
            for number, line in enumerate(lines):
                _line(sketch, ax, line, number, len(lines), labels[2])
            ax.set_title(label, loc="left", fontsize=10.5, color=sketch.ink["ink"])
            ax.grid(axis="y", color=sketch.ink["grid"], linewidth=0.8)
            ax.tick_params(length=0)
        axes[-1].set_xlabel(labels[2])
        if len(panels[0]) > 1:
            sketch.legend(axes[0])

    ends = (f"{line.label} ends at {line.y[-1]:.3g}" for lines in (upper, lower) for line in lines)
    height = (4.0 if upper else 2.3) + legend_height([line.label for line in upper or lower])
    return Plot(alt_text(title, ends), draw, height)


def _line(sketch: Sketch, axes: Axes, line: Series, number: int, count: int, unit: str) -> None:
    colour = sketch.arm(line.arm)
    dashes = DASHES[number % len(DASHES)]
    (drawn,) = axes.plot(line.x, line.y, dashes, color=colour, linewidth=1.8, label=line.label)
    sketch.mark(drawn, line.arm, line.label)
    (dots,) = axes.plot(
        line.x, line.y, "o", color=colour, markersize=4 if line.low else 6, alpha=None if line.low else 0
    )
    sketch.mark(
        dots, line.arm, *(f"{line.label}: {y:.3g} at {x:.3g} {unit}" for x, y in zip(line.x, line.y, strict=True))
    )
    if count == 1 and (rows := known(line)):
        x, low, high = zip(*rows, strict=True)
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)


def _rows_axis(sketch: Sketch, axes: Axes, labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), [_short(label) for label in labels])
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=0)
    axes.tick_params(axis="y", labelcolor=sketch.ink["ink"])
    axes.grid(axis="x", color=sketch.ink["grid"], linewidth=0.8)
    axes.set_axisbelow(True)


def _short(label: str) -> str:
    """A label on at most two lines of about `LINE` letters."""
    return "\n".join(textwrap.wrap(label, LINE, max_lines=2, placeholder=" …") or [""])


def alt_text(title: str, said: Iterator[str]) -> str:
    """A description of a plot that gives its values."""
    lines = [line for line in said if line]
    more = f"; and {len(lines) - MOST_IN_ALT} more" if len(lines) > MOST_IN_ALT else ""
    return f"{title}. {'; '.join(lines[:MOST_IN_ALT])}{more}." if lines else title
