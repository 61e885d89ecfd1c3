"""Writes what docs/ says of settings and cards from the code: `python -m kinj.cli.reference docs`. Tests keep it up to date."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args, get_origin

from kinj.cli import cards
from kinj.cli.cards import Row
from kinj.config.keys import ANY_NAME, hints, is_section, overlay, split_optional
from kinj.config.loader import written
from kinj.config.names import GROUPS
from kinj.config.schema import Settings
from kinj.config.tree import choices, describe

PAGE = "settings.md"
INTRODUCTION = """\
# Settings

<!-- Written by `make docs` from kinj/config/schema and conf/; do not edit. -->

Every experiment is one tree of settings. Later layers win: the schema's defaults below, the files of the groups, an
`experiment=NAME` or `-c FILE`, the environment (`KINJ__OPTIM__LR=1e-4`), `key.path=value` on the command line, flags.
`kinj show config --origin` prints every value in force and where it came from; `NAME` stands for a name you choose.
"""
WORDS = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`", Any: "any value"}


def settings_page() -> str:
    """The page: the groups with their choices, then a table for each section of the schema."""
    parts = [INTRODUCTION, _groups()]
    own = all_rows()
    parts.append(_section("Top level", [row for row in own if "." not in row[0]]))
    for name, kind in hints(Settings).items():
        if is_section(kind):
            parts.append(_section(f"`{name}`", [row for row in own if row[0].startswith(f"{name}.")]))
    return "\n".join(parts)


def all_rows() -> list[Row]:
    """Every key of the schema, in its order; meanings are ready for the cell of a table."""
    found = [row for name in hints(Settings) for row in _rows((name,), hints(Settings)[name], Settings)]
    return [(key, kind, default, _cell(meaning)) for key, kind, default, meaning in found]


def pages(docs: Path) -> dict[Path, str]:
    """All pages that follow from the code, by path."""
    return {docs / PAGE: settings_page(), **dict(cards.pages(docs, all_rows()))}


def _groups() -> str:
    lines = [
        "## Groups",
        "",
        "`GROUP=CHOICE` takes a file of `conf/GROUP/`; bold ones are used unless told otherwise.",
        "",
    ]
    lines += ["| choice | what it is |", "|---|---|"]
    for group in (*GROUPS, "experiment"):
        default = GROUPS.get(group)
        for name in sorted(choices(group), key=lambda name: (name != default, name)):
            choice = f"**`{group}={name}`**" if name == default else f"`{group}={name}`"
            lines.append(f"| {choice} | {_cell(describe(group, name))} |")
    return "\n".join([*lines, ""])


def _section(title: str, rows: Sequence[Row]) -> str:
    lines = [f"| `{key}` | {kind} | {default} | {meaning} |" for key, kind, default, meaning in rows]
    return "\n".join([f"## {title}", "", "| key | type | default | meaning |", "|---|---|---|---|", *lines, ""])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _rows(path: tuple[str, ...], kind: Any, parent: type) -> Iterator[Row]:
    """The keys at and below a path, in the order of the schema; `parent` is the class its last part is a field of."""
    below = get_args(kind)[1] if get_origin(kind) is dict else None
    if is_section(kind):
        for name, child in hints(kind).items():
            yield from _rows((*path, name), child, kind)
    elif is_section(below):
        yield from _rows((*path, ANY_NAME), below, parent)
    else:
        yield ".".join(path), _type(path, kind), _default(parent, path[-1]), meanings(parent).get(path[-1], "")


def _type(path: tuple[str, ...], kind: Any) -> str:
    over = overlay((*path, ANY_NAME)) or overlay(path)
    if over is not None:
        return "names to keys and values" if over[1] is Settings else "keys of `optim`"
    inner, optional = split_optional(kind)
    return _words(inner) + (" or `null`" if optional else "")


def _words(kind: Any) -> str:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is list:
        return f"list of {_plural(parts[0])}"
    if origin is dict:
        return f"names to {_plural(parts[1])}"
    return WORDS[kind]


def _plural(kind: Any) -> str:
    word = _words(kind)
    return word.replace("list", "lists", 1) if word.startswith("list") else f"{word}s"


def _default(parent: type, name: str) -> str:
    value = getattr(parent(), name)
    return "`{}`" if value == {} else f"`{written(value)}`"


@cache
def meanings(parent: type) -> dict[str, str]:
    """The help text of every field of a settings class: the docstring that follows it in the source."""
    (settings,) = ast.parse(inspect.getsource(parent)).body
    assert isinstance(settings, ast.ClassDef)
    found = {}
    for field, text in pairwise(settings.body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(docstring))):
                found[name] = inspect.cleandoc(docstring)
    return found


def main(arguments: Sequence[str]) -> int:
    """Writes the pages into the folder named, by default `docs`, and names those that changed."""
    from kinj.data.files import atomic_write

    for path, text in pages(Path(arguments[0] if arguments else "docs")).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            atomic_write(path, text)
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
