"""The parts every report page is made of. Whatever comes from outside passes through `text`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from kinj.report.numbers import Measure, interval_text, value_text

CSS = Path(__file__).with_name("page.css")


def colours() -> str:
    """The part of the style sheet that says what the named colours are, by light and by dark."""
    return CSS.read_text(encoding="utf-8").partition("\n* {")[0]


def text(value: object) -> str:
    """Any value as harmless text."""
    return escape(str(value))


def page(title: str, kind: str, body: Iterable[str]) -> str:
    """A whole page that needs nothing but itself: no script, no font, no picture from elsewhere."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>{text(title)}</title>",
            f"<style>\n{CSS.read_text(encoding='utf-8')}</style>",
            "</head>",
            "<body>",
            "<main>",
            f'<header><p class="kind">{text(kind)}</p><h1>{text(title)}</h1></header>',
            *body,
            "<footer>Made by kinj from the files beside this page; nothing here was fetched from elsewhere.</footer>",
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def section(title: str, *parts: str) -> str:
    """A heading and what stands under it."""
    return "\n".join([f"<section><h2>{text(title)}</h2>", *parts, "</section>"])


def facts(rows: Mapping[str, object]) -> str:
    """Short facts beside each other."""
    cells = "".join(f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in rows.items())
    return f'<dl class="facts">{cells}</dl>'


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = (), best: int | None = None
) -> str:
    """A table that scrolls sideways where it is too wide.

    Args:
        head: column titles, as text.
        rows: cells, as HTML.
        numbers: columns to set flush right.
        best: number of the row to mark.
    """

    def cells(row: Sequence[str], tag: str) -> str:
        kinds = [' class="number"' if i in numbers else "" for i in range(len(row))]
        return "".join(f"<{tag}{kind}>{cell}</{tag}>" for cell, kind in zip(row, kinds, strict=True))

    marks = {best: ' class="best"'}
    body = [f"<tr{marks.get(number, '')}>{cells(row, 'td')}</tr>" for number, row in enumerate(rows)]
    top = f"<thead><tr>{cells([text(title) for title in head], 'th')}</tr></thead>"
    return f'<div class="wide"><table>{top}<tbody>{"".join(body)}</tbody></table></div>'


def measure_cell(measure: Measure | None, otherwise: str = "not measured") -> str:
    """Value and interval."""
    if measure is None:
        return f'<span class="none">{text(otherwise)}</span>'
    return f'<b>{text(value_text(measure))}</b> <span class="interval">{text(interval_text(measure))}</span>'


def figure(title: str, svg: str, caption: str) -> str:
    """A plot with what it shows and how to read it."""
    return f"<figure><h3>{text(title)}</h3>{svg}<figcaption>{text(caption)}</figcaption></figure>"


def plots(figures: Sequence[str]) -> str:
    """Plots side by side where there is room."""
    return f'<div class="plots">{"".join(figures)}</div>' if figures else ""


def items(lines: Iterable[str]) -> str:
    """A list of sentences."""
    return f"<ul>{''.join(f'<li>{text(line)}</li>' for line in lines)}</ul>"


def command(*lines: str) -> str:
    """Commands to copy."""
    return f"<pre><code>{text(chr(10).join(lines))}</code></pre>"
