"""A report as Markdown. The README of a run or a sweep is written with the same means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kinj.config.wording import capitalized
from kinj.report.blocks import (
    Answer,
    Arms,
    Block,
    Cell,
    Command,
    Facts,
    Figures,
    Fold,
    Items,
    Missing,
    Paragraph,
    Section,
    Table,
)

SPECIAL = "\\`*[]<>|"


def markdown(title: str, parts: Sequence[Block], plots: str) -> str:
    """A whole report.

    Args:
        plots: the folder of its plots, seen from the file.
    """
    return "\n\n".join([f"# {plain(title)}", *_written(parts, 2, plots)]) + "\n"


def plain(value: object) -> str:
    """Any value as Markdown that shows it as it is, on one line."""
    line = " ".join(str(value).split())
    return "".join(f"\\{letter}" if letter in SPECIAL else letter for letter in line)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells that are Markdown, as a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def items(lines: Iterable[str]) -> str:
    """Sentences as a list."""
    return "\n".join(f"- {plain(line)}" for line in lines)


def code(*lines: str) -> str:
    """Commands to copy."""
    return "\n".join(["```", *lines, "```"])


def _written(parts: Sequence[Block], level: int, plots: str) -> list[str]:
    return [text for part in parts if (text := _block(part, level, plots))]


def _block(block: Block, level: int, plots: str) -> str:
    match block:
        case Paragraph(said):
            return plain(said)
        case Answer(head, beside):
            return "\n>\n".join(f"> {line}" for line in [f"**{plain(head)}**", *map(plain, beside)])
        case Missing(lines):
            return f"**What is missing**\n\n{items(lines)}"
        case Facts(rows):
            return table(["", ""], [[plain(name), plain(value)] for name, value in rows.items()])
        case Table(_, head, rows):
            return table([plain(title) for title in head], [[_cell(cell) for cell in row] for row in rows])
        case Figures(figures, beside):
            drawn = [f"![{plain(one.plot.alt)}]({plots}/{one.file}.svg)\n\n{plain(one.caption)}" for one in figures]
            return "\n\n".join([*drawn, *map(plain, beside)])
        case Items(lines):
            return items(lines)
        case Command(lines):
            return code(*lines)
        case Fold(summary, inner):
            return "\n\n".join([f"{plain(capitalized(summary))}:", *_written(inner, level, plots)])
        case Arms():
            return ""
        case Section(title, inner):
            return "\n\n".join([f"{'#' * level} {plain(title)}", *_written(inner, level + 1, plots)])


def _cell(cell: Cell | str) -> str:
    return plain(cell if isinstance(cell, str) else f"{cell.text} {cell.beside}".rstrip())
