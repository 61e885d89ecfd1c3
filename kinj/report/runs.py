"""Lists and comparisons of runs for the terminal, from what `--json` prints about them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from kinj.report.numbers import NOT_MEASURED, difference_text, duration, interval_text, number, times, value_text

Row = Mapping[str, Any]
AT_WORK = ("running", "interrupted")
NO_TABLE = "no table yet"
MOST_MEASURES = 2
"""Measures of a run that a list shows: the first of its first probes."""


def show_runs(rows: Sequence[Row], console: Console | None = None) -> None:
    """Prints a list of runs; lines are never cut, however narrow the output."""
    table = _table("run", "state", "model", "data", "recipe", "result", "passes", "time", "last change")
    for row in rows:
        table.add_row(
            _path(row),
            _state(row),
            *(row[key] or "" for key in ("model", "data", "recipe")),
            _result(row),
            *_cost(row),
            "" if row["time"] is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(row["time"])),
        )
    _print(table, _why(rows), console)


def _path(row: Row) -> str:
    """A trial's folder is a hash: what makes it differ stands beside it."""
    own = " ".join(row["overrides"]) if row["kind"] == "trial" else ""
    return f"{row['path']}  {own}".rstrip()


def _state(row: Row) -> str:
    if row["trials"]:
        counts = {state: count for state, count in row["trials"].items() if state != "total"}
        others = ", ".join(f"{count:,} {state}" for state, count in counts.items() if state != row["state"])
        return f"{row['state']} {counts.get(row['state'], 0):,} of {row['trials']['total']:,}" + (
            others and f", {others}"
        )
    return f"{row['state']}" + ("" if row["share"] is None else f" {row['share']:.0%}")


def _result(row: Row) -> str:
    firsts = {measure["probe"]: measure for measure in reversed(row["results"])}
    shown = [measure for measure in row["results"] if firsts[measure["probe"]] is measure][:MOST_MEASURES]
    text = "; ".join(f"{measure['measure']} {_value(measure)}" for measure in shown) or _nothing(row)
    return f"{text} ({row['best']})" if row["best"] else text


def _nothing(row: Row) -> str:
    """A sweep that is at work, or was cut short, has measured something and no table of it."""
    return NO_TABLE if row["state"] in AT_WORK and row["trials"] and row["trials"].get("finished") else NOT_MEASURED


def _value(measure: Row) -> str:
    return f"{value_text(measure)} {interval_text(measure)}".rstrip()


def _cost(row: Row) -> tuple[str, str]:
    passes, seconds = row["cost"].get("passes"), row["cost"].get("seconds")
    return "" if passes is None else f"{passes:,.0f}", "" if seconds is None else duration(seconds)


def _why(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        if row["why"] and row["why"] != row["state"]:
            yield f"{row['state']}: {row['path']}: {row['why'].partition(chr(10))[0]}"


def show_comparison(found: Mapping[str, Any], console: Console | None = None) -> None:
    """Prints what differs between runs: settings, results, cost, environment; the first run minus, or by, each other one."""
    names = [run["path"] for run in found["runs"]]
    against = [f"{names[0]} − {other}" for other in names[1:]] if len(names) > 2 else ["difference"]
    settings = _table("settings that differ", *names)
    for row in found["settings"]:
        settings.add_row(row["key"], *map(_written, row["values"]))
    results = _table("result", *names, *against)
    for row in found["results"]:
        unit = {"unit": row["unit"]}
        values = [_value(value | unit) if value else NOT_MEASURED for value in row["values"]]
        results.add_row(f"{row['probe']}.{row['measure']}", *values, *map(_difference, row["differences"]))
    costs = _table("cost", *names, *(name.replace("−", "/").replace("difference", "ratio") for name in against))
    for row in found["cost"]:
        ratios = ["" if ratio is None else times(ratio) for ratio in row["ratios"]]
        costs.add_row(row["name"].replace("_", " "), *(_amount(row["name"], value) for value in row["values"]), *ratios)
    environment = _table("environment that differs", *names)
    for row in found["environment"]:
        environment.add_row(row["key"], *map(_written, row["values"]))
    for table, none in (
        (settings, "settings: no difference"),
        (results, "nothing was measured"),
        (costs, "cost: not known"),
        (environment, "environment: no difference"),
    ):
        _print(table, [] if table.row_count else [none], console)
    _print(None, [*_covers(found["results"]), *(f"note: {notice}" for notice in found["notices"])], console)


def _difference(found: Row | None) -> str:
    return "" if found is None else difference_text(found)


def _amount(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return duration(value) if name == "seconds" else f"{value:,.0f}"


def _written(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _covers(results: Sequence[Row]) -> list[str]:
    """What the intervals of the differences generalise over, and what they could have seen."""
    said: dict[str, list[str]] = {}
    for row in results:
        for found in filter(None, row["differences"]):
            seen = (
                ""
                if found["smallest"] is None
                else f" (could have seen {number(found['smallest'], found['unit'])} or more)"
            )
            said.setdefault(found["covers"], []).append(row["measure"] + seen)
    return [f"difference of {', '.join(dict.fromkeys(names))}: covers {covers}" for covers, names in said.items()]


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def _print(table: Table | None, lines: Iterator[str] | Sequence[str], console: Console | None) -> None:
    out = console or Console(highlight=False, markup=False)
    if table is not None and table.row_count:
        out.width = max(out.width, out.measure(table, options=out.options.update(width=2000)).maximum)
        out.print(table, markup=False)
    for line in lines:
        out.print(line, soft_wrap=True, markup=False, highlight=False)
