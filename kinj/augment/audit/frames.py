"""Values that changed places: a sentence that stands in both texts but for what is filled in.

`Ada has 3 cats and 5 dogs` and `Ada has 5 cats and 3 dogs` hold the same numbers, so comparing the texts' numbers finds
nothing. A sentence's frame is its words with a mark in place of every mention; where frames are equal, the mentions must be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kinj.augment.audit.amounts import same_amount
from kinj.augment.audit.content import Content, Frame
from kinj.augment.audit.dates import said
from kinj.augment.audit.lexicon import FUNCTION_WORDS
from kinj.augment.audit.mentions import Mention
from kinj.augment.audit.names import Name, initials, related

_BETWEEN_EQUALS = frozenset({"and", "or"})


def exchanged(original: Content, view: Content) -> Iterator[tuple[str, str, str]]:
    """Kind, original's text and view's text of each mention that differs in an otherwise equal sentence."""
    theirs = original.frames
    for frame, filled in view.frames.items():
        if frame not in theirs:
            continue
        for mentions in filled:
            candidates = [_differences(frame, known, mentions, original) for known in theirs[frame]]
            changed = min(candidates, key=len)
            renamed = len(changed) == 1 and changed[0][1] is mentions[0] and _is_subject(frame)
            for known, found in changed if not renamed else ():
                yield found.kind, _written(original, known), _written(view, found)


def _differences(
    frame: Frame, known: Sequence[Mention[Any]], found: Sequence[Mention[Any]], original: Content
) -> list[tuple[Mention[Any], Mention[Any]]]:
    """Pairs that differ; members of a list (`A, B and C`) may stand in any order."""
    return [
        (a, b)
        for group in _groups(frame)
        for a, b in zip(known[group], found[group], strict=True)
        if not any(_same(other, b, original) for other in known[group])
        or not any(_same(a, other, original) for other in found[group])
    ]


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
    """Whether two names share a word, one is the other's initials, or both are parts of one longer name in the original."""
    if any(one == other or related(one, other) for one in a.words for other in b.words):
        return True
    if (initials(a.words),) == b.words or (initials(b.words),) == a.words:
        return True
    both = {*a.words, *b.words}
    return any(both <= set(mention.value.words) for mention in original.names)


def _written(content: Content, mention: Mention[Any]) -> str:
    return " ".join(content.text[mention.start : mention.end].split())
