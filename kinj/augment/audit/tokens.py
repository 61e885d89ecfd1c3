"""Words of a plain text, each with the sentence it stands in and whether a sentence may begin with it."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from kinj.augment.audit.lexicon import ABBREVIATIONS, TITLES
from kinj.augment.audit.plain import BREAK

_WORD = re.compile(r"(?:[^\W\d_]\.){2,}(?![^\W\d_])|[^\W\d_][^\W_]*(?:'[^\W\d_]+)*|\d+(?:[.,]\d+)*[^\W\d_]*")
_MAY_END = frozenset({"a.m.", "p.m.", "B.C.", "A.D.", "etc."})
"""Words with a full stop of their own that may also end a sentence: what follows is no part of the same name."""
_STOPS = re.compile(rf"[.!?:](?=[\s\"')\]]|$)|\n\s*\n|{BREAK}")
_OPENS = re.compile(rf"[.!?:\"(\[\n{BREAK}]|(?<!\w)'")


class Token(NamedTuple):
    """One word."""

    text: str
    """As it is written."""
    folded: str
    """In small letters, without diacritics, the dots of U.S., and a possessive ending."""
    start: int
    end: int
    sentence: int
    opens: bool
    """Whether something before it, such as a full stop or a line break, may be why it has a capital."""
    after_colon: bool
    joined: bool
    """Whether nothing but a space, a hyphen or the dot of an initial stands between it and the word before."""


def tokens(text: str) -> list[Token]:
    """The words and numbers of a plain text, in order of place."""
    found: list[Token] = []
    sentence, end, last = 0, 0, ""
    for match in _WORD.finditer(text):
        start, stop = match.span()
        gap = text[end:start]
        if gap == " " and found:
            opens, colon, joined = False, False, last not in _MAY_END
        else:
            opens, joined, stops = _gap(gap, last)
            opens, colon, joined = opens or not found, ":" in gap, joined and bool(found)
            sentence += stops and bool(found)
        last, end = text[start:stop], stop
        found.append(Token(last, fold(last), start, end, sentence, opens, colon, joined))
    return found


def _gap(gap: str, before: str) -> tuple[bool, bool, bool]:
    """What stands between two words: may it open a sentence, does it join them, does it end a sentence?"""
    if gap.startswith(".") and not gap[1:].strip() and (len(before) == 1 or before.lower() in ABBREVIATIONS):
        joined = len(before) == 1 or before.lower() in TITLES
        return False, joined, False
    spaces = not gap.strip(" \n\t-&") and BREAK not in gap
    joined = spaces and gap.count("\n") < 2 and len(gap.strip()) < 2 and gap not in (" - ", "--")
    return bool(_OPENS.search(gap)), joined, bool(_STOPS.search(gap))


@lru_cache(1 << 16)
def fold(word: str) -> str:
    """A word in the form in which it is compared."""
    if not word.isascii():
        decomposed = unicodedata.normalize("NFKD", word)
        word = "".join(c for c in decomposed if not unicodedata.combining(c)).replace("ł", "l").replace("Ł", "L")
    word = word.lower()
    if word.endswith("."):
        return word.replace(".", "")
    return word.removesuffix("'s")
