"""How content is written where a format gives some characters a meaning, and how it is read back.

All work character by character, so that the beginning of a text becomes the beginning of the escaped text, and every
escape starts with a character that stands nowhere else, so that one pass from the left reads it back exactly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from json.encoder import encode_basestring
from typing import NamedTuple

import orjson

from kinj.augment.formats.separators import PARAGRAPH


class Escape(NamedTuple):
    """How a format writes content."""

    write: Callable[[str], str]
    read: Callable[[str], str]
    """The inverse of `write`."""
    changes: Callable[[str], bool]
    """Whether paragraphs may be written in another way than they are. Mostly they are not, and to know that is far cheaper."""


_CHARACTERS: dict[str, dict[str, str]] = {
    "html": {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"},
    "latex": {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    "csv": {'"': '""'},
    "yaml": {"'": "''"},
}


def _json_write(text: str) -> str:
    return encode_basestring(text)[1:-1]


def _json_read(text: str) -> str:
    if "\\" not in text:
        return text
    try:
        return str(orjson.loads(f'"{text}"'))
    except ValueError:  # it holds half a surrogate pair, or a paragraph's end
        return str(json.loads(f'"{text}"', strict=False))


_TWO_IN_JSON = (PARAGRAPH, '"', "\\")
"""Printable characters, and ends of paragraphs, that JSON writes as two."""


def is_printable(text: str) -> bool:
    """Whether it holds no control characters and no white space but spaces and ends of paragraphs. Of ASCII (DEL may stand in
    it) the length of its JSON tells that many times faster than a look at each character."""
    if not text.isascii():
        return text.replace(PARAGRAPH, "").isprintable()
    escaped = sum(
        [text.count(mark) for mark in _TWO_IN_JSON if mark in text]
    )  # counting takes ten times as long as looking
    return len(orjson.dumps(text)) == len(text) + escaped + len('""')


def _json_changes(text: str) -> bool:
    return '"' in text or "\\" in text or not is_printable(text)


def _of_characters(characters: dict[str, str]) -> Escape:
    meaning = {written: character for character, written in characters.items()}
    special = re.compile("|".join(map(re.escape, characters)))
    written = re.compile("|".join(map(re.escape, meaning)))
    (first,) = {sequence[0] for sequence in meaning}

    def write(text: str) -> str:
        return special.sub(lambda match: characters[match.group()], text)

    def read(text: str) -> str:
        return written.sub(lambda match: meaning[match.group()], text) if first in text else text

    def changes(text: str) -> bool:
        return any([character in text for character in characters])  # noqa: C419 (a list is faster than a generator)

    return Escape(write, read, changes)


ESCAPES: dict[str, Escape] = {
    "": Escape(str, str, lambda _: False),
    "json": Escape(_json_write, _json_read, _json_changes),
}
"""Escaping and its inverse, by the name a layout uses."""
ESCAPES |= {name: _of_characters(characters) for name, characters in _CHARACTERS.items()}
