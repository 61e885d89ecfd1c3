"""Every format there is. Together the rows are the closed list of markup that views may add: no names, no dates.

Titles are not used, not even as headings: a title is a name that the text may not hold, and a view would then say more
than its original.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kinj.augment.formats.languages import LANGUAGES
from kinj.augment.formats.layout import Layout
from kinj.augment.formats.plain import PLAIN
from kinj.augment.formats.shapes import hanging, nested


@dataclass(frozen=True)
class Format:
    """A layout with its name and the families it belongs to; the first family is the one it is drawn under."""

    name: str
    families: tuple[str, ...]
    layout: Layout

    def __reduce__(self) -> tuple[Callable[[str], Format], tuple[str]]:
        return named, (self.name,)  # it travels between processes without what its layout keeps


def named(name: str) -> Format:
    """The format of a name."""
    return FORMATS[name]


COMBINATIONS = "combinations"
"""The family of formats that put one format inside another."""

_SINGLE = PLAIN | LANGUAGES

_OUTER = ("double_spaces", "indent_block", "quote_lines", "fence", "frame_box")
"""Formats of the whole text that can hold a format of sentences."""


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
            yield Format(f"{inner.name}+hanging", families, hanging(inner.layout))


def _table() -> dict[str, Format]:
    singles = {form.name: form for form in _singles()}
    return singles | {form.name: form for form in _combinations(singles)}


FORMATS: dict[str, Format] = _table()
"""All formats by name."""

FAMILIES: tuple[str, ...] = (*_SINGLE, COMBINATIONS)
"""All families, in the order they are documented."""

MET_FAMILIES: tuple[str, ...] = (
    "spacing",
    "line_width",
    "indentation",
    "sentence_lines",
    "bullets",
    "numbering",
    "quoting",
    "markdown",
    "json",
    COMBINATIONS,
)
"""Families that the embedded models met in pre-training (combinations: of these families). Their formats and their order
are fixed, so that the pre-training can be repeated; a new format belongs to another family."""

HELD_OUT_FAMILIES: tuple[str, ...] = tuple(family for family in FAMILIES if family not in MET_FAMILIES)
"""Families that the embedded models never met, so that views of met and of unmet shapes can be compared."""
