"""Every format there is. Together the rows are the closed list of markup that views may add: no names, no dates.

Titles are not used, not even as headings: a title is a name that the text may not hold, and a view would then say more
than its original.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from kinj.augment.formats.layout import NUMBER, Layout


@dataclass(frozen=True)
class Format:
    """A layout with its name and the families it belongs to; the first family is the one it is drawn under."""

    name: str
    families: tuple[str, ...]
    layout: Layout


COMBINATIONS = "combinations"
"""The family of formats that put one format inside another."""


def _each(
    open: str = "", close: str = "", between: str = "\n", *, head: str = "", tail: str = "", escape: str = ""
) -> Layout:
    """Every sentence between `open` and `close`, by default on a line of its own."""
    return Layout(by_sentence=True, open=open, close=close, between=between, head=head, tail=tail, escape=escape)


def _block(prefix: str, wrap: int, first: str | None = None) -> Layout:
    """Lines of at most about `wrap` characters, each after `prefix`; the first after `first` where that differs."""
    head = prefix if first is None else first
    return Layout(head=head, wrap=wrap, line=f"\n{prefix}", paragraph=f"\n{prefix.rstrip()}\n{head}")


_SINGLE: dict[str, dict[str, Layout]] = {
    "spacing": {
        "double_spaces": Layout(space="  "),
        "triple_spaces": Layout(space="   "),
        "tabs_between_words": Layout(space="\t"),
        "wide_sentence_gaps": _each(between="    "),
        "tabs_between_sentences": _each(between="\t"),
    },
    "line_width": {f"width_{width}": Layout(wrap=width) for width in (24, 32, 40, 50, 60, 72, 88)},
    "indentation": {
        "indent_paragraph": Layout(head="    ", paragraph="\n\n    "),
        "indent_block": _block("    ", 64),
        "indent_tab": _block("\t", 56),
        "indent_hanging": _block("    ", 60, first=""),
        "indent_sentences": _each("  "),
        "indent_deep": _each("        "),
    },
    "sentence_lines": {
        "sentence_per_line": _each(),
        "sentence_per_paragraph": _each(between="\n\n"),
        "sentence_far_apart": _each(between="\n\n\n"),
    },
    "bullets": {
        "bullet_dash": _each("- "),
        "bullet_star": _each("* "),
        "bullet_plus": _each("+ "),
        "bullet_dot": _each("• "),
        "bullet_box": _each("- [ ] "),
        "bullet_dash_wide": _each("  - ", between="\n\n"),
    },
    "numbering": {
        "number_dot": _each(f"{NUMBER}. "),
        "number_bracket": _each(f"{NUMBER}) "),
        "number_brackets": _each(f"({NUMBER}) "),
        "number_square": _each(f"[{NUMBER}] "),
        "number_colon": _each(f"{NUMBER}: "),
        "number_wide": _each(f" {NUMBER}.  ", between="\n\n"),
    },
    "quoting": {
        "quote_lines": _block("> ", 70),
        "quote_straight": _each('"', '"', " "),
        "quote_curly": _each("“", "”"),
        "quote_angle": _each("«", "»", " "),
        "quote_single": _each("'", "'"),
        "quote_whole": Layout(head='"""\n', tail='\n"""'),
    },
    "markdown": {
        "bold": _each("**", "**", " "),
        "italic": _each("_", "_", " "),
        "headings": _each("## ", between="\n\n"),
        "fence": Layout(head="```\n", tail="\n```"),
        "rules": _each(between="\n\n---\n\n"),
        "table_rows": _each("| ", " |", head="|   |\n|---|\n"),
    },
    "key_value": {
        "key_text": Layout(head="text: "),
        "key_content": Layout(head='content = "', tail='"'),
        "key_lines": _each(f"line {NUMBER}: "),
        "key_sentences": _each(f"sentence {NUMBER} = "),
        "key_repeated": _each("text: "),
        "key_items": _each(f"item[{NUMBER}] => ", ";"),
    },
    "json": {
        "json_text": Layout(head='{"text": "', tail='"}', escape="json"),
        "json_list": _each('  "', '"', ",\n", head="[\n", tail="\n]", escape="json"),
        "json_row": _each('"', '"', ", ", head='{"text": [', tail="]}", escape="json"),
        "json_lines": _each('{"sentence": "', '"}', escape="json"),
        "json_numbered": _each(f'  "{NUMBER}": "', '"', ",\n", head="{\n", tail="\n}", escape="json"),
    },
    "html": {
        "html_paragraph": Layout(head="<p>", tail="</p>", paragraph="\n\n", escape="html"),
        "html_paragraphs": _each("<p>", "</p>", escape="html"),
        "html_list": _each("  <li>", "</li>", head="<ul>\n", tail="\n</ul>", escape="html"),
        "html_breaks": _each(close="<br>", head="<div>\n", tail="\n</div>", escape="html"),
        "html_page": _each("<p>", "</p>", head="<html>\n<body>\n", tail="\n</body>\n</html>", escape="html"),
        "html_spans": _each("<span>", "</span>", " ", escape="html"),
    },
    "special_characters": {
        "frame_stars": _each("*** ", " ***"),
        "frame_tildes": _each("~~ ", " ~~", " "),
        "frame_equals": _each("=== ", " ===", "\n\n"),
        "frame_square": _each("[[ ", " ]]", " "),
        "frame_arrows": _each(">>> ", " <<<"),
        "frame_bars": _each("", "", " || "),
        "frame_box": Layout(head="+" + "-" * 48 + "+\n", tail="\n+" + "-" * 48 + "+"),
    },
}

_OUTER = ("double_spaces", "indent_block", "quote_lines", "fence", "frame_box")
"""Formats of the whole text that can hold a format of sentences."""

HANGING = Layout(wrap=44, line="\n        ")
"""Wrapping inside sentences. The deep indent keeps wrapped content from looking like the start of a unit."""


def nested(inner: Layout, outer: Layout) -> Layout:
    """`inner` inside `outer`: each line break of the inner markup becomes one of the outer format."""

    def lines(markup: str) -> str:
        return markup.replace("\n", outer.line)

    return replace(
        inner,
        head=outer.head + lines(inner.head),
        open=lines(inner.open),
        close=lines(inner.close),
        between=lines(inner.between),
        tail=lines(inner.tail) + outer.tail,
        space=outer.space,
    )


def _singles() -> Iterator[Format]:
    for family, layouts in _SINGLE.items():
        yield from (Format(name, (family,), layout) for name, layout in layouts.items())


def _combinations(singles: dict[str, Format]) -> Iterator[Format]:
    for inner in singles.values():
        family = inner.families[0]
        if not inner.layout.by_sentence or family == "indentation":
            continue
        for outer in (singles[name] for name in _OUTER):
            if outer.families[0] != family:
                families = (COMBINATIONS, family, outer.families[0])
                yield Format(f"{inner.name}+{outer.name}", families, nested(inner.layout, outer.layout))
        if not inner.layout.escape and family != "spacing":
            families = (COMBINATIONS, family, "line_width")
            layout = replace(inner.layout, wrap=HANGING.wrap, line=HANGING.line)
            yield Format(f"{inner.name}+hanging", families, layout)


def _table() -> dict[str, Format]:
    singles = {form.name: form for form in _singles()}
    return singles | {form.name: form for form in _combinations(singles)}


FORMATS: dict[str, Format] = _table()
"""All formats by name."""

FAMILIES: tuple[str, ...] = (*_SINGLE, COMBINATIONS)
"""All families, in the order they are documented."""

HELD_OUT_FAMILIES: tuple[str, ...] = ("key_value", "html", "special_characters")
"""Families that the embedded model's pre-training leaves out, so that views of unmet families can be compared with met
ones. Leaving out a family leaves out the combinations that use it."""
