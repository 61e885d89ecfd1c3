"""How content is written where a format gives some characters a meaning, and how it is read back.

All work character by character, so that the beginning of a text becomes the beginning of the escaped text, and every
escape starts with a character that stands nowhere else, so that one pass from the left reads it back exactly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from json.encoder import encode_basestring

Escape = tuple[Callable[[str], str], Callable[[str], str], re.Pattern[str]]
"""Writes content, reads it back, and finds in content (or paragraphs of it) what is written in another way than it is."""

_CHARACTERS: dict[str, dict[str, str]] = {
    "html": {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"},
    "latex": {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    "csv": {'"': '""'},
    "yaml": {"'": "''"},
}


def _json_escape(text: str) -> str:
    return encode_basestring(text)[1:-1]


def _json_unescape(text: str) -> str:
    return str(json.loads(f'"{text}"', strict=False)) if "\\" in text else text


def _pair(characters: dict[str, str]) -> Escape:
    meaning = {written: character for character, written in characters.items()}
    special = re.compile("|".join(map(re.escape, characters)))
    written = re.compile("|".join(map(re.escape, meaning)))
    firsts = {sequence[0] for sequence in meaning}

    def read(text: str) -> str:
        if not any(first in text for first in firsts):  # most texts; searching for one character is far faster
            return text
        return written.sub(lambda match: meaning[match.group()], text)

    return lambda text: special.sub(lambda match: characters[match.group()], text), read, special


ESCAPES: dict[str, Escape] = {
    "": (str, str, re.compile(r"(?!)")),
    "json": (_json_escape, _json_unescape, re.compile(r'["\\\x00-\x09\x0b-\x1f]')),
}
"""Escaping and its inverse, by the name a layout uses."""
ESCAPES |= {name: _pair(characters) for name, characters in _CHARACTERS.items()}
