"""Values that changed places: a sentence that stands in both texts but for what is filled in.

`Ada has 3 cats and 5 dogs` and `Ada has 5 cats and 3 dogs` hold the same numbers, so comparing the texts' numbers finds
nothing. A sentence's frame is its words with a mark in place of every mention; where frames are equal, the mentions must be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kinj.augment.audit.content import Content
from kinj.augment.audit.sentence import Sentence
from kinj.data.reading.amounts import same_amount
from kinj.data.reading.dates import said
from kinj.data.reading.lexicon import FUNCTION_WORDS, TITLES
from kinj.data.reading.mentions import Mention
from kinj.data.reading.names import Name, initials, related, roman
from kinj.data.reading.numerals import numeral

Frame = tuple[str, ...]
_FEWEST_WORDS = 2
"""Words besides its mentions that a sentence needs before it is compared as a frame."""
_NEAR, _NEAR_WORDS = 0.75, 6
"""Share of words (common of all) and words in common from which on two frames are nearly the same."""
_LOOKED_UP = 3
_BETWEEN_EQUALS = frozenset({"and", "or"})


def exchanged(original: Content, view: Content) -> Iterator[tuple[str, str, str]]:
    """Kind, original's text and view's text of each difference in otherwise equal sentences: mentions and negations."""
    for here in view.without(original):
        known = original.framed.get(here.frame) or _nearest(here, original)
        if not known or len(here.frame) - len(here.filled) < _FEWEST_WORDS:
            continue
        if all(_negations(there, here) != _negations(here, there) for there in known):
            yield "negation", known[0].text, here.text
        there = min(known, key=lambda there: len(_changed(there, here, original)))
        for a, b in _changed(there, here, original):
            yield b.kind, there.text[a.start : a.end], here.text[b.start : b.end]


def _nearest(here: Sentence, original: Content) -> list[Sentence]:
    """The sentence of the original with nearly the same frame, if there is one."""
    words = here.frame_words
    best, found = _NEAR, []
    # Sentences that share three quarters of their words share one of the longest.
    longest = sorted(words, key=lambda word: (-len(word), word))[:_LOOKED_UP]
    for there in dict.fromkeys(part for word in longest for part in original.by_word.get(word, [])):
        theirs = there.frame_words
        if min(len(words), len(theirs)) < best * max(len(words), len(theirs)):
            continue
        common = len(words & theirs)
        if common >= _NEAR_WORDS and (share := common / (len(words) + len(theirs) - common)) >= best:
            best, found = share, [there]
    return found


def _negations(one: Sentence, other: Sentence) -> object:
    """Where negations stand; how many there are, if the sentences differ in other words too."""
    return one.negated if one.frame == other.frame else len(one.negated)


def _changed(there: Sentence, here: Sentence, original: Content) -> list[tuple[Mention[Any], Mention[Any]]]:
    """Mentions that differ. A subject may be called by another name."""
    if there.marks != here.marks:
        return []
    changed = _differences(here.frame, there.filled, here.filled, original)
    if (
        len(changed) == 1
        and changed[0][1] is here.filled[0]
        and here.filled[0].kind == "name"
        and _is_subject(here.frame)
    ):
        return []
    places_exchanged = all(_holds(there.filled, b) for _, b in changed)
    return changed if places_exchanged or not _said_elsewhere(here, there, original) else []


def _said_elsewhere(here: Sentence, there: Sentence, original: Content) -> bool:
    """Whether another sentence of the original holds all that this one mentions: then it says that one again."""
    others = (part.filled for part in original.sentences if part is not there)
    return any(_all_in(here.filled, filled, original) for filled in others)


def _all_in(wanted: Sequence[Mention[Any]], filled: Sequence[Mention[Any]], original: Content) -> bool:
    """Whether each mention finds one of its own among others."""
    if len(filled) < len(wanted):
        return False
    left = list(filled)
    for mention in wanted:
        found = next((other for other in left if _same(other, mention, original)), None)
        if found is None:
            return False
        left.remove(found)
    return True


def _differences(
    frame: Frame, known: Sequence[Mention[Any]], found: Sequence[Mention[Any]], original: Content
) -> list[tuple[Mention[Any], Mention[Any]]]:
    """Pairs that differ; members of a list (`A, B and C`) may stand in any order."""
    return [
        (a, b)
        for group in _groups(frame)
        for a, b in zip(known[group], found[group], strict=True)
        if not _same(a, b, original) and not (_holds(known[group], b) and _holds(found[group], a))
    ]


def _holds(mentions: Sequence[Mention[Any]], wanted: Mention[Any]) -> bool:
    return any(_plain(mention) == _plain(wanted) for mention in mentions)


def _plain(mention: Mention[Any]) -> object:
    return mention.value.words if mention.kind == "name" else mention.value


def _is_subject(frame: Frame) -> bool:
    """Whether nothing but an article stands before the first mention: it may be called by another name (`the Commission`)."""
    return frame[0].startswith("<") or (frame[0] in FUNCTION_WORDS and frame[1].startswith("<"))


def _groups(frame: Frame) -> list[slice]:
    """Runs of mentions with nothing but `and` and `or` between them."""
    groups: list[slice] = []
    count, joined = 0, False
    for word in frame:
        if word.startswith("<"):
            start = groups.pop().start if joined and groups else count
            count += 1
            groups.append(slice(start, count))
            joined = True
        elif word not in _BETWEEN_EQUALS:
            joined = False
    return groups


def _same(a: Mention[Any], b: Mention[Any], original: Content) -> bool:
    if a.kind == "date" and b.kind == "date":
        return any(said(when, a.value) for when in b.value) or any(said(when, b.value) for when in a.value)
    if a.kind == "name" and b.kind == "name":
        return _same_name(a.value, b.value, original)
    if {a.kind, b.kind} <= {"number", "quantity"}:
        return same_amount(a.value, b.value)
    return False


def _same_name(a: Name, b: Name, original: Content) -> bool:
    """Whether one name is a part of the other or its initials, or both are parts of one longer name in the original."""
    if a.words == b.words:
        return True
    short, long = sorted((set(a.words) - TITLES, set(b.words) - TITLES), key=len)
    if all(any(one == other or related(one, other) or _same_number(one, other) for other in long) for one in short):
        return True
    if (initials(a.words),) == b.words or (initials(b.words),) == a.words:
        return True
    return any(short | long <= set(mention.value.words) for part in original.sentences for mention in part.names)


def _same_number(one: str, other: str) -> bool:
    """`II` and `two`."""
    value = roman(one) or numeral(one)
    return value is not None and value == (roman(other) or numeral(other))
