"""Parts of a text that carry its facts and are kept in one piece: values, names, numbers with their units, dates, quotations."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kinj.augment.drafts import Span
from kinj.augment.names import name_runs
from kinj.data.records import Document

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|"
    r"Nov(?:ember)?|Dec(?:ember)?)\.?"
)
NUMBER_WORD = (
    r"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|one|two|three|four|five|six|seven|eight|nine|ten|"
    r"eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty(?:-\w+)?|half|twice|"
    r"hundreds?|thousands?|millions?|billions?|dozens?)"
)
_DATE = rf"\b(?:\d{{1,2}}(?:st|nd|rd|th)? )?(?-i:{_MONTH})(?: \d{{1,2}}(?:st|nd|rd|th)?)?(?:,? \d{{3,4}})?\b"
_DIGITS = r"[$€£¥₹]?[\d½¼¾⅓⅔][\d½¼¾⅓⅔.,:/–-]*(?<![.,:/–-])(?:(?:st|nd|rd|th)\b)?"
_UNIT = r"(?:[%°]|(?: (?:hundred|thousand|million|billion|trillion))?(?: ?[a-zµ]\w*)?)"
_NUMBER = re.compile(rf"{_DATE}|{_DIGITS}{_UNIT}|\b{NUMBER_WORD}\b(?:[ -]\w+)?", re.IGNORECASE)
_NEGATION = re.compile(
    r"\b(?:not|no|never|without|cannot|\w+n['’]t|neither|nor|none|nobody|nothing)\b(?: \w+)?", re.IGNORECASE
)
_QUOTED = re.compile(r"\"[^\"\n]{1,200}\"|“[^”\n]{1,200}”|«[^»\n]{1,200}»|「[^」\n]{1,200}」|\([^()\n]{1,200}\)")


def entities(document: Document) -> list[Span]:
    """The entities of a document in order, apart from each other."""
    text = document.text
    known = {fact.subject for fact in document.facts} | {document.title or ""}
    found = [(fact.start, fact.end) for fact in document.facts]
    found += [match.span() for name in known if name.strip() for match in re.finditer(re.escape(name), text)]
    found += [match.span() for pattern in (_NUMBER, _QUOTED) for match in pattern.finditer(text)]
    return merged([*found, *name_runs(text)])


def negations(text: str) -> list[Span]:
    """Words that negate, each with the word after it."""
    return [match.span() for match in _NEGATION.finditer(text)]


def merged(spans: Iterable[Span]) -> list[Span]:
    """The spans in order; those that share a character become one, and empty ones are left out."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        elif start < end:
            joined.append((start, end))
    return joined
