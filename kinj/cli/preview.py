"""`kinj augment --preview N`: documents and questions beside their views, in colour where the terminal has it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kinj.cli.common import emit, note

if TYPE_CHECKING:
    from rich.panel import Panel

    from kinj.config import Loaded
    from kinj.config.schema import Settings
    from kinj.data.records import Record

WIDTH = 38
"""Least width of a text beside another, in characters."""
LONGEST = 3_000
"""Most characters of a text that are shown."""
PICTURES = (
    {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"}
    | {0x7F: 0x2421}
    | dict.fromkeys(range(0x80, 0xA0), 0xFFFD)
)
"""Control characters as their pictures: a text must not steer the terminal, and rich would leave some out and move the facts."""


def show_views(loaded: Loaded, sources: list[str], count: int, as_json: bool) -> int:
    """Prints the first `count` records, each with its views beside it; values of facts stand out. Writes no views.

    What a language model replies is kept where a run to the same output finds it.

    Raises:
        UsageError: replies must be kept, and there is no name for the output.
        KinjError: what else keeps views from being made.
    """
    from kinj.augment.checks import Checks
    from kinj.augment.engine import Engine
    from kinj.augment.questions import views_of
    from kinj.augment.report import AugmentReport
    from kinj.augment.run import read_sound
    from kinj.augment.written.writer import opened
    from kinj.config.errors import DONE, PARTLY
    from kinj.data.files import record_to_json
    from kinj.data.records import Document

    settings = replace(loaded.settings, data=replace(loaded.settings.data, limit=count))
    report = AugmentReport()
    engine, checks = Engine(settings.augment, settings.seed), Checks(settings.augment.audit, report)
    records = list(read_sound(sources, settings))
    if engine.written:
        settings = _keeping_replies(settings, sources)
    with opened(engine.written, settings.augment, settings.seed) as writer:
        documents = [record for record in records if isinstance(record, Document)]
        made = dict(zip((document.id for document in documents), engine.ask(documents, writer, report), strict=True))
    groups = [[record, *views_of(record, engine, checks, made.get(record.id))] for record in records]
    if as_json:
        emit("augment", preview=[[record_to_json(record) for record in group] for group in groups])
    else:
        for group in groups:
            _print(group)
        note("\n".join(report.lines()))
    return PARTLY if report.failed or report.unwritten else DONE


def _keeping_replies(settings: Settings, sources: list[str]) -> Settings:
    from kinj.augment.outputs import output_of
    from kinj.augment.written.writer import replies_path

    output = output_of(sources, settings)
    kept = replies_path(settings.augment, output)
    note(f"replies   kept in {kept}; a run that writes {output} asks for none of them again")
    llm = replace(settings.augment.llm, cache=str(kept))
    return replace(settings, augment=replace(settings.augment, llm=llm))


def _print(group: list[Record]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    columns = max(1, console.width // WIDTH)
    table = Table.grid(*(f"{number}" for number in range(columns)), expand=True, padding=(0, 1))
    for start in range(0, len(group), columns):
        panels = [_panel(record) for record in group[start : start + columns]]
        table.add_row(*panels, *[""] * (columns - len(panels)))
    console.print(table)


def _panel(record: Record) -> Panel:
    from rich.panel import Panel
    from rich.text import Text

    from kinj.augment.questions import text_of
    from kinj.data.records import Document, Question

    whole = text_of(record)
    text = Text(whole[:LONGEST].translate(PICTURES), overflow="fold")  # the default cuts lines of wide characters
    for fact in record.facts if isinstance(record, Document) else ():
        text.stylize("bold green", fact.start, fact.end)
    if len(whole) > LONGEST:
        text.append(f"\n… and {len(whole) - LONGEST:,} more characters", "dim")
    if isinstance(record, Question):
        text.append(f"\n→ {record.answers[0].translate(PICTURES)}", "bold green")
    name = record.view.method if record.view else record.id
    return Panel(
        text, title=Text(name.translate(PICTURES), style="bold"), border_style="cyan" if record.view else "yellow"
    )
