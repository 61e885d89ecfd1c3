"""Plots as SVG that takes its colours from the page, so that it reads on light and on dark."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from kinj.report.numbers import Measure, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 4.7
"""Inches. Narrow on purpose: scaled to a phone's width, the letters stay readable."""

LINE = 22
"""Letters of a label before it is broken."""

COLOURS = {
    "#010203": "currentColor",
    "#010204": "var(--muted)",
    "#010205": "var(--grid)",
    "#010206": "var(--accent)",
    "#010207": "var(--second)",
    "#010208": "var(--soft)",
}
"""Colours drawn, and what the page puts in their place."""
INK, MUTED, GRID, ACCENT, SECOND, SOFT = COLOURS

STYLE = {
    "font.family": ["DejaVu Sans"],
    "font.size": 10.5,
    "svg.fonttype": "path",  # the same look without the font
    "svg.hashsalt": "kinj",  # the same bytes every time
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "text.parse_math": False,  # a name may hold a dollar sign
}


@dataclass(frozen=True)
class Point:
    """A value with its interval (None: there is none) and the single runs behind it, in units of the axis."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    runs: Sequence[float] = ()
    text: str = ""


def point(label: str, measure: Measure | None) -> Point:
    """A measure as a point, shares in percent; without a measure, an empty place."""
    if measure is None:
        return Point(label, None)
    scale = 100 if measure["unit"] == "share" else 1
    low, high = (None if measure[end] is None else scale * measure[end] for end in ("low", "high"))
    return Point(label, scale * measure["value"], low, high, [scale * value for value in measure.get("values", [])])


@dataclass(frozen=True)
class Series:
    """A line: x, y and, where there are, the ends of each value's interval."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()


def dots(series: Mapping[str, Sequence[Point]], title: str, zero: bool = False) -> str:
    """One line per label, with a dot and its interval; up to two series above each other, told apart by colour.

    Args:
        series: points by name of the series; all with the same labels in the same order.
        title: what the plot shows, for those who cannot see it.
        zero: mark 0, as for differences.
    """
    rows = next(iter(series.values()))
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]  # its stub knows only the names of its own release
        figure, axes = _figure(0.62 + 0.42 * len(rows))
        for number, (name, points) in enumerate(series.items()):
            shift = 0.0 if len(series) == 1 else (number - (len(series) - 1) / 2) * 0.32
            _dot_series(axes, points, [i + shift for i in range(len(points))], (ACCENT, SECOND)[number % 2], name)
        if zero:
            axes.axvline(0, color=MUTED, linewidth=1, zorder=1)
        _rows_axis(axes, [point.label for point in rows])
        if len(series) > 1:
            axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2, frameon=False, handletextpad=0.2)
        return _svg(figure, title)


def _dot_series(axes: Axes, points: Sequence[Point], places: Sequence[float], colour: str, name: str) -> None:
    for point, place in zip(points, places, strict=True):
        if point.value is None:
            continue
        if len(point.runs) > 1:
            axes.plot(point.runs, [place] * len(point.runs), "|", color=colour, alpha=0.35, markersize=9, zorder=2)
        if point.low is not None and point.high is not None:
            axes.plot(
                [point.low, point.high], [place, place], color=colour, linewidth=2.4, solid_capstyle="round", zorder=3
            )
    known = [(point.value, place) for point, place in zip(points, places, strict=True) if point.value is not None]
    axes.plot([v for v, _ in known], [p for _, p in known], "o", color=colour, markersize=6.5, zorder=4, label=name)


def bars(points: Sequence[Point], title: str) -> str:
    """One bar per label, with its text at the end."""
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]  # its stub knows only the names of its own release
        figure, axes = _figure(0.55 + 0.42 * len(points))
        axes.barh(range(len(points)), [point.value or 0.0 for point in points], height=0.52, color=SOFT, zorder=2)
        for place, point in enumerate(points):
            axes.annotate(
                point.text,
                (point.value or 0.0, place),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                fontsize=9.5,
            )
        axes.margins(x=0.3)
        axes.set_xlim(left=0)
        _rows_axis(axes, [point.label for point in points])
        axes.xaxis.set_visible(False)  # each bar says its own number
        axes.spines["bottom"].set_visible(False)
        return _svg(figure, title)


def curves(upper: Sequence[Series], lower: Sequence[Series], labels: tuple[str, str, str], title: str) -> str:
    """Two panels above each other over the same x: what was learned, and the loss.

    Args:
        upper: lines of the upper panel, with intervals where they have some.
        lower: lines of the lower panel.
        labels: of the upper and the lower panel, and of x.
        title: what the plot shows, for those who cannot see it.
    """
    with matplotlib.rc_context(STYLE | {"ytick.labelcolor": MUTED}):  # type: ignore[arg-type]  # its stub knows only the names of its own release
        figure = Figure(figsize=(WIDTH, 4.2 if upper else 2.3), layout="constrained")
        FigureCanvasSVG(figure)
        panels = [lines for lines in (upper, lower) if lines]
        axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for ax, lines, label in zip(axes, panels, labels if upper else labels[1:], strict=False):
            for number, line in enumerate(lines):
                _line(ax, line, number, len(lines))
            ax.set_title(label, loc="left", fontsize=10.5, color=INK)
            ax.grid(axis="y", color=GRID, linewidth=0.8)
            ax.tick_params(length=0)
        axes[-1].set_xlabel(labels[2])
        if len(panels[0]) > 1:
            axes[0].legend(frameon=False, fontsize=9, loc="best")
        return _svg(figure, title)


@dataclass(frozen=True)
class Fit:
    """What was measured, with intervals, and the curve that was fitted to it, with its band."""

    measured: Series
    curve: Series


def fits(lines: Sequence[Fit], labels: tuple[str, str], title: str, log_y: bool = False) -> str:
    """Measured points and fitted curves over x on a log scale.

    Args:
        lines: what was measured and fitted; told apart by colour and dashes.
        labels: of x and y.
        title: what the plot shows, for those who cannot see it.
        log_y: y on a log scale too.
    """
    with matplotlib.rc_context(STYLE | {"ytick.labelcolor": MUTED}):  # type: ignore[arg-type]  # its stub knows only the names of its own release
        figure, axes = _figure(3.4)
        for number, line in enumerate(lines):
            _fit(axes, line, (ACCENT, SECOND, INK, MUTED)[number % 4], ("-", "--", "-.", ":")[number // 4 % 4])
        axes.set_xscale("log")
        axes.set_yscale("log" if log_y else "linear")
        for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            if axis.get_scale() == "log":  # a short axis shows more than its powers of ten
                axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 1000 else (1,)))
            axis.set_major_formatter(lambda value, _: short(value))
            axis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(labels[0])
        axes.set_title(labels[1], loc="left", fontsize=10.5, color=INK)
        axes.grid(axis="y", color=GRID, linewidth=0.8)
        axes.tick_params(which="both", length=0)
        if len(lines) > 1:
            axes.legend(frameon=False, fontsize=9, loc="best")
        return _svg(figure, title)


def _fit(axes: Axes, line: Fit, colour: str, dashes: str) -> None:
    measured, curve = line.measured, line.curve
    for place, *ends in _known(measured):
        axes.plot([place, place], ends, color=colour, linewidth=1.6, alpha=0.6, zorder=3)
    axes.plot(measured.x, measured.y, "o", color=colour, markersize=5, zorder=4, label=measured.label)
    axes.plot(curve.x, curve.y, dashes, color=colour, linewidth=1.6, zorder=2)
    if known := _known(curve):
        x, low, high = zip(*known, strict=True)
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)


def _known(series: Series) -> list[tuple[float, float, float]]:
    """Places of a series where there is an interval, with its ends."""
    rows = zip(series.x, series.low, series.high, strict=True)
    return [(x, low, high) for x, low, high in rows if low is not None and high is not None]


def standalone(svg: str, style: str) -> str:
    """A plot as a file of its own, with the style sheet that gives it its colours."""
    return svg.replace(">", f"><style>{style} svg {{ background: var(--paper); color: var(--ink) }}</style>", 1) + "\n"


def _line(axes: Axes, line: Series, number: int, count: int) -> None:
    colour = ACCENT if count == 1 or number == 0 else SECOND if number == 1 else MUTED
    dashes = ("-", "-", "--", ":", "-.")[number % 5]
    marker = "o" if line.low else ""
    axes.plot(line.x, line.y, dashes, color=colour, linewidth=1.8, marker=marker, markersize=4, label=line.label)
    known = [
        (x, lo, hi) for x, lo, hi in zip(line.x, line.low, line.high, strict=False) if lo is not None and hi is not None
    ]
    if known and count == 1:
        x, low, high = zip(*known, strict=True)
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasSVG(figure)
    return figure, figure.subplots()


def _rows_axis(axes: Axes, labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), [_short(label) for label in labels])
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=0)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)


def _short(label: str) -> str:
    """A label on at most two lines of about `LINE` letters."""
    lines = textwrap.wrap(label, LINE, max_lines=2, placeholder=" …") or [""]
    return "\n".join(lines)


def _svg(figure: Figure, title: str) -> str:
    """The figure as an `<svg>` element that fills the width it is given."""
    from html import escape

    buffer = io.StringIO()
    nothing: dict[str, Any] = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    text = re.sub(r"<!--.*?-->", "", buffer.getvalue(), flags=re.DOTALL)
    text = text[text.index("<svg") :]
    for drawn, shown in COLOURS.items():
        text = text.replace(drawn, shown)
    view = re.search(r'viewBox="[^"]*"', text)
    assert view is not None
    head = f'<svg role="img" aria-label="{escape(title)}" {view[0]} xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    return head + text[text.index(">") + 1 :].strip()
