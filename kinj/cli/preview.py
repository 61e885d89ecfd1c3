"""`kinj augment --preview N`: documents beside their views, in colour where the terminal has it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kinj.cli.common import emit, note

if TYPE_CHECKING:
    from rich.panel import Panel

    from kinj.config import Loaded
    from kinj.data.records import Document

WIDTH = 38
"""Least width of a text beside another, in characters."""


def show_views(loaded: Loaded, sources: list[str], count: int, as_json: bool) -> int:
    """Prints the first `count` documents, each with its views beside it; values of facts stand out. Writes nothing."""
    from kinj.augment.checks import Checks
    from kinj.augment.engine import Engine
    from kinj.augment.report import AugmentReport
    from kinj.augment.run import read_sound
    from kinj.augment.written.writer import opened
    from kinj.config.errors import DONE, PARTLY
    from kinj.data.files import record_to_json

    settings = replace(loaded.settings, data=replace(loaded.settings.data, limit=count))
    report = AugmentReport()
    engine, checks = Engine(settings.augment, settings.seed), Checks(settings.augment.audit, report)
    documents = list(read_sound(sources, settings))
    with opened(engine.written, settings.augment, settings.seed) as writer:
        made = engine.ask(documents, writer, report)
    pairs = zip(documents, made, strict=True)
    groups = [[document, *engine.views(document, checks, written)] for document, written in pairs]
    if as_json:
        emit("augment", preview=[[record_to_json(record) for record in group] for group in groups])
    else:
        for group in groups:
            _print(group)
        note("\n".join(report.lines()))
    return PARTLY if report.failed or report.unwritten else DONE


def _print(group: list[Document]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    columns = max(1, console.width // WIDTH)
    table = Table.grid(*(f"{number}" for number in range(columns)), expand=True, padding=(0, 1))
    for start in range(0, len(group), columns):
        panels = [_panel(record) for record in group[start : start + columns]]
        table.add_row(*panels, *[""] * (columns - len(panels)))
    console.print(table)


def _panel(record: Document) -> Panel:
    from rich.panel import Panel
    from rich.text import Text

    text = Text(record.text)
    for fact in record.facts:
        text.stylize("bold green", fact.start, fact.end)
    name = record.view.method if record.view else record.id
    return Panel(text, title=Text(name, style="bold"), border_style="cyan" if record.view else "yellow")
