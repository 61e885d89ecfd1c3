"""Numbers in digits and words, with the unit that follows them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from kinj.data.reading.mentions import Mention
from kinj.data.reading.numerals import SCALES, spelled
from kinj.data.reading.tokens import Token
from kinj.data.reading.units import CURRENCY_SIGNS, UNITS, Unit, unit_after


class Amount(NamedTuple):
    """A number. `step` is the value of its last written digit (0.1 for 3.5, 100 for 1,200)."""

    value: float
    step: float
    unit: Unit | None = None
    about: bool = False
    """Whether the text says that the number is rounded (`about`, `more than`)."""
    scaled: bool = False
    """Whether it is written with a word for its size (`1.2 million`), as rounded numbers are."""


_LITERAL = re.compile(
    r"(?<![\w.])(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?: \d{3})+(?![\d,])|\d*\.\d+|\d+)"
    r"(?:(?P<ordinal>st|nd|rd|th)\b|(?P<half>\s?[½¼¾⅓⅔])|[\s-]?(?P<scale>[a-zA-Z]+)\b)?"
    r"|(?P<fraction>[½¼¾⅓⅔])"
)
_CURRENCY = re.compile(rf"(?:\b[A-Z]{{1,3}})?(?P<sign>[{CURRENCY_SIGNS}])\s?$")
_MINUS = re.compile(r"(?:(?<![^\s($£€])-|\bminus\s)$")
_LONGEST_SIGN = 6
_SCALE_ENDS = ("sand", "lion")
"""Last letters of thousand, million, billion and trillion."""
_SLASH = re.compile(r"\s?/\s?(\d{1,2})(?![\d/])")
_SIGNED_FRACTIONS = {"½": 1 / 2, "¼": 1 / 4, "¾": 3 / 4, "⅓": 1 / 3, "⅔": 2 / 3}
_SHORT_SCALES = {"k": 1e3, "m": 1e6, "mn": 1e6, "b": 1e9, "bn": 1e9, "tn": 1e12}
_ABOUT = re.compile(
    r"(?:\b(?:about|around|approximately|approx\.?|roughly|some|nearly|almost|over|under|circa|ca?\.|close to|up to"
    r"|(?:more|less|fewer)\sthan|at\s(?:least|most)|just|above|below|exceed(?:s|ed|ing)?|by)\s(?:an?\s(?:estimated\s)?)?|~\s?|>\s?|<\s?)$",
    re.I,
)
_BEFORE_RANGE = re.compile(r"\s*(?:-|to|and|or|by|x|×)\s*")


def amounts(text: str, words: Sequence[Token], dates: Sequence[Mention[Any]]) -> list[Mention[Amount]]:
    """Numbers and quantities in order of place.

    Args:
        text: a sentence.
        words: its words.
        dates: what is not to be read again.
    """
    taken = [(mention.start, mention.end) for mention in dates]
    found = sorted([*_literals(text, taken), *_spelled(text, words, taken)], key=lambda mention: mention.start)
    return [_with_unit_of_range(text, mention, following) for mention, following in zip_longest(found, found[1:])]


def _literals(text: str, taken: Sequence[tuple[int, int]]) -> Iterator[Mention[Amount]]:
    end = 0
    for match in _LITERAL.finditer(text):
        if match.start() < end:  # the 3 of 2/3
            continue
        if any(start < match.end() and match.start() < end for start, end in taken):
            continue
        if match["fraction"]:
            yield _mention(text, match.start(), match.end(), _SIGNED_FRACTIONS[match["fraction"]], 1e-9, None)
            continue
        value, step = _digits(match["digits"])
        end = match.end("digits")
        window = max(0, match.start() - _LONGEST_SIGN), match.start()
        paid = _CURRENCY.search(text, *window)
        currency = UNITS[paid["sign"]] if paid else None
        sign = _MINUS.search(text, *window)
        if match["half"]:
            value, step, end = value + _SIGNED_FRACTIONS[match["half"].strip()], 1e-9, match.end()
        elif match["ordinal"]:
            end = match.end()
        elif scale := _scale((match["scale"] or "").lower(), money=paid is not None):
            value, step, end = value * scale, step * scale, match.end()
        elif slash := _SLASH.match(text, end):
            value, step, end = value / max(1, int(slash[1])), 1e-9, slash.end()
        start = match.start() - (len(paid[0]) if paid else 0)
        yield _mention(text, start, end, -value if sign else value, step, currency)


def _scale(word: str, *, money: bool) -> float | None:
    """What the word after the digits multiplies them by. `m` and `k` are scales of money only (`5 m` is a length)."""
    if word in ("bn", "tn", "mn") or money:
        return SCALES.get(word) or _SHORT_SCALES.get(word)
    return SCALES.get(word)


def _digits(written: str) -> tuple[float, float]:
    plain = written.replace(",", "").replace(" ", "")
    whole, _, decimals = plain.partition(".")
    if decimals:
        return float(plain), 10.0 ** -len(decimals)
    significant = whole.rstrip("0")
    return float(whole), 10.0 ** (len(whole) - len(significant)) if significant else 1.0


def _spelled(text: str, words: Sequence[Token], taken: Sequence[tuple[int, int]]) -> Iterator[Mention[Amount]]:
    for first, last, value, step, weak in spelled(text, words):
        start, end = words[first].start, words[last].end
        if not any(a < end and start < b for a, b in taken):
            yield _mention(text, start, end, value, step, None, weak)


def _mention(
    text: str, start: int, end: int, value: float, step: float, currency: Unit | None, weak: bool = False
) -> Mention[Amount]:
    unit, scaled = currency, text[end - 4 : end].lower() in _SCALE_ENDS
    if currency is None and (found := unit_after(text, end)):
        unit, end = found
    about = bool(_ABOUT.search(text, max(0, start - 24), start))
    amount = Amount(float(f"{value:.10g}"), step, unit, about, scaled)
    return Mention("quantity" if unit else "number", start, end, amount, weak and unit is None)


def _with_unit_of_range(text: str, mention: Mention[Amount], following: Mention[Amount] | None) -> Mention[Amount]:
    """`5 to 10 km`: the first number takes the unit of the second."""
    if following is None or mention.value.unit or not following.value.unit or following.value.unit.dimension == "years":
        return mention
    if not _BEFORE_RANGE.fullmatch(text, mention.end, following.start):
        return mention
    return mention._replace(kind="quantity", value=mention.value._replace(unit=following.value.unit), weak=False)


def same_amount(original: Amount, view: Amount) -> bool:
    """Whether a view's amount says what the original's says.

    Equal: the same value in the same unit, or with a unit on one side only; a percentage and the fraction it is; another
    unit of the same dimension, within the rounding of what is written; a number that is said to be rounded, or written
    with fewer digits and a word for the scale, to which the original rounds.
    """
    a, b = original.unit, view.unit
    if a and b and a != b:
        if {a.dimension, b.dimension} == {"mass", "GBP"}:  # pounds
            return original.value == view.value
        return a.dimension == b.dimension and _converts(original, a, view, b)
    if original.value == view.value:
        return True
    percent = [amount for amount in (original, view) if amount.unit and amount.unit.dimension == "percent"]
    if len(percent) == 1:
        bare = view if percent[0] is original else original
        return bare.value < 1 and abs(bare.value * 100 - percent[0].value) <= max(0.5 * percent[0].step, 0.5)
    coarser = view.step > original.step and (view.about or view.scaled)
    return coarser and abs(original.value - view.value) <= view.step / 2 + (view.step / 2 if view.about else 0)


def _converts(original: Amount, a: Unit, view: Amount, b: Unit) -> bool:
    there, here = original.value * a.size + a.zero, view.value * b.size + b.zero
    tolerance = max(min(_rounding(original), 0.025 * abs(original.value)) * a.size, _rounding(view) * b.size)
    return abs(there - here) <= tolerance * 1.02


def _rounding(amount: Amount) -> float:
    """Half the last written digit; zeros at the end count as rounded away only as far as 2.5 % of the value."""
    if amount.step <= 1:
        return amount.step / 2
    return min(amount.step / 2, max(0.5, abs(amount.value) * 0.025))
