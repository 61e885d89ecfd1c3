"""Plots of one quantity against another: fitted laws, doses and responses, recall against retention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.ticker import LogLocator, NullFormatter

from kinj.report.canvas import DASHES, SHAPES, Plot, Sketch, legend_height
from kinj.report.numbers import number, short
from kinj.report.plots import Point, Series, alt_text, known

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_NAMES = 8
"""Points that are named in a plot; more would hide each other."""


@dataclass(frozen=True)
class Fit:
    """What was measured, with intervals, the curve that was fitted to it, with its band, and what was held out of the fit.

    Attributes:
        held: predictions, with intervals, at places that were held out.
    """

    measured: Series
    curve: Series
    held: Series | None = None


def fits(lines: Sequence[Fit], labels: tuple[str, str], title: str, log_x: bool = True, log_y: bool = False) -> Plot:
    """Measured points and fitted curves.

    Args:
        lines: what was measured and fitted; told apart by colour and dashes.
        labels: of x and y.
        title: what the plot shows.
        log_x: x on a log scale.
        log_y: y on a log scale.
    """

    def draw(sketch: Sketch) -> None:
        axes = sketch.axes()
        for place, line in enumerate(lines):
            _fit(sketch, axes, line, place if line.measured.arm is None else line.measured.arm, labels[0])
        axes.set_xscale("log" if log_x else "linear")
        axes.set_yscale("log" if log_y else "linear")
        for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            if axis.get_scale() == "log":  # a short axis shows more than its powers of ten
                axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 1000 else (1,)))
            axis.set_major_formatter(lambda value, _: short(value))
            axis.set_minor_formatter(NullFormatter())
        if any(line.held for line in lines):
            axes.plot(
                [], [], "D", color=sketch.ink["muted"], markersize=6.5, fillstyle="none", label="predicted, held out"
            )
        axes.set_xlabel(labels[0])
        axes.set_title(labels[1], loc="left", fontsize=10.5, color=sketch.ink["ink"])
        axes.grid(axis="y", color=sketch.ink["grid"], linewidth=0.8)
        axes.tick_params(which="both", length=0)
        if len(axes.get_legend_handles_labels()[1]) > 1:
            sketch.legend(axes)

    said = (
        _said(line.measured, x, y, labels[0])
        for line in lines
        for x, y in zip(line.measured.x, line.measured.y, strict=True)
    )
    return Plot(alt_text(title, said), draw, 3.2 + legend_height([line.measured.label for line in lines]))


def _fit(sketch: Sketch, axes: Axes, line: Fit, place: int, unit: str) -> None:
    measured, curve, arm = line.measured, line.curve, line.measured.arm
    colour = sketch.arm(place)
    texts = [_said(measured, x, y, unit) for x, y in zip(measured.x, measured.y, strict=True)]
    for x, *ends in known(measured):
        (bar,) = axes.plot([x, x], ends, color=colour, linewidth=1.6, alpha=0.6, zorder=3)
        sketch.mark(bar, arm, measured.label)
    shape = SHAPES[place % len(SHAPES)]
    (dots,) = axes.plot(
        measured.x, measured.y, shape, color=colour, markersize=5, zorder=4, label=measured.label or "measured"
    )
    sketch.mark(dots, arm, *texts)
    if curve.x:
        (drawn,) = axes.plot(curve.x, curve.y, DASHES[place // 4 % 4], color=colour, linewidth=1.6, zorder=2)
        sketch.mark(drawn, arm, curve.label)
    if rows := known(curve):
        x_band, low, high = zip(*rows, strict=True)
        sketch.mark(axes.fill_between(x_band, low, high, color=colour, alpha=0.15, linewidth=0), arm)
    if line.held:
        _held(sketch, axes, line.held, colour, unit, arm)


def _held(sketch: Sketch, axes: Axes, held: Series, colour: str, unit: str, arm: int | None) -> None:
    for x, *ends in known(held):
        axes.plot([x, x], ends, color=colour, linewidth=1, linestyle=":", zorder=3)
    (drawn,) = axes.plot(held.x, held.y, "D", color=colour, markersize=7.5, fillstyle="none", zorder=5)
    sketch.mark(
        drawn, arm, *(f"predicted, held out: {_said(held, x, y, unit)}" for x, y in zip(held.x, held.y, strict=True))
    )


def _said(series: Series, x: float, y: float, unit: str) -> str:
    name = f"{series.label}: " if series.label else ""
    return f"{name}{number(y, None)} at {short(x)} {unit}"


@dataclass(frozen=True)
class Place:
    """Where a way of teaching lies in a plane.

    Attributes:
        x, y: its values, with intervals where there are any.
        front: no other place is better in one respect and as good in the other.
    """

    label: str
    x: Point
    y: Point
    text: str
    front: bool
    arm: int | None = None

    @property
    def at(self) -> tuple[float, float]:
        """Its two values."""
        return self.x.value or 0.0, self.y.value or 0.0


def plane(places: Sequence[Place], labels: tuple[str, str], title: str) -> Plot:
    """Places in a plane; those on the front are filled and joined."""

    def draw(sketch: Sketch) -> None:
        axes = sketch.axes()
        front = sorted((place for place in places if place.front), key=lambda place: place.at)
        axes.plot(
            [place.at[0] for place in front],
            [place.at[1] for place in front],
            "--",
            drawstyle="steps-pre",
            color=sketch.ink["muted"],
            linewidth=1.2,
            zorder=1,
        )
        named = places if len(places) <= MOST_NAMES else front[:MOST_NAMES]
        for rank, place in enumerate(places):
            _place(sketch, axes, place, rank, place in named)
        axes.set_xlim(*_near([place.x for place in places]))
        axes.set_ylim(*_near([place.y for place in places]))
        axes.set_xlabel(labels[0])
        axes.set_title(labels[1], loc="left", fontsize=10.5, color=sketch.ink["ink"])
        axes.grid(color=sketch.ink["grid"], linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(length=0)
        if named:
            sketch.legend(axes)

    said = (f"{place.text}{' (on the front)' if place.front else ''}" for place in places)
    return Plot(alt_text(title, said), draw, 3.2 + legend_height([place.label for place in places[:MOST_NAMES]]))


def _near(points: Sequence[Point]) -> tuple[float, float]:
    """An axis on which values can be told apart; intervals far wider than their spread run out of it."""
    values = [point.value or 0.0 for point in points]
    ends = [end for point in points for end in (point.low, point.high) if end is not None]
    room = max(max(values) - min(values), 0.02 * max(map(abs, values)), 1e-9)
    low, high = min([*values, *ends]), max([*values, *ends])
    return max(min(values) - room, low - 0.15 * room), min(max(values) + room, high + 0.15 * room)


def _place(sketch: Sketch, axes: Axes, place: Place, rank: int, named: bool) -> None:
    colour = sketch.arm(place.arm)
    x, y = place.at
    for across, one in ((True, place.x), (False, place.y)):
        if one.low is not None and one.high is not None:
            ends = [one.low, one.high]
            (line,) = axes.plot(
                ends if across else [x, x], [y, y] if across else ends, color=colour, linewidth=1, alpha=0.35, zorder=2
            )
            sketch.mark(line, place.arm, place.text)
    (dot,) = axes.plot(
        [x],
        [y],
        SHAPES[rank % len(SHAPES)],
        color=colour,
        markersize=8,
        fillstyle="full" if place.front else "none",
        markeredgewidth=1.6,
        linestyle="none",
        zorder=4,
        label=place.label if named else None,
    )
    sketch.mark(dot, place.arm, place.text)
