"""Names: words with a capital that are not there because a sentence begins. No model, no list of names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from kinj.data.reading.lexicon import FUNCTION_WORDS, MONTHS, NATIONS, TITLES, WEEKDAYS, is_common
from kinj.data.reading.mentions import Mention
from kinj.data.reading.numerals import NUMERALS
from kinj.data.reading.tokens import Token

_ENDINGS = (
    *("s", "es", "ies", "n", "an", "ian", "ean", "ns", "ans", "ians", "ic", "ics", "ish", "ese", "ist", "ists", "ism"),
    *("anism", "ianism", "er", "ers", "al", "i", "ern"),
)
_SHORTEST_ROOT = 3
_NEVER_SURE = TITLES | MONTHS.keys() | WEEKDAYS | NUMERALS
_NOT_FUNCTION = frozenset({"US", "U.S."})
_INSIDE = re.compile(r"\s(?:of|for|and|de|in)(?:\sthe)?\s")
_HEADING = 0.5
"""Share of longer words with a capital from which on a sentence is taken for a heading."""
_SHORT = 3
_CODE = re.compile(r"[^\W\d_]\w*\d\w*")
"""A word with a digit in it (`mp3`) is a name however it is written."""


_SHORT_FORMS = {
    ("united", "states"): "us",
    ("united", "states", "america"): "us",
    ("united", "kingdom"): "uk",
    ("great", "britain"): "uk",
    ("soviet", "union"): "ussr",
    ("european", "union"): "eu",
    ("united", "nations"): "un",
}


class Name(NamedTuple):
    """The words of a name in their compared form, and which of them are sure to be part of one."""

    words: tuple[str, ...]
    sure: tuple[str, ...]
    title: tuple[str, ...] = ()
    """The words of the longer name it is a part of, with `of`, `for` and `and` inside (`Institute of Engineers`)."""


def names(text: str, words: Sequence[Token], others: Sequence[Mention[Any]]) -> list[Mention[Name]]:
    """Runs of words with a capital, in order of place. A name with no sure word is weak.

    Args:
        text: a sentence.
        words: its words.
        others: dates and quantities; what stands in them is no name.
    """
    found = list(_runs(text, words, others))
    first = 0
    for place in range(1, len(found) + 1):
        if place < len(found) and _INSIDE.fullmatch(text, found[place - 1].end, found[place].start):
            continue
        if place - first > 1:
            title = tuple(word for mention in found[first:place] for word in mention.value.words)
            found[first:place] = [m._replace(value=m.value._replace(title=title)) for m in found[first:place]]
        first = place
    return found


def _runs(text: str, words: Sequence[Token], others: Sequence[Mention[Any]]) -> Iterator[Mention[Name]]:
    heading = _Heading(text, words)
    elsewhere = {place for mention in others for place in range(mention.start, mention.end)}
    run: list[Token] = []
    last = -1
    for place, word in enumerate(words):
        if word.text.islower() and word.text.isalpha():
            continue
        if not (word.text[0].isupper() or _CODE.fullmatch(word.text)) or word.start in elsewhere:
            continue
        if run and not (word.joined and place == last + 1):
            yield from _name(run, heading)
            run = []
        run.append(word)
        last = place
    if run:
        yield from _name(run, heading)


class _Heading:
    """Whether a sentence is a heading: most of its longer words have a capital, and no full stop ends it.

    Args:
        text: the sentence.
        words: its words. They are looked at only if someone asks.
    """

    def __init__(self, text: str, words: Sequence[Token]) -> None:
        self.text, self.words = text, words

    @cached_property
    def is_one(self) -> bool:
        long = [w.text for w in self.words if len(w.text) > _SHORT and not w.opens and w.text[0].isalpha()]
        stopped = self.text.rstrip("\"')]").endswith((".", "!", "?"))
        return bool(long) and not stopped and sum(w[0].isupper() for w in long) >= _HEADING * len(long)

    @property
    def label(self) -> bool:
        """Whether it is a heading that a colon ends."""
        return self.text.endswith(":") and self.is_one


def _name(run: Sequence[Token], heading: _Heading) -> Iterator[Mention[Name]]:
    while run and run[0].folded in FUNCTION_WORDS and run[0].text not in _NOT_FUNCTION:
        run = run[1:]
    while run and run[-1].folded in FUNCTION_WORDS and not (len(run) > 1 and run[-1].text == "I"):  # World War I
        run = run[:-1]
    if not run:
        return
    parts = tuple(word.folded for word in run)
    sure = tuple(word.folded for word in run if _is_sure(word, heading))
    if parts in _SHORT_FORMS:
        sure = (_SHORT_FORMS[parts],)
        parts = (*sure, *parts)
    yield Mention("name", run[0].start, run[-1].end, Name(parts, sure), not sure)


def _is_sure(word: Token, heading: _Heading) -> bool:
    small = word.folded
    function = small in FUNCTION_WORDS and word.text not in _NOT_FUNCTION
    if function or len(small) == 1 or small in _NEVER_SURE:
        return False
    if not is_common(small):
        return not heading.label
    return not (word.opens or heading.is_one)


@lru_cache(1 << 12)
def _stripped(word: str) -> frozenset[str]:
    """What is left of a word without one of the endings."""
    return frozenset(
        word.removesuffix(e) for e in _ENDINGS if word.endswith(e) and len(word) - len(e) >= _SHORTEST_ROOT
    )


@lru_cache(1 << 12)
def _roots(word: str) -> frozenset[str]:
    """What an ending may be put to: the word, the word without its last vowel (`Ital-ian`), and what is left of it."""
    short = {word[:-1]} if word[-1] in "aeiouy" and len(word) > _SHORTEST_ROOT else set()
    return _stripped(word) | short | {word}


def related(one: str, other: str) -> bool:
    """Whether one word is the other with an ending of people, places and adjectives, or belongs to the same nation."""
    if one[:3] == other[:3] and not (
        _stripped(one).isdisjoint(_roots(other)) and _stripped(other).isdisjoint(_roots(one))
    ):
        return True
    return one in NATIONS and NATIONS[one] == NATIONS.get(other)


def initials(words: Sequence[str]) -> str:
    """First letters and numerals, as an acronym has them (`WWII`)."""
    return "".join(word if roman(word) else word[0] for word in words)


_ROMAN = re.compile(r"(?=[ivx])x{0,3}(?:ix|iv|v?i{0,3})")


def roman(word: str) -> int:
    """The value of a Roman numeral from 1 to 39 in small letters; 0 for any other word."""
    if not _ROMAN.fullmatch(word):
        return 0
    values = [{"i": 1, "v": 5, "x": 10}[c] for c in word]
    return sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True))
