"""A small, careful sentence splitter. Where it is unsure it does not split: a long sentence harms no format."""

from __future__ import annotations

import re

_CLOSERS = "\"'”’»)\\]」』）"
_SPACED = ".!?…؟۔।॥።։။"
"""Marks of scripts that put a space after them."""
_UNSPACED = "。！？｡"
"""Marks of scripts that do not."""
_ASCII_MARKS = ".!?"
_BREAK = re.compile(
    rf"[{_SPACED}{_UNSPACED}\n]"  # one set of first characters: the search skips over everything else at once
    rf"(?:(?<=[{_SPACED}])[{_CLOSERS}]{{0,3}}[ \n]+|(?<=[{_UNSPACED}])[{_CLOSERS}]{{0,3}}[ \n]*|(?<=\n)\n*)"
)
_DOT_BREAK = re.compile(rf"\.[{_CLOSERS}]{{0,3}}[ \n]+")
"""The same in a text whose only mark is the dot, as that of most is: searching for one character is four times as fast."""
_UNDOTTED_LINE = re.compile(r"\n(?<!\.\n)")
_ABBREVIATIONS = frozenset(
    re.findall(
        r"\w+",
        "adm al approx assoc ave bros ca capt cf co col corp dept dr etc fr gen gov hon inc jr lit ltd lt maj messrs mr mrs ms "
        "mt prof pvt rep rev sen sgt sr st transl univ vs",
    )
)
_BEFORE_NUMBERS = frozenset(re.findall(r"\w+", "art cap ch eq fig figs no nos nr op p pp sec vol"))
_DOTTED = _ABBREVIATIONS | _BEFORE_NUMBERS


def split_sentences(text: str) -> list[str]:
    """Cuts a text into sentences; each keeps the spaces after it, so that the pieces joined are the text.

    A line break always ends a sentence. Initials, common abbreviations, numbers that open a list item, and marks
    followed by a small letter do not.
    """
    pieces: list[str] = []
    start, size = 0, len(text)
    breaks = _BREAK if _has_other_marks(text) else _DOT_BREAK
    for mark, end in [match.span() for match in breaks.finditer(text)]:
        if end == size:
            break
        following = text[end]
        if text[mark:end] == ". ":  # which most are
            if following.islower():
                continue
            before = text.rfind(" ", start, mark) + 1 or start
            word = text[before:mark].lower()
            certain = len(word) > 1 and word.isalpha() and word not in _DOTTED
            if not certain and _is_abbreviation(text[before:mark], following, before == start):
                continue
        elif not _ends_sentence(text, start, mark, text[mark:end], following):
            continue
        pieces.append(text[start:end])
        start = end
    return [*pieces, text[start:]] if start < size else pieces


def _has_other_marks(text: str) -> bool:
    """Whether something else than dots may end a sentence."""
    marks = _ASCII_MARKS if text.isascii() else _SPACED + _UNSPACED
    return any([mark in text for mark in marks if mark != "."]) or bool(_UNDOTTED_LINE.search(text))  # noqa: C419 (a list is faster than a generator)


def _ends_sentence(text: str, start: int, mark: int, gap: str, following: str) -> bool:
    """Whether the sentence from `start` ends with the mark at `mark`.

    Args:
        gap: the mark and all up to the next word.
        following: the character after it.
    """
    if "\n" in gap or gap[0] in _UNSPACED:
        return True
    if following.islower():
        return False
    if gap[0] != ".":
        return True
    before = text.rfind(" ", start, mark) + 1 or start
    return not _is_abbreviation(text[before:mark], following, before == start)


def _is_abbreviation(word: str, following: str, first: bool) -> bool:
    """Whether the dot after a word belongs to it, where the word is the first of its sentence or is not."""
    word = word.strip("\"'“”‘’«»()[]")
    if len(word) > 12:
        return False
    small = word.lower()
    return (
        (len(word) == 1 and word.isalpha() and word.isupper())  # an initial
        or "." in word  # U.S., e.g., a.m.
        or small in _ABBREVIATIONS
        or (small in _BEFORE_NUMBERS and following.isdigit())
        or (word.isdigit() and first)  # 1. opens a list item
    )
