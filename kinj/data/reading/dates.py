"""Dates, parts of dates, and times of day."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kinj.data.reading.lexicon import MONTHS, WEEKDAYS, listed, word_set
from kinj.data.reading.mentions import Mention
from kinj.data.reading.tokens import Token
from kinj.data.reading.units import unit_after


class When(NamedTuple):
    """A date or a part of one; what is not said is None. `span` is 10 for a decade and 100 for a century."""

    year: int | None = None
    month: int | None = None
    day: int | None = None
    span: int = 1
    weekday: str | None = None
    minute: int | None = None


Readings = tuple[When, ...]
"""What a date may mean: 3/4/1998 is in March or in April, 3:30 in the morning or in the afternoon."""

_DAYS = listed("""first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth
sixteenth seventeenth eighteenth nineteenth twentieth twenty-first twenty-second twenty-third twenty-fourth twenty-fifth
twenty-sixth twenty-seventh twenty-eighth twenty-ninth thirtieth thirty-first""")
_DAY = rf"(?:\d{{1,2}}(?:st|nd|rd|th)?|{'|'.join(sorted(_DAYS, key=len, reverse=True))})"
_AFTER_MONTH = re.compile(
    rf"\.?(?:(?:\s+|-)(?:the\s+)?(?P<day>{_DAY})(?![\w:]|,\d{{3}}))?(?:,?(?:\s+|-)(?:of\s+)?(?P<year>\d{{4}})(?!\w))?"
)
_BEFORE_NAME = re.compile(rf"(?<![\w.,:])(?P<day>{_DAY})(?:\s+|-)(?:day\s+)?(?:of\s+)?$")
_YEAR_AFTER = re.compile(r"\.?,?(?:\s+|-)(?:of\s+)?(?P<year>\d{4})(?!\w)")
_LONGEST_DAY = 24
_ISO = re.compile(r"(?<![\w-])(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?![\w-])")
_SLASHED = re.compile(r"(?<![\w/.])(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?![\w/]|\.\d)")
_ERA = re.compile(
    r"\b(?:(?P<ad>AD|A\.D\.)\s(?P<y1>\d{1,4})|(?P<y2>\d{1,5})(?:st|nd|rd|th)?(?P<c>[\s-]century)?\s?(?P<era>BCE|BC|CE|AD|B\.C\.E?\.?|A\.D\.|C\.E\.))(?!\w)"
)
_ORDINAL = {word: place for place, word in enumerate(_DAYS, 1)}
_NTH = rf"(?:\d{{1,2}}(?:st|nd|rd|th)|{'|'.join(_DAYS[:21])})"
_CENTURY = re.compile(
    rf"\b(?P<first>(?:\d{{1,2}}|{_NTH})(?=\s?-|\s(?:and|or|to)\s))?"
    rf"(?(first)(?:\s?-\s?|\s(?:and|or|to)\s)(?:the\s)?)(?P<last>{_NTH})[\s-]centur(?:y|ies)\b",
    re.I,
)
_DECADE = re.compile(r"(?<![\w.,])(?P<year>\d{3}0)'?s\b|(?<!\w)'(?P<short>[1-9]0)s\b")
_YEARS = re.compile(
    r"(?<![\w.,$£€¥#/-])(?P<year>1\d{3}|20\d{2})(?:(?P<to>[-/])(?P<second>\d{4}|\d{2}))?"
    r"(?![\w%°/]|[,.]\d|-\d|\s(?:people|million|thousand|billion)\b)"
)
_TIME = re.compile(
    r"(?<![\w:.])(?P<hour>[01]?\d|2[0-3])(?:[:.](?P<minute>[0-5]\d)(?::\d{2})?)?\s?(?P<half>[ap])\.?m\b\.?"
    r"|(?<![\w:.])(?P<h>[01]?\d|2[0-3]):(?P<m>[0-5]\d)(?![\d:])",
    re.I,
)
_BEFORE_MONTH = word_set(
    "in of by since until till from to last next early late mid during every each this that through between and that"
)


_DIGIT, _SEPARATED = re.compile(r"\d"), re.compile(r"\d[-/.]\d")
_CLOCK = re.compile(r"\d(?::\d|\s?[apAP]\.?[mM])")
_WEEKDAYS = frozenset(form for day in WEEKDAYS for form in (day, f"{day}s"))
_ERAS = ("BC", "AD", "CE", "B.C", "A.D", "C.E")


def dates(text: str, words: Sequence[Token]) -> list[Mention[Readings]]:
    """Dates in order of place; where two patterns match, the first listed here keeps the characters."""
    found: list[Mention[Readings]] = []
    taken: list[tuple[int, int]] = []
    for mention in _candidates(text, words):
        if not any(start < mention.end and mention.start < end for start, end in taken):
            found.append(mention)
            taken.append((mention.start, mention.end))
    return sorted(found)


def _candidates(text: str, words: Sequence[Token]) -> Iterator[Mention[Readings]]:
    """Every pattern's matches. A cheap look first: most texts hold few kinds of dates."""
    vocabulary = {word.folded for word in words}
    if not vocabulary.isdisjoint(MONTHS):
        yield from _named(text, words)
    if _DIGIT.search(text):
        if _SEPARATED.search(text):
            yield from _numeric(text)
        if any(era in text for era in _ERAS):
            yield from _with_era(text)
    if "entur" in text:
        for match in _CENTURY.finditer(text):
            for number in filter(None, (match["first"], match["last"])):
                yield _mention(match, When((_ordinal(number) - 1) * 100, span=100))
    if _DIGIT.search(text):
        if _CLOCK.search(text):
            yield from _times(text)
        yield from _years(text)
    for word in words if not vocabulary.isdisjoint(_WEEKDAYS) else ():
        if word.folded in _WEEKDAYS:
            yield Mention("date", word.start, word.end, (When(weekday=word.folded.removesuffix("s")),))


def _mention(match: re.Match[str], *readings: When) -> Mention[Readings]:
    return Mention("date", match.start(), match.end(), readings)


def _ordinal(word: str) -> int:
    return _ORDINAL.get(word.lower()) or int(re.sub(r"\D", "", word) or 0)


def _named(text: str, words: Sequence[Token]) -> Iterator[Mention[Readings]]:
    """Dates with the name of a month. A month alone may be another word (`May`, `March`) or part of a name."""
    for place, word in enumerate(words):
        month = MONTHS.get(word.folded)
        if month is None or not word.text[0].isupper():
            continue
        before = _BEFORE_NAME.search(text, max(0, word.start - _LONGEST_DAY), word.start)
        after = (_YEAR_AFTER if before else _AFTER_MONTH).match(text, word.end)
        written = before["day"] if before else after["day"] if after else None
        day = _ordinal(written) if written else None
        day = day if day is not None and 1 <= day <= 31 else None
        year = int(after["year"]) if after and after["year"] else None
        alone = day is None and year is None
        if alone and len(word.text) < 4 and word.text != "May":
            continue
        weak = alone and ((words[place - 1].folded if place else "") not in _BEFORE_MONTH or _in_name(words, place))
        start = before.start() if before else word.start
        yield Mention("date", start, after.end() if after and not alone else word.end, (When(year, month, day),), weak)


def _in_name(words: Sequence[Token], place: int) -> bool:
    following = words[place + 1] if place + 1 < len(words) else None
    return following is not None and following.joined and following.text[0].isupper()


def _numeric(text: str) -> Iterator[Mention[Readings]]:
    for match in _ISO.finditer(text):
        yield from _valid(match, (int(match[1]), int(match[3]), int(match[4])))
    for match in _SLASHED.finditer(text):
        a, b, year = int(match[1]), int(match[3]), _full_year(match[4])
        yield from _valid(match, (year, a, b), (year, b, a))


def _with_era(text: str) -> Iterator[Mention[Readings]]:
    for match in _ERA.finditer(text):
        year = int(match["y1"] or match["y2"])
        before = (match["era"] or "").startswith("B")
        if match["c"] and before:
            yield _mention(match, When(-year * 100, span=100))
        elif not match["c"]:
            yield _mention(match, When(-year if before else year))


def _times(text: str) -> Iterator[Mention[Readings]]:
    for match in _TIME.finditer(text):
        if match["half"]:
            hour = int(match["hour"]) % 12 + (12 if match["half"].lower() == "p" else 0)
            yield _mention(match, When(minute=hour * 60 + int(match["minute"] or 0)))
        else:
            minute = int(match["h"]) * 60 + int(match["m"])
            later = [When(minute=minute + 720)] if int(match["h"]) < 12 else []
            yield _mention(match, When(minute=minute), *later)


def _full_year(written: str) -> int:
    year = int(written)
    return year if len(written) == 4 else year + (1900 if year > 30 else 2000)


def _valid(match: re.Match[str], *found: tuple[int, int, int]) -> Iterator[Mention[Readings]]:
    readings = {When(year, month, day) for year, month, day in found if 1 <= month <= 12 and 1 <= day <= 31}
    if readings:
        yield _mention(match, *sorted(readings))


def _years(text: str) -> Iterator[Mention[Readings]]:
    for match in _DECADE.finditer(text):
        yield _mention(match, When(int(match["year"] or f"19{match['short']}"), span=10))
    for match in _YEARS.finditer(text):
        year = int(match["year"])
        if unit_after(text, match.end("year")):
            continue
        if second := match["second"]:
            later = int(second) if len(second) == 4 else year // 100 * 100 + int(second)
            if later >= year:
                yield Mention("date", match.start(), match.end("year"), (When(year),))
                yield Mention("date", match.start("second"), match.end(), (When(later),))
                continue
        yield Mention("date", match.start(), match.end("year"), (When(year),))


def covers(one: When, other: When) -> bool:
    """Whether everything that `other` says is said by `one`, or follows from it (1995 is in the 1990s)."""
    if other.year is not None and (
        one.year is None or one.span > other.span or one.year // other.span * other.span != other.year
    ):
        return False
    return all(
        b is None or a == b
        for a, b in (
            (one.month, other.month),
            (one.day, other.day),
            (one.weekday, other.weekday),
            (one.minute, other.minute),
        )
    )


def agrees(one: When, other: When) -> bool:
    """Whether both can be parts of one date."""
    if one.year is not None and other.year is not None:
        span = max(one.span, other.span)
        if one.year // span != other.year // span:
            return False
    return all(a is None or b is None or a == b for a, b in zip(one[1:3], other[1:3], strict=True))


def parts(when: When) -> list[When]:
    """A date cut into the things it says."""
    year = [When(year=when.year, span=when.span)] if when.year is not None else []
    rest = [
        When(**{key: value})
        for key in ("month", "day", "weekday", "minute")
        if (value := getattr(when, key)) is not None
    ]
    return year + rest


def said(when: When, others: Sequence[When]) -> bool:
    """Whether a date follows from `others`: from one of them, or from several that agree with it together."""
    if any(covers(other, when) for other in others):
        return True
    near = [other for other in others if agrees(other, when)]
    return bool(near) and all(any(covers(other, part) for other in near) for part in parts(when))
