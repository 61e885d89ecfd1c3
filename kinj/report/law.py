"""A law for the terminal and as a plot, from the content of its laws/NAME.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from kinj.report import page, plots
from kinj.report.numbers import number, short
from kinj.report.plots import Fit, Series

Law = Mapping[str, Any]


def show_law(law: Law, console: Console | None = None) -> None:
    """Prints the answer, the parameters and how well the law holds; lines are never cut, however narrow the output."""
    out = console or Console(highlight=False)
    out.print(f"law  {law['law']}   {law['answer']}", soft_wrap=True, markup=False)
    if law["parameters"]:
        table = _parameters(law)
        out.width = max(out.width, out.measure(table, options=out.options.update(width=400)).maximum)
        out.print(table)
    for line in lines(law):
        out.print(f"  {line}", soft_wrap=True, markup=False)


def _parameters(law: Law) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("parameter", "value", "95 % interval", "published", "what it says"):
        table.add_column(title, no_wrap=True)
    for one in law["parameters"]:
        published = "" if one["published"] is None else number(one["published"], None)
        table.add_row(one["name"], number(one["value"], None), _interval(one, None), published, one["meaning"])
    return table


def lines(law: Law) -> Iterator[str]:
    """How well the law fits, the points held out, what was asked for, and what is worth knowing."""
    fit = "" if law["r2"] is None else f"R² {law['r2']:.3f}; "
    yield f"{fit}{law['trials']} trials; intervals over {law['seeds']} seeds"
    if law["held_out"]:
        yield from _held_out(law, law["held_out"])
    for one in law["predictions"]:
        if one["why"]:
            yield one["why"]
        for line in one["lines"]:
            yield f"{_at(line, law, one['x'])}: {_value(line['value'], line, law)} {law['y']}"
    yield from law["notices"]


def _held_out(law: Law, held: Mapping[str, Any]) -> Iterator[str]:
    if held["why"]:
        yield f"held out: nothing could be predicted, because without the largest {held['why']}"
        return
    for one in held["points"]:
        measured = number(one["measured"], "share" if law["share"] else None)
        yield f"held out: {_at(one, law, one['x'])} predicted {_value(one['predicted'], one, law)}, measured {measured}"
    naive = ", ".join(f"{name} by {_error(law, error)}" for name, error in held["naive_errors"].items())
    verdict = "it beats them" if held["beats"] else "it does not beat them all"
    yield f"this law missed by {_error(law, held['error'])}; without it: {naive}; {verdict}"


def _at(line: Mapping[str, Any], law: Law, x: float) -> str:
    name = f"{line['name']}, " if line["name"] else ""
    return f"{name}{short(x)} {law['x']}"


def _value(value: float, one: Mapping[str, Any], law: Law) -> str:
    unit = "share" if law["share"] else None
    return f"{number(value, unit)} {_interval(one, unit)}".rstrip() + (" %" if law["share"] else "")


def _interval(one: Mapping[str, Any], unit: str | None) -> str:
    return "" if one["low"] is None else f"[{number(one['low'], unit)}, {number(one['high'], unit)}]"


def _error(law: Law, error: float | None) -> str:
    if error is None:
        return "an unknown factor"
    return (
        f"{100 * error:.0f} %"
        if law["log_y"]
        else number(error, "share") + " points"
        if law["share"]
        else number(error, None)
    )


def law_plot(law: Law) -> str:
    """The measured points, the fitted curves and their bands, as an SVG file."""
    scale = 100 if law["share"] else 1
    drawn = [
        Fit(_series(line["name"], line["points"], scale), _series(line["name"], line["curve"], scale))
        for line in law["lines"]
    ]
    label = f"{law['y']}{', percent' if law['share'] else ''}"
    svg = plots.fits(drawn, (law["x"], label), f"{law['law']}: {law['answer']}", law["log_y"])
    return plots.standalone(svg, page.colours())


def _series(name: str, rows: Sequence[Mapping[str, Any]], scale: float) -> Series:
    ends = [[None if row[end] is None else scale * row[end] for row in rows] for end in ("low", "high")]
    return Series(name, [row["x"] for row in rows], [scale * row["y"] for row in rows], ends[0], ends[1])
