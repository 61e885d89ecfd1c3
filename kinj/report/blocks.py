"""What a report says, before it becomes a page or Markdown: sentences, tables, plots, commands. Everything here is plain text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kinj.report.canvas import Plot
from kinj.report.numbers import NOT_MEASURED, Measure, interval_text, value_text


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what stands there.
        beside: what stands beside it, quieter: an interval.
        order: what the column is sorted by; None: the text.
    """

    text: str
    beside: str = ""
    order: float | None = None
    kind: Literal["", "value", "missing", "code"] = ""


@dataclass(frozen=True)
class Paragraph:
    """A sentence or some. The one that leads a report is larger."""

    text: str
    leads: bool = False


@dataclass(frozen=True)
class Answer:
    """The answer in one sentence, and what has to be said with it."""

    head: str
    beside: Sequence[str]


@dataclass(frozen=True)
class Missing:
    """What is not there, or not yet."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Facts:
    """Short facts, by name."""

    rows: Mapping[str, object]


@dataclass(frozen=True)
class Table:
    """A table whose first column names its rows.

    Attributes:
        caption: what it holds.
        numbers: columns that are set flush right.
        arms: of each row the number that its colour in the plots follows from; empty: rows have none.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell | str]]
    numbers: Sequence[int] = ()
    arms: Sequence[int | None] = ()


@dataclass(frozen=True)
class Figure:
    """A plot, what it is called and how it is read.

    Attributes:
        name: what its files are called.
    """

    name: str
    title: str
    plot: Plot
    caption: str

    @property
    def file(self) -> str:
        """Its name as the name of a file, without an ending."""
        return re.sub(r"[^\w.-]+", "-", self.name)


@dataclass(frozen=True)
class Figures:
    """Plots side by side where there is room; or one, with what is to be said about it."""

    figures: Sequence[Figure]
    beside: Sequence[str] = ()


@dataclass(frozen=True)
class Items:
    """A list of sentences."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Command:
    """Commands to copy."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Fold:
    """Something that is shown when asked for."""

    summary: str
    parts: Sequence[Block]


@dataclass(frozen=True)
class Arms:
    """The rows of the table by name, to be shown and hidden in all plots."""

    labels: Sequence[str]


@dataclass(frozen=True)
class Section:
    """A heading, and what stands under it."""

    title: str
    parts: Sequence[Block]


Block = Paragraph | Answer | Missing | Facts | Table | Figures | Items | Command | Fold | Arms | Section


@dataclass(frozen=True)
class Report:
    """What there is to say about one run or one sweep.

    Attributes:
        kind: `run` or `sweep`.
        answer: the main result in one sentence.
        missing: what is not there, or not yet.
        rows: its rows in a table with others, under `TOGETHER`.
        content: all of it as data.
    """

    path: Path
    kind: Literal["run", "sweep"]
    title: str
    parts: Sequence[Block]
    answer: str
    missing: Sequence[str]
    rows: Sequence[Sequence[Cell | str]]
    content: dict[str, Any]


TOGETHER = (
    "run or sweep",
    "way of teaching",
    "measure",
    "value and 95 % interval",
    "keeps the old ones",
    "passes",
    "time",
)
"""Columns of the table in which several runs and sweeps stand together."""


def measure_cell(measure: Measure | None, otherwise: str = NOT_MEASURED) -> Cell:
    """Value and interval."""
    if measure is None:
        return Cell(otherwise, kind="missing")
    return Cell(value_text(measure), interval_text(measure), measure["value"], "value")


def section(title: str, *parts: Block | None) -> list[Block]:
    """A section of what is there; none where nothing is."""
    there = [part for part in parts if part is not None]
    return [Section(title, there)] if there else []
