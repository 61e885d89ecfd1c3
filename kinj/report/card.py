"""README.md of a run or a sweep: what it is, in the form a person meets first in a folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kinj.data.files import atomic_write
from kinj.report.figures import main_plot
from kinj.report.markdown import code, items, plain, table
from kinj.report.model_index import front_matter
from kinj.report.naming import shortly_named
from kinj.report.numbers import NOT_MEASURED, duration, interval_text, value_text
from kinj.report.read import RunFiles
from kinj.report.run import limits, result_rows
from kinj.report.story import comparisons_in_words, covers
from kinj.report.sweep import HOW, read_sweep, repeat
from kinj.report.tables import ended, kept_cells, kept_titles, main_cell, main_title


def write_card(run_dir: Path) -> Path:
    """Writes `README.md` into a run's directory and returns its path.

    Raises:
        UsageError: it is no run directory.
    """
    run = RunFiles(Path(run_dir))
    parts = [
        front_matter(run),
        f"# {plain(run.path.name)}",
        _about(run),
        "## Results",
        _results(run),
        "## Cost",
        _cost(run),
        "## Settings that differ from the defaults of the schema",
        table(["setting", "value"], [[plain(key), plain(value)] for key, value in run.changed()]),
        "## Limits",
        items(limits(run)),
        "## Repeat it",
        code(run.command),
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
    results = shortly_named(read_sweep(folder))
    titles = ["", main_title(results), *kept_titles(results), "passes", "time"]
    rows = [
        [
            plain(g["name"]),
            plain(main_cell(results, g).strip()),
            *(plain(c.strip()) for c in kept_cells(results, g)),
            *_costs(g),
        ]
        for g in results["groups"]
    ]
    failed = [f"{failure['name']} {HOW[ended(failure)]}: {failure['error']}" for failure in results["failures"]]
    parts = [
        f"# Sweep: {plain(results['model'])}, {plain(results['data'])}",
        table(titles, rows),
        _plot(folder, results),
        items([*comparisons_in_words(results), *failed, *results["notices"]]),
        "## What the intervals cover",
        items(covers(results)),
        "## Repeat it",
        code(repeat(folder, results)),
    ]
    return _write(folder, parts)


def _plot(folder: Path, results: Mapping[str, Any]) -> str:
    plot, title = main_plot(results), f"{main_title(results)}, by way of teaching"
    if plot is None:
        return ""
    atomic_write(folder / "plot.svg", plot.svg_file())
    return f"![{plain(title)}: values and 95 % intervals; small strokes are single runs](plot.svg)"


def _about(run: RunFiles) -> str:
    settings = run.settings
    facts: list[tuple[str, object]] = [("start model", settings.model.name)]
    if "parameters" in run.summary:
        facts.append(("parameters", f"{run.summary['parameters']:,}"))
    facts += [("data", settings.data.name), ("recipe", settings.train.recipe), ("seed", settings.seed)]
    facts += [("data seed", settings.data.seed)]
    facts += [("records", account) for account in run.summary.get("data", [])]
    facts += [(name, value) for name, value in run.environment.items() if isinstance(value, (str, int))]
    return table(["", ""], [[plain(name), plain(value)] for name, value in facts])


def _results(run: RunFiles) -> str:
    rows = []
    for probe, name, measure, why in result_rows(run):
        if measure is None:
            rows.append([plain(probe), plain(name), f"{NOT_MEASURED}{f': {plain(why)}' if why else ''}", "", ""])
        else:
            shown = [value_text(measure), interval_text(measure), f"{measure['n']:,}"]
            rows.append([plain(probe), plain(name), *map(plain, shown)])
    return table(["probe", "measure", "value", "95 % interval", "n"], rows)


def _cost(run: RunFiles) -> str:
    summary = run.summary
    known = [
        f"{name.replace('_', ' ')} {summary[name]:,}"
        for name in ("steps", "passes", "tokens", "label_tokens")
        if name in summary
    ]
    known += [f"time {duration(summary['seconds'])}"] if "seconds" in summary else []
    return plain(", ".join(known) or "The run has not finished.")


def _costs(group: dict[str, Any]) -> list[str]:
    passes, seconds = group["cost"].get("passes"), group["cost"].get("seconds")
    return ["" if passes is None else f"{passes:,.0f}", "" if seconds is None else duration(seconds)]


def _write(folder: Path, parts: Iterable[str]) -> Path:
    target = folder / "README.md"
    atomic_write(target, "\n\n".join(part for part in parts if part) + "\n")
    return target
