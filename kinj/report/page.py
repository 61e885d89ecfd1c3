"""A report as one page that needs nothing else. Whatever comes from outside passes through `text`."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from kinj.report.blocks import (
    Answer,
    Arms,
    Block,
    Cell,
    Command,
    Facts,
    Figure,
    Figures,
    Fold,
    Items,
    Missing,
    Paragraph,
    Section,
    Table,
)
from kinj.report.colours import ARMS, CSS

SCRIPT = Path(__file__).with_name("page.js")
"""Hover, hiding of arms and sorting. The page says everything without it."""

ROOMY = 4
"""Columns up to which intervals find room beside their values."""


def text(value: object) -> str:
    """Any value as harmless text."""
    return escape(str(value))


def page(title: str, kind: str, parts: Sequence[Block]) -> str:
    """A whole page: no font, no picture and no script from elsewhere, which its own policy forbids too."""
    script = SCRIPT.read_text(encoding="utf-8")
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{_digest(script)}'"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>{text(title)}</title>",
            f"<style>\n{CSS.read_text(encoding='utf-8')}</style>",
            "</head>",
            "<body>",
            "<main>",
            f'<header><p class="kind">{text(kind)}</p><h1>{text(title)}</h1></header>',
            _contents(parts),
            *(_html(part, 2) for part in parts),
            "<footer>Made by kinj from the files beside this page; nothing here was fetched from elsewhere.</footer>",
            "</main>",
            f"<script>{script}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _contents(parts: Sequence[Block]) -> str:
    titles = [part.title for part in parts if isinstance(part, Section)]
    links = "".join(f'<li><a href="#{_anchor(title)}">{text(title)}</a></li>' for title in titles)
    return f'<nav aria-label="On this page"><ul>{links}</ul></nav>' if len(titles) > 2 else ""


def _anchor(title: str) -> str:
    return re.sub(r"\W+", "-", title).strip("-").lower() or "part"


def _html(block: Block, level: int) -> str:
    """A block, with headings from `level` on."""
    match block:
        case Paragraph(said, leads):
            return f'<p class="lead">{text(said)}</p>' if leads else f"<p>{text(said)}</p>"
        case Answer(head, beside):
            return f'<div class="answer"><strong>{text(head)}</strong>{_paragraphs(beside)}</div>'
        case Missing(lines):
            return f'<div class="missing"><strong>What is missing</strong>{_items(lines)}</div>'
        case Facts(rows):
            cells = "".join(f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in rows.items())
            return f'<dl class="facts">{cells}</dl>'
        case Table():
            return _table(block)
        case Figures(figures, beside):
            return _figures(figures, beside, level)
        case Items(lines):
            return _items(lines)
        case Command(lines):
            return f'<pre tabindex="0"><code>{text(chr(10).join(lines))}</code></pre>'
        case Fold(summary, parts):
            return f"<details><summary>{text(summary)}</summary>{_inside(parts, level)}</details>"
        case Arms(labels):
            return _arms(labels)
        case Section(title, parts):
            anchor = f' id="{_anchor(title)}"' if level == 2 else ""
            return f"<section{anchor}><h{level}>{text(title)}</h{level}>{_inside(parts, level + 1)}</section>"


def _inside(parts: Sequence[Block], level: int) -> str:
    return "".join(_html(part, level) for part in parts)


def _paragraphs(lines: Sequence[str]) -> str:
    return "".join(f"<p>{text(line)}</p>" for line in lines)


def _items(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{text(line)}</li>' for line in lines)}</ul>"


def _figures(figures: Sequence[Figure], beside: Sequence[str], level: int) -> str:
    drawn = "".join(
        f"<figure><h{level}>{text(figure.title)}</h{level}>{figure.plot.svg}<figcaption>{text(figure.caption)}</figcaption></figure>"
        for figure in figures
    )
    return f'<div class="plots">{drawn}{f"<div>{_paragraphs(beside)}</div>" if beside else ""}</div>'


def _arms(labels: Sequence[str]) -> str:
    """Shown by the script alone: without it nothing could be hidden."""
    boxes = "".join(
        f'<label><input type="checkbox" checked data-toggles="{number}">{_swatch(number)}{text(label)}</label>'
        for number, label in enumerate(labels)
    )
    return f'<fieldset class="arms" hidden><legend>Show in plots and tables</legend>{boxes}</fieldset>'


def _swatch(arm: int | None) -> str:
    return "" if arm is None else f'<i class="swatch a{arm % ARMS}"></i>'


def _table(table: Table) -> str:
    """Scrolls sideways where it is too wide, by keyboard too."""
    heads = "".join(
        f'<th scope="col"{_flush(table, place)}>{_breakable(title)}</th>' for place, title in enumerate(table.head)
    )
    roomy = ' class="roomy"' if len(table.head) <= ROOMY else ""
    return (
        f'<div class="wide" role="region" aria-label="{text(table.caption)}" tabindex="0"><table{roomy}>'
        f'<caption class="unseen">{text(table.caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(_rows(table))}</tbody></table></div>"
    )


def _breakable(title: str) -> str:
    """A title that may break after the dots of a key."""
    return re.sub(r"\.(?=\w)", ".<wbr>", text(title))


def _rows(table: Table) -> Iterator[str]:
    arms = table.arms or [None] * len(table.rows)
    for row, arm in zip(table.rows, arms, strict=True):
        shown = [_cell(cell) for cell in row]
        first = f'<th scope="row"{_order(row[0])}>{_swatch(arm)}{shown[0]}</th>'
        rest = (
            f"<td{_flush(table, place)}{_order(cell)}>{html}</td>"
            for place, (cell, html) in enumerate(zip(row[1:], shown[1:], strict=True), start=1)
        )
        mark = "" if arm is None else f' data-arm="{arm}"'
        yield f"<tr{mark}>{first}{''.join(rest)}</tr>"


def _flush(table: Table, place: int) -> str:
    return ' class="number"' if place in table.numbers else ""


def _order(cell: Cell | str) -> str:
    return "" if isinstance(cell, str) or cell.order is None else f' data-order="{cell.order:.6g}"'


def _cell(cell: Cell | str) -> str:
    if isinstance(cell, str):
        return text(cell)
    tags = {"value": ("<b>", "</b>"), "missing": ('<span class="none">', "</span>"), "code": ("<code>", "</code>")}
    before, after = tags.get(cell.kind, ("", ""))
    beside = f' <span class="interval">{text(cell.beside)}</span>' if cell.beside else ""
    return f"{before}{text(cell.text)}{after}{beside}"
