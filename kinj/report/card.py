"""README.md of a run or a sweep: what it is, in the form a person meets first in a folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kinj.data.files import atomic_write
from kinj.report import page, plots
from kinj.report.html import limits, result_rows
from kinj.report.model_index import front_matter
from kinj.report.numbers import NOT_MEASURED, duration, interval_text, value_text
from kinj.report.read import RunFiles
from kinj.report.story import comparisons_in_words, covers
from kinj.report.sweep import main_points, read_sweep, repeat
from kinj.report.tables import kept_cells, kept_titles, main_cell, main_title

SPECIAL = "\\`*[]<>|"


def write_card(run_dir: Path) -> Path:
    """Writes `README.md` into a run's directory and returns its path.

    Raises:
        UsageError: it is no run directory.
    """
    run = RunFiles(Path(run_dir))
    parts = [
        front_matter(run),
        f"# {_md(run.path.name)}",
        _about(run),
        "## Results",
        _results(run),
        "## Cost",
        _cost(run),
        "## Settings that differ from the defaults of the schema",
        _table(["setting", "value"], [[_md(key), _md(value)] for key, value in run.changed()]),
        "## Limits",
        _list(limits(run)),
        "## Repeat it",
        _code(run.command),
    ]
    return _write(run.path, parts)


def write_sweep_card(sweep_dir: Path) -> Path:
    """Writes `README.md` with the table of a sweep, and `plot.svg` where there is something to plot, into its folder.

    Returns:
        The path of `README.md`.

    Raises:
        UsageError: the folder holds no results of a sweep.
    """
    folder = Path(sweep_dir)
    results = read_sweep(folder)
    titles = ["", main_title(results), *kept_titles(results), "passes", "time"]
    rows = [
        [
            _md(g["name"]),
            _md(main_cell(results, g).strip()),
            *(_md(c.strip()) for c in kept_cells(results, g)),
            *_costs(g),
        ]
        for g in results["groups"]
    ]
    failed = [f"{failure['name']} failed: {failure['error']}" for failure in results["failures"]]
    parts = [
        f"# Sweep: {_md(results['model'])}, {_md(results['data'])}",
        _table(titles, rows),
        _plot(folder, results),
        _list([*comparisons_in_words(results), *failed, *results["notices"]]),
        "## What the intervals cover",
        _list(covers(results)),
        "## Repeat it",
        _code(repeat(folder, results)),
    ]
    return _write(folder, parts)


def _plot(folder: Path, results: Mapping[str, Any]) -> str:
    points, title = main_points(results), f"{main_title(results)}, by way of teaching"
    if not points:
        return ""
    atomic_write(folder / "plot.svg", plots.standalone(plots.dots({title: points}, title), page.colours()))
    return f"![{_md(title)}: values and 95 % intervals; small strokes are single runs](plot.svg)"


def _about(run: RunFiles) -> str:
    settings = run.settings
    facts: list[tuple[str, object]] = [("start model", settings.model.name)]
    if "parameters" in run.summary:
        facts.append(("parameters", f"{run.summary['parameters']:,}"))
    facts += [("data", settings.data.name), ("recipe", settings.train.recipe), ("seed", settings.seed)]
    facts += [("data seed", settings.data.seed)]
    facts += [("records", account) for account in run.summary.get("data", [])]
    facts += [(name, value) for name, value in run.environment.items() if isinstance(value, (str, int))]
    return _table(["", ""], [[_md(name), _md(value)] for name, value in facts])


def _results(run: RunFiles) -> str:
    rows = []
    for probe, name, measure, why in result_rows(run):
        if measure is None:
            rows.append([_md(probe), _md(name), f"{NOT_MEASURED}{f': {_md(why)}' if why else ''}", "", ""])
        else:
            shown = [value_text(measure), interval_text(measure), f"{measure['n']:,}"]
            rows.append([_md(probe), _md(name), *map(_md, shown)])
    return _table(["probe", "measure", "value", "95 % interval", "n"], rows)


def _cost(run: RunFiles) -> str:
    summary = run.summary
    known = [
        f"{name.replace('_', ' ')} {summary[name]:,}"
        for name in ("steps", "passes", "tokens", "label_tokens")
        if name in summary
    ]
    known += [f"time {duration(summary['seconds'])}"] if "seconds" in summary else []
    return _md(", ".join(known) or "The run has not finished.")


def _costs(group: dict[str, Any]) -> list[str]:
    passes, seconds = group["cost"].get("passes"), group["cost"].get("seconds")
    return ["" if passes is None else f"{passes:,.0f}", "" if seconds is None else duration(seconds)]


def _write(folder: Path, parts: Iterable[str]) -> Path:
    target = folder / "README.md"
    atomic_write(target, "\n\n".join(part for part in parts if part) + "\n")
    return target


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {_md(line)}" for line in lines)


def _code(command: str) -> str:
    return f"```\n{command}\n```"


def _md(value: object) -> str:
    """Any value as Markdown that shows it as it is, on one line."""
    plain = " ".join(str(value).split())
    return "".join(f"\\{letter}" if letter in SPECIAL else letter for letter in plain)
