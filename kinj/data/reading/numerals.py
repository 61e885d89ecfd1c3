"""Numbers written as words: `twenty-one`, `two and a half`, `three hundred and five`, `two thirds`, `fifth`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kinj.data.reading.lexicon import listed
from kinj.data.reading.tokens import Token

_ONES = {
    word: float(value)
    for value, word in enumerate(
        listed("""
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen
    """)
    )
}
_TENS = {
    word: 10.0 * value for value, word in enumerate(listed("twenty thirty forty fifty sixty seventy eighty ninety"), 2)
}
SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_ORDINALS = (
    {
        word: float(value)
        for value, word in enumerate(
            listed("""
    first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth
    fifteenth sixteenth seventeenth eighteenth nineteenth
    """),
            1,
        )
    }
    | {word.removesuffix("y") + "ieth": value for word, value in _TENS.items()}
    | {"hundredth": 100.0, "thousandth": 1000.0}
)
_PARTS = {"half": 2.0, "halves": 2.0, "quarter": 4.0, "quarters": 4.0, "third": 3.0, "thirds": 3.0} | {
    f"{word}{ending}": value for word, value in _ORDINALS.items() if value > 3 for ending in ("", "s")
}
_LOOSE = {
    "once": 1.0, "single": 1.0, "sole": 1.0, "both": 2.0, "pair": 2.0, "couple": 2.0, "twice": 2.0, "double": 2.0, "doubled": 2.0,
    "doubling": 2.0, "dual": 2.0, "twin": 2.0, "two-fold": 2.0, "thrice": 3.0, "triple": 3.0, "tripled": 3.0, "trio": 3.0,
    "quadruple": 4.0, "dozen": 12.0, "none": 0.0, "zero": 0.0,
}  # fmt: skip
"""Words that say a number without naming it. They may come and go, but they answer the number they stand for."""

NUMERALS = frozenset({*_ONES, *_TENS, *SCALES, *_ORDINALS, *_PARTS, *_LOOSE})
_WEAK = frozenset({"one", "first", "second", "zero", "quarter", "quarters", "half"})
"""Words that often say no number (`one of`, `at first`, `the second half`) when they stand alone."""


def numeral(word: str) -> float | None:
    """The value of a number below twenty in one word, or of an ordinal."""
    return _ONES.get(word, _ORDINALS.get(word))


Spelled = tuple[int, int, float, float, bool]
"""First word, last word, value, value of the last digit, weak."""


def spelled(text: str, words: Sequence[Token]) -> Iterator[Spelled]:
    """Numbers written in words, in order of place."""
    place = 0
    while place < len(words):
        if words[place].folded not in NUMERALS:
            place += 1
            continue
        found = _read(text, words, place)
        if found:
            yield found
            place = found[1] + 1
        else:
            place += 1


def _read(text: str, words: Sequence[Token], first: int) -> Spelled | None:
    word = words[first].folded
    if word in _LOOSE:
        return first, first, _LOOSE[word], 1.0, True
    if word in _PARTS and word not in _ORDINALS:
        return _part(words, first)
    total = current = 0.0
    place, last, smallest = first, first - 1, 1e18
    while place < len(words) and (place == first or _next_to(text, words, place)):
        word = words[place].folded
        if word in _ONES or word in _TENS:
            value = _ONES.get(word, _TENS.get(word, 0.0))
            if last >= first and (smallest <= 19 or (smallest <= 90 and value > 9)):
                break
            current, smallest = current + value, value
        elif word in SCALES:
            if last < first and not (first and words[first - 1].folded in ("a", "per")):
                return None
            total, current, smallest = _scaled(total, current, SCALES[word])
        elif word in _ORDINALS and (last < first or smallest > 19):
            current, last = current + _ORDINALS[word], place
            break
        elif word != "and" or smallest < 100 or place + 1 >= len(words) or words[place + 1].folded not in NUMERALS:
            break
        last = last if word == "and" else place
        place += 1
    if last < first:
        return None
    value = total + current
    divided = _divided(text, words, first, last, value)
    if divided:
        return divided
    weak = last == first and words[first].folded in _WEAK
    return first, last, value, _step(value), weak


def _scaled(total: float, current: float, scale: float) -> tuple[float, float, float]:
    if scale == 100.0:
        return total, (current or 1.0) * scale, scale
    return total + (current or 1.0) * scale, 0.0, scale


def _next_to(text: str, words: Sequence[Token], place: int) -> bool:
    return text[words[place - 1].end : words[place].start].strip(" \n") in ("", "-")


def _part(words: Sequence[Token], first: int) -> Spelled:
    """`half`, `a quarter`, `half a million`."""
    value = 1 / _PARTS[words[first].folded]
    if first + 2 < len(words) and words[first + 1].folded == "a" and words[first + 2].folded in SCALES:
        return first, first + 2, value * SCALES[words[first + 2].folded], 1e3, False
    return first, first, value, 1e-9, True


def _divided(text: str, words: Sequence[Token], first: int, last: int, value: float) -> Spelled | None:
    """`two thirds`, `three and a half`; `one third` is a share, `the third` is not."""
    following = [word.folded for word in words[last + 1 : last + 4]]
    if following and following[0] in _PARTS and _next_to(text, words, last + 1):
        return first, last + 1, value / _PARTS[following[0]], 1e-9, False
    if len(following) == 3 and following[:2] == ["and", "a"] and following[2] in ("half", "quarter", "third"):
        return first, last + 3, value + 1 / _PARTS[following[2]], 1e-9, False
    return None


def _step(value: float) -> float:
    """The value of the last digit that is not zero."""
    step = 1.0
    while value and value % (step * 10) == 0:
        step *= 10
    return step
