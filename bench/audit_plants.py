"""Changes planted in texts, and equal re-expressions, for bench/audit.py.

They find their places with patterns of their own, not with the audit's, so that what the audit cannot read is missed and
counted as missed. Each takes a text, other texts to take values from, and a generator; it returns a view, or None where the
text has no place for it.
"""

# ruff: noqa: ARG001  (one signature for all)
from __future__ import annotations

import calendar
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

Planter = Callable[[str, Sequence[str], random.Random], str | None]


@dataclass(frozen=True)
class Plant:
    """How a view is made: `kinds` of change that it holds (a set of names; empty: it says the same)."""

    name: str
    kinds: frozenset[str]
    make: Planter


MONTHS = list(calendar.month_name)[1:]
_MONTH = "|".join(MONTHS)
_DATE = re.compile(rf"\b({_MONTH}) (\d{{1,2}}), (\d{{4}})\b|\b(\d{{1,2}}) ({_MONTH}) (\d{{4}})\b")
_YEAR = re.compile(r"(?<![\w,.$£€-])(1[0-9]\d\d|20[0-2]\d)(?![\w,%-]|\.\d)")
_NUMBER = re.compile(r"(?<![\w,.$£€/-])(\d{1,3}(?:,\d{3})*)(?![\w,.%/°-]\d|[\w%°/]|,\d|\s(?:%|percent))")
_WORDS = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_WORD_NUMBER = re.compile(rf"\b({'|'.join(_WORDS)})\b(?!-| (?:hundred|thousand|million))")
_UNITS = "km|kilometres|kilometers|miles|mi|metres|meters|m|feet|ft|kg|pounds|tons"
_KM = re.compile(rf"\b(\d{{1,3}}(?:,\d{{3}})*(?:\.\d+)?)[ \u00a0]({_UNITS})\b(?!/|²|2)")
_MONEY = re.compile(r"([$£€])(\d+(?:\.\d+)?)( (?:million|billion))?")
_PERCENT = re.compile(r"\b(\d+(?:\.\d+)?)(%| percent| per cent)")
_NAME = re.compile(r"(?<=[a-z,] )([A-Z][a-z]{2,}(?: [A-Z][a-z]{2,}){0,2})(?=[ .,;'])")
_QUOTE = re.compile(r"(?<![\w\"])\"(?=[^\s\"])([^\"\n]{8,120}?)(?<=\S)\"(?!\w)")
_POSITIVE = re.compile(r"\b(was|were|is|are|had|has|can|could|would|will)\b(?! (?:not|no|never|n't|nothing|neither))")
_NEGATIVE = re.compile(
    r"\b(was|were|is|are|had|has|can|could|would|will|did|do|does) not\b|\b(was|were|is|are|could|did|does)n't\b|\bcannot\b"
)
_ORDINARY = ["green", "table", "window", "quiet", "garden", "yellow"]


def _one(pattern: re.Pattern[str], text: str, rng: random.Random) -> re.Match[str] | None:
    found = list(pattern.finditer(text))
    return rng.choice(found) if found else None


def _swap(text: str, match: re.Match[str] | None, new: str | None, group: int = 0) -> str | None:
    if match is None or new is None:
        return None
    return text[: match.start(group)] + new + text[match.end(group) :]


def number_off(text: str, others: Sequence[str], rng: random.Random) -> str | None:
    found = [m for m in _NUMBER.finditer(text) if not _YEAR.fullmatch(m[1]) and not _near_month(text, m)]
    if not found:
        return None
    match = rng.choice(found)
    value = int(match[1].replace(",", "")) + rng.choice((-1, 1))
    return _swap(text, match, f"{value:,}" if "," in match[1] else str(value))


def _near_month(text: str, match: re.Match[str]) -> bool:
    return re.search(_MONTH, text[max(0, match.start() - 12) : match.end() + 14]) is not None


def word_number_off(text: str, others: Sequence[str], rng: random.Random) -> str | None:
    match = _one(_WORD_NUMBER, text, rng)
    return _swap(text, match, rng.choice([w for w in _WORDS if w != match[1]]) if match else None)


def year_off(text: str, others: Sequence[str], rng: random.Random) -> str | None:
    match = _one(_YEAR, text, rng)
    return _swap(text, match, str(int(match[1]) + rng.choice((-1, 1))) if match else None)


def day_off(text: str, others: Sequence[str], rng: random.Random) -> str | None:
    match = _one(_DATE, text, rng)
    if match is None:
        return None
    group = 2 if match[2] else 4
    return _swap(text, match, str(int(match[group]) % 27 + 1), group)


def month_swapped(text: str, others: Sequence[str], rng: random.Random) -> str | None:
    match = _one(_DATE, text, rng)
    if match is None:
        return None
    group = 1 if match[1] else 5
    return _swap(text, match, rng.choice([m for m in MONTHS if m != match[group]]), group)


def quantity_off(text: str, others: Sequence[str], rng: random.Random) -> str | None:
    pattern = rng.choice([p for p in (_KM, _PERCENT, _MONEY) if p.search(text)] or [_KM])
    match = _one(pattern, text, rng)
    if match is None:
        return None
    group = 2 if pattern is _MONEY else 1
    value = float(match[group].replace(",", ""))
    return _swap(text, match, f"{value + 1:.10g}", group)


_OTHER_UNIT = {
    **dict.fromkeys(("km", "kilometres", "kilometers"), "miles"),
    **dict.fromkeys(("miles", "mi"), "km"),
    **dict.fromkeys(("metres", "meters", "m"), "feet"),
    **dict.fromkeys(("feet", "ft"), "m"),
    **dict.fromkeys(("pounds", "tons"), "kg"),
    "kg": "pounds",
}


def unit_swapped(text: str, others: Sequence[str], rng: random.Random) -> str | None:
    match = _one(_KM, text, rng)
    return _swap(text, match, _OTHER_UNIT[match[2]], 2) if match else None


def name_swapped(text: str, others: Sequence[str], rng: random.Random) -> str | None:
    """One mention of a name becomes a name of another text, which this one does not hold."""
    match = _one(_NAME, text, rng)
    if match is None or re.search(_MONTH, match[1]):
        return None
    words = set(re.findall(r"\w+", text.lower()))
    for other in rng.sample(list(others), min(20, len(others))):
        new = _one(_NAME, other, rng)
        if new and not re.search(_MONTH, new[1]) and not words & set(new[1].lower().split()):
            return _swap(text, match, new[1])
    return None


def names_exchanged(text: str, others: Sequence[str], rng: random.Random) -> str | None:
    """Two names of one sentence change places."""
    sentences = re.split(r"(?<=[.!?]) ", text)
    rng.shuffle(sentences)
    for sentence in sentences:
        names = [m for m in _NAME.finditer(sentence) if not re.search(_MONTH, m[1])]
        pairs = [
            (a, b)
            for a, b in pairwise(names)
            if not set(a[1].split()) & set(b[1].split()) and len(sentence[a.end() : b.start()].split()) > 2
            and not re.search(r"\b(?:and|or)\b", sentence[a.end() : b.start()])
        ]  # fmt: skip
        if pairs:
            a, b = rng.choice(pairs)
            changed = sentence[: a.start()] + b[1] + sentence[a.end() : b.start()] + a[1] + sentence[b.end() :]
            return text.replace(sentence, changed, 1)
    return None


def negation_added(text: str, others: Sequence[str], rng: random.Random) -> str | None:
    match = _one(_POSITIVE, text, rng)
    return _swap(text, match, f"{match[1]} not" if match else None)


def negation_removed(text: str, others: Sequence[str], rng: random.Random) -> str | None:
    match = _one(_NEGATIVE, text, rng)
    return _swap(text, match, (match[1] or match[2] or "can") if match else None)


def quote_changed(text: str, others: Sequence[str], rng: random.Random) -> str | None:
    match = _one(_QUOTE, text, rng)
    if match is None:
        return None
    words = match[1].split()
    words[rng.randrange(len(words))] = rng.choice(_ORDINARY)
    return _swap(text, match, " ".join(words), 1)


# Equal re-expressions: a view of these must pass.


def commas_out(text: str, others: Sequence[str], rng: random.Random) -> str | None:
    changed = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    return changed if changed != text else None


def digits_to_words(text: str, others: Sequence[str], rng: random.Random) -> str | None:
    pattern = re.compile(r"(?<![\w,.$£€/:-])([2-9]|1[0-2])(?=\s[a-z]{4,})(?!\s(?:percent|million|billion))")
    changed = pattern.sub(lambda m: _WORDS[int(m[1]) - 2], text)
    return changed if changed != text else None


def words_to_digits(text: str, others: Sequence[str], rng: random.Random) -> str | None:
    changed = _WORD_NUMBER.sub(lambda m: str(_WORDS.index(m[1]) + 2), text)
    return changed if changed != text else None


def date_rewritten(text: str, others: Sequence[str], rng: random.Random) -> str | None:
    form = rng.choice(("{d} {m} {y}", "{m} {d}, {y}", "the {d}th of {m} {y}", "{y}-{n:02}-{d:02}", "{s} {d}, {y}"))

    def again(match: re.Match[str]) -> str:
        month, day, year = (match[1], match[2], match[3]) if match[1] else (match[5], match[4], match[6])
        return form.format(d=int(day), m=month, y=year, n=MONTHS.index(month) + 1, s=month[:3])

    changed = _DATE.sub(again, text)
    return changed if changed != text else None


_CONVERSIONS = {
    **dict.fromkeys(("km", "kilometres", "kilometers"), (0.621371, "miles")),
    **dict.fromkeys(("miles", "mi"), (1.609344, "km")),
    **dict.fromkeys(("metres", "meters", "m"), (3.28084, "feet")),
    **dict.fromkeys(("feet", "ft"), (0.3048, "m")),
    "kg": (2.204623, "lb"),
    "pounds": (0.4535924, "kg"),
}


def unit_converted(text: str, others: Sequence[str], rng: random.Random) -> str | None:
    found = [m for m in _KM.finditer(text) if m[2] in _CONVERSIONS and "£" not in text]
    if not found:
        return None
    match = rng.choice(found)
    factor, unit = _CONVERSIONS[match[2]]
    value = float(match[1].replace(",", "")) * factor
    return _swap(text, match, f"{value:,.{rng.choice((1, 2))}f} {unit}")


def percent_written(text: str, others: Sequence[str], rng: random.Random) -> str | None:
    changed = _PERCENT.sub(lambda m: f"{m[1]} percent" if m[2] == "%" else f"{m[1]}%", text)
    return changed if changed != text else None


def name_shortened(text: str, others: Sequence[str], rng: random.Random) -> str | None:
    """The second mention of `First Last` becomes `Last`."""
    for match in re.finditer(r"\b([A-Z][a-z]+) ([A-Z][a-z]{3,})\b", text):
        second = text.find(match[0], match.end())
        if second > 0:
            return text[:second] + match[2] + text[second + len(match[0]) :]
    return None


def contracted(text: str, others: Sequence[str], rng: random.Random) -> str | None:
    changed = re.sub(r"\b(was|were|is|are|had|has|could|would|did|do|does) not\b", r"\1n’t", text)
    return changed if changed != text else None


def typographic(text: str, others: Sequence[str], rng: random.Random) -> str | None:
    changed = re.sub(r'"([^"\n]+)"', r"“\1”", text).replace("'", "’").replace(" - ", " — ")
    changed = re.sub(r"(?<=\d)-(?=\d)", "–", changed).replace(" of ", "\u00a0of ")
    return changed if changed != text else None


def sentences_permuted(text: str, others: Sequence[str], rng: random.Random) -> str | None:
    sentences = re.split(r"(?<=[a-z][.!?]) (?=[A-Z])", text)
    if len(sentences) < 2:
        return None
    return " ".join(sentences[1:] + sentences[:1])


PLANTS = [
    Plant("number off by one", frozenset({"number", "quantity", "date"}), number_off),
    Plant("number in words, another", frozenset({"number", "quantity"}), word_number_off),
    Plant("year off by one", frozenset({"date", "number"}), year_off),
    Plant("day off", frozenset({"date"}), day_off),
    Plant("month, another", frozenset({"date"}), month_swapped),
    Plant("quantity off by one", frozenset({"quantity", "number"}), quantity_off),
    Plant("unit, another", frozenset({"quantity"}), unit_swapped),
    Plant("name from elsewhere", frozenset({"name"}), name_swapped),
    Plant("two names exchanged", frozenset({"name"}), names_exchanged),
    Plant("negation added", frozenset({"negation"}), negation_added),
    Plant("negation removed", frozenset({"negation"}), negation_removed),
    Plant("word in a quotation", frozenset({"quote"}), quote_changed),
]
EQUALS = [
    Plant("1,200 as 1200", frozenset(), commas_out),
    Plant("digits as words", frozenset(), digits_to_words),
    Plant("words as digits", frozenset(), words_to_digits),
    Plant("date in another form", frozenset(), date_rewritten),
    Plant("unit converted", frozenset(), unit_converted),
    Plant("% as percent", frozenset(), percent_written),
    Plant("later name shortened", frozenset(), name_shortened),
    Plant("not as n’t", frozenset(), contracted),
    Plant("quotes, dashes, spaces", frozenset(), typographic),
    Plant("sentences permuted", frozenset(), sentences_permuted),
]
