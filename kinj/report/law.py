"""A law for the terminal and as a plot, from the content of its laws/NAME.json."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from kinj.config.wording import capitalized
from kinj.report import blocks
from kinj.report.blocks import Answer, Block, Cell, Figure, Figures, Section
from kinj.report.canvas import Plot
from kinj.report.numbers import number, short
from kinj.report.plots import Series
from kinj.report.read import read_json
from kinj.report.relations import Fit, fits

Law = Mapping[str, Any]


def read_laws(folder: Path, asked: str | None = None) -> list[dict[str, Any]]:
    """The laws that were fitted to a sweep, by name; the one that the sweep was asked for comes first."""
    laws = [law for path in sorted((folder / "laws").glob("*.json")) if (law := read_json(path))]
    return sorted(laws, key=lambda law: law["law"] != asked)


def outdated(folder: Path, law: Law, results: Mapping[str, Any]) -> str | None:
    """What to say of a law that was fitted to other trials than have finished now; None where their number is the same."""
    done = sum(trial["done"] for group in results["groups"] for trial in group["trials"])
    if law["trials"] == done:
        return None
    anew = shlex.join(["kinj", "sweep", str(folder), "--law", law["law"]])
    return f"The law “{law['law']}” was fitted to {law['trials']} trials, and {done} have finished now. Fit it anew: {anew}"


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
    """The measured points, the fitted curves with their bands and what was held out, as an SVG file."""
    return _plot(law, {}).svg_file()


def law_section(law: Law, arms: Mapping[str, int | None]) -> Section:
    """A law on a page: its sentence, its plot, its parameters and how well it holds.

    Args:
        arms: the number that a curve's colour follows from, by the curve's name.
    """
    caption = "Dots: measured, with 95 % intervals. Lines: the law, with its band." + (
        " Hollow diamonds: what the law said of points it had not seen." if _held_points(law) else ""
    )
    figure = Figure(f"law-{law['law']}", law["y"], _plot(law, arms), caption)
    rows = [
        [
            one["name"],
            Cell(number(one["value"], None), _interval(one, None), one["value"], "value"),
            "" if one["published"] is None else number(one["published"], None),
            one["meaning"],
        ]
        for one in law["parameters"]
    ]
    table = blocks.Table(
        f"Parameters of {law['law']}", ["parameter", "value and 95 % interval", "published", "what it says"], rows
    )
    said = [_sentence(line) for line in lines(law)]
    found: list[Block] = [
        Answer(_sentence(law["answer"]), []),
        Figures([figure], said),
        *([table] if rows else []),
    ]
    return Section(capitalized(law["law"]), found)


def _plot(law: Law, arms: Mapping[str, int | None]) -> Plot:
    scale = 100 if law["share"] else 1
    held = _held_points(law)
    alone = len(law["lines"]) == 1
    drawn = []
    for line in law["lines"]:
        own = [{**one, "y": one["predicted"]} for one in held if alone or one["name"] == line["name"]]
        about = line["name"], scale, arms.get(line["name"])
        held_out = _series(own, *about) if own else None
        drawn.append(Fit(_series(line["points"], *about), _series(line["curve"], *about), held_out))
    label = f"{law['y']}{', percent' if law['share'] else ''}"
    return fits(drawn, (law["x"], label), f"{law['law']}: {law['answer']}", log_y=law["log_y"])


def _held_points(law: Law) -> Sequence[Mapping[str, Any]]:
    """Predictions of points that were held out; none where nothing was, or nothing could be predicted."""
    return law["held_out"]["points"] if law["held_out"] and not law["held_out"]["why"] else []


def _series(rows: Sequence[Mapping[str, Any]], name: str, scale: float, arm: int | None) -> Series:
    ends = [[None if row[end] is None else scale * row[end] for row in rows] for end in ("low", "high")]
    return Series(name, [row["x"] for row in rows], [scale * row["y"] for row in rows], ends[0], ends[1], arm)


def _sentence(line: str) -> str:
    return capitalized(line) + ("" if line.endswith(".") else ".")
