"""Sentences of a plain text, and the words of a sentence."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from kinj.data.reading.lexicon import ABBREVIATIONS, FUNCTION_WORDS, TITLES, is_common
from kinj.data.reading.plain import BREAK

_END = re.compile(rf"[.!?:]+[\"')\]]*(?=\s|$|{BREAK})|[。！？]|\n\s*\n|{BREAK}|$")
_NEXT_WORD = re.compile(r"\s+([A-Z][a-z]*)\b")
_NEXT = re.compile(r"\s+(\S)")
_LAST_WORD = re.compile(r"(?:^|[\s\"'(\[])((?:[^\W\d_]\.)*[^\W\d_]{1,12})$")
_WORD = re.compile(r"(?:[^\W\d_]\.){2,}(?![^\W\d_])|[^\W\d_][^\W_]*(?:'[^\W\d_]+)*|\d+(?:[.,]\d+)*[^\W\d_]*")
_OPENS = re.compile(r"[.!?:\"(\[]|(?<!\w)'")
_JOINS = re.compile(r"\s[-&]?\s?|[-&]|\.\s?")


class Token(NamedTuple):
    """One word of a sentence."""

    text: str
    """As it is written."""
    folded: str
    """In small letters, without diacritics, the dots of U.S., and a possessive ending."""
    start: int
    end: int
    opens: bool
    """Whether what stands before it, such as a quotation mark, or nothing, may be why it has a capital."""
    joined: bool
    """Whether nothing but a space, a hyphen or the dot of an initial stands between it and the word before."""


def split(text: str) -> Iterator[str]:
    """The sentences of a plain text, with one space wherever there is white space. A colon ends a sentence as well.

    A line break alone does not: lines may be wrapped.
    """
    for start, end in sentence_spans(text):
        yield " ".join(text[start:end].replace(BREAK, " ").split())


def sentence_spans(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence that is not blank; white space may stand before it."""
    start = 0
    for match in _END.finditer(text):
        if text.startswith(".", match.start()) and _goes_on(text, start, match):
            continue
        if text[start : match.end()].replace(BREAK, " ").strip():
            yield start, match.end()
        start = match.end()


def _goes_on(text: str, start: int, match: re.Match[str]) -> bool:
    """Whether a full stop belongs to an abbreviation or an initial, or a small letter follows it."""
    if match.end() - match.start() == 1 and (following := _NEXT.match(text, match.end())) and following[1].islower():
        return True
    word = _LAST_WORD.search(text, max(start, match.start() - 24), match.start())
    if (
        word
        and len(word[1]) == 1
        and (following := _NEXT_WORD.match(text, match.end()))
        and _opens(following[1].lower())
    ):
        return False
    return word is not None and (len(word[1]) == 1 or "." in word[1] or word[1].lower() in ABBREVIATIONS)


def _opens(word: str) -> bool:
    """Whether a sentence may well begin with it, and no surname is it: `Unfortunately`, `The`."""
    return word in FUNCTION_WORDS or (word.endswith("ly") and is_common(word))


def tokens(sentence: str) -> list[Token]:
    """The words and numbers of a sentence, in order of place."""
    found: list[Token] = []
    end, last = 0, ""
    for match in _WORD.finditer(sentence):
        start, stop = match.span()
        gap = sentence[end:start]
        if gap == " " and found:
            opens, joined = False, True
        else:
            opens = not found or (_OPENS.search(gap) is not None and not (gap == ". " and _is_short(last)))
            joined = bool(found) and _JOINS.fullmatch(gap) is not None and (gap[0] != "." or _is_short(last))
        last, end = sentence[start:stop], stop
        found.append(Token(last, fold(last), start, end, opens, joined))
    return found


def _is_short(word: str) -> bool:
    """Whether a full stop after it joins it with the name that follows: `J. Smith`, `St. Mary`."""
    return len(word) == 1 or word.lower() in TITLES


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
