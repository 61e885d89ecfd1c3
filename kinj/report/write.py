"""Reports as files: one page, Markdown or data, and the plots beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kinj.data.files import atomic_write
from kinj.report.blocks import TOGETHER, Block, Figure, Figures, Fold, Report, Section, Table
from kinj.report.markdown import markdown
from kinj.report.page import page

FORMATS = ("html", "md", "json")
SCHEMA = 1
"""Version of report.json (docs/report.md)."""


def write_page(report: Report) -> Path:
    """Writes `report.html` into the folder that a report is about."""
    return write([report], report.path / "report.html", ["html"])[0]


def write(reports: Sequence[Report], target: Path, formats: Sequence[str]) -> list[Path]:
    """Writes reports together into one file for each format.

    Args:
        target: where; each format takes its own ending, in place of that of another format.
        formats: of `FORMATS`.

    Returns:
        The files, in the order of the formats.
    """
    title, kind, parts = _together(reports)
    written = []
    for name in formats:
        path = target.with_name(f"{_stem(target)}.{name}")
        if name == "html":
            text = page(title, kind, parts)
        elif name == "md":
            text = markdown(title, parts, plots_folder(target).name)
        else:
            text = json.dumps(content(reports), ensure_ascii=False, indent=2, allow_nan=False) + "\n"
        atomic_write(path, text)
        written.append(path)
    return written


def content(reports: Sequence[Report]) -> dict[str, Any]:
    """The reports as data (docs/report.md)."""
    return {
        "schema": SCHEMA,
        "reports": [
            {
                "path": str(report.path),
                "kind": report.kind,
                "title": report.title,
                "answer": report.answer,
                "missing": list(report.missing),
                **report.content,
            }
            for report in reports
        ],
    }


def plots_folder(target: Path) -> Path:
    """Where the plots of a report lie."""
    return target.with_name(f"{_stem(target)}-plots")


def _stem(target: Path) -> str:
    """The name without the ending of a format; of `lr-0.1`, all of it, or the report on `lr-0.2` would take its place."""
    return target.stem if target.suffix.removeprefix(".") in FORMATS else target.name


def write_plots(reports: Sequence[Report], target: Path) -> list[Path]:
    """Writes every plot as SVG and as PNG into `plots_folder(target)` and returns the files."""
    written = []
    for figure in _figures(_together(reports)[2]):
        for ending, drawn in (("svg", figure.plot.svg_file()), ("png", figure.plot.png())):
            path = plots_folder(target) / f"{figure.file}.{ending}"
            atomic_write(path, drawn)
            written.append(path)
    return written


def _together(reports: Sequence[Report]) -> tuple[str, str, Sequence[Block]]:
    """Title, kind and parts: of one report as they are; of several a table of all, then a section for each."""
    if len(reports) == 1:
        (report,) = reports
        return report.title, f"kinj {report.kind} · {report.path}", report.parts
    rows = [row for report in reports for row in report.rows]
    table = Table("Runs and sweeps together", TOGETHER, rows, numbers=[len(TOGETHER) - 2, len(TOGETHER) - 1])
    names = _names([report.path.name for report in reports])
    sections = [
        Section(f"{name}: {report.title}" if report.title != name else name, _renamed(report.parts, f"{number}-"))
        for number, (name, report) in enumerate(zip(names, reports, strict=True), start=1)
    ]
    return f"{len(reports)} reports side by side", "kinj report", [Section("Together", [table]), *sections]


def _names(names: Sequence[str]) -> list[str]:
    """The names, told apart by a number where they are equal."""
    return [
        f"{name} ({names[: place + 1].count(name)})" if names.count(name) > 1 else name
        for place, name in enumerate(names)
    ]


def _renamed(parts: Sequence[Block], before: str) -> list[Block]:
    """The same parts with plots whose files do not meet those of another report."""
    return [_with_prefix(part, before) for part in parts]


def _with_prefix(part: Block, before: str) -> Block:
    match part:
        case Section(title, inner):
            return Section(title, _renamed(inner, before))
        case Fold(summary, inner):
            return Fold(summary, _renamed(inner, before))
        case Figures(figures, beside):
            return Figures([Figure(before + one.name, one.title, one.plot, one.caption) for one in figures], beside)
        case _:
            return part


def _figures(parts: Sequence[Block]) -> Iterator[Figure]:
    for part in parts:
        if isinstance(part, (Section, Fold)):
            yield from _figures(part.parts)
        elif isinstance(part, Figures):
            yield from part.figures
