"""What a sentence may have a blank for: names, numbers, dates, quantities and terms."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kinj.data.reading.amounts import Amount, amounts
from kinj.data.reading.dates import When, dates
from kinj.data.reading.lexicon import FUNCTION_WORDS, MONTHS, is_common
from kinj.data.reading.mentions import Mention
from kinj.data.reading.names import Name, names
from kinj.data.reading.tokens import Token, tokens
from kinj.eval.overlap import words

KINDS = ("name", "date", "number", "quantity", "term")
SHORTEST_TERM = 4
_INSIDE_NAME = re.compile(r" (?:of|for|de|del|van|von)(?: the)? ")
_OPENING = re.compile(r"([A-Z][a-z]+(?:ing|ed)) ")
"""`Starring Ada Byron, ...` begins with no part of the name."""
_POSSESSIVE = re.compile(r"'s?$")


@dataclass(frozen=True)
class Value:
    """A value in a sentence: its `kind` (one of KINDS), its `shape` (values of one shape can stand for one another), its place."""

    kind: str
    shape: str
    start: int
    end: int
    text: str

    @property
    def words(self) -> tuple[str, ...]:
        """In the form in which values are compared."""
        return words(self.text)


def values(text: str) -> list[Value]:
    """The values of a sentence in order, apart from each other. What only may be one (`May`, `first`) is left out."""
    said = tokens(text)
    when = dates(text, said)
    sure = [mention for mention in when if not mention.weak]
    count = amounts(text, said, sure)
    called = _joined(text, names(text, said, [*sure, *(m for m in count if m.kind == "quantity")]))
    mentions: list[Mention[Any]] = [*sure, *called, *count, *_terms(said)]
    found = [_value(text, mention) for mention in mentions if not mention.weak]
    apart: list[Value] = []
    for value in sorted(found, key=lambda value: (value.start, -value.end)):
        if value.text and (not apart or apart[-1].end <= value.start):
            apart.append(value)
    return apart


def distinctive(value: tuple[str, ...]) -> set[str]:
    """The words of a value that would give it away."""
    return {word for word in value if word not in FUNCTION_WORDS and word not in MONTHS and len(word) > 1}


def _joined(text: str, found: Sequence[Mention[Name]]) -> Iterator[Mention[Name]]:
    """Names with `of` and the like inside as one: `University of Rome`."""
    held: Mention[Name] | None = None
    for mention in found:
        if held and held.value.title and _INSIDE_NAME.fullmatch(text, held.end, mention.start):
            held = held._replace(end=mention.end, weak=held.weak and mention.weak)
        else:
            if held:
                yield held
            held = mention
    if held:
        yield held


def _terms(said: Sequence[Token]) -> Iterator[Mention[None]]:
    """Words in small letters that are no common English words."""
    for word in said:
        if (
            word.text.islower()
            and word.text.isalpha()
            and len(word.text) >= SHORTEST_TERM
            and not is_common(word.folded)
        ):
            yield Mention("term", word.start, word.end, None)


def _value(text: str, mention: Mention[Any]) -> Value:
    start, written = mention.start, text[mention.start : mention.end]
    if mention.kind == "name":
        written = _POSSESSIVE.sub("", written)
        if start == 0 and (opening := _OPENING.match(written)) and is_common(opening[1].lower()):
            start, written = opening.end(), written[opening.end() :]
    return Value(mention.kind, _shape(mention.value, written), start, start + len(written), written)


def _shape(said: Any, written: str) -> str:
    """What values must share to stand for one another: the parts of a date, the unit of a quantity, digits or words."""
    if isinstance(said, tuple) and said and isinstance(said[0], When):
        parts = said[0]._asdict()
        named = [name for name in ("year", "month", "day", "weekday", "minute") if parts[name] is not None]
        return "-".join([*named, str(parts["span"]), "digits" if written[0].isdigit() else "words"])
    if isinstance(said, Amount):
        unit = said.unit.dimension if said.unit else ""
        return f"{unit}-{'digits' if any(c.isdigit() for c in written) else 'words'}"
    return ""
