"""A sentence in another order, by rules. Values are never cut: the rules see each as one character.

Every rule gives a grammatical sentence that says the same. Which of them may be used for a blank is decided by looking into
the texts the model was trained on (`kinj.eval.cloze.blanks`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kinj.data.reading.lexicon import FUNCTION_WORDS
from kinj.eval.cloze.values import Value

FRAME = "What is known of {cue}: "
"""Names what the sentence is about before a value is asked for: a model that reads from left to right knows nothing else then."""

ALONE = "What is known: {value}."
"""A value without its sentence."""

ASIDE = ", as is recorded, "

MASKS = "\ue000-\uf8ff"
"""Characters of Unicode's private use area, which stand for values while the rules are at work."""
_ANY = f"[{MASKS}]"
_FIRST = ord(MASKS[0])
_TIME_AND_PLACE = "in|on|at|since|during|until|after|before|from|for|near|under"
_MOVED = rf"(?:{_TIME_AND_PLACE})"
"""Those whose phrase may stand before the sentence; `directed by A` may not be torn apart."""
_PREPOSITION = rf"(?:{_TIME_AND_PLACE}|by|with|to|as|into|through|against|within|alongside)"
_SEVERAL = re.compile(r"[,;:()\"]|\b(?:and|or|but|nor|not|than|then)\b")
"""What a noun with all that belongs to it does not hold."""
_CLAUSE = re.compile(rf"{_SEVERAL.pattern}|\b(?:that|which|who|whom|whose|when|where|while|as|if|because|to)\b")
"""What a sentence of one clause does not hold."""


class Wording(NamedTuple):
    """A sentence in other words: the `rule` that made it, what `cue` names before it, and what stands around the blank."""

    rule: str
    cue: str
    opening: str
    after: str

    @property
    def before(self) -> str:
        """Everything before the blank."""
        return FRAME.format(cue=self.cue) + self.opening if self.cue else self.opening

    @property
    def ends(self) -> bool:
        """Whether nothing but a full stop follows the blank."""
        return self.after in (".", "!")

    def filled(self, value: str) -> str:
        """With a value in place of the blank."""
        return f"{self.before}{value}{self.after}"

    def sentence(self, value: str) -> str:
        """The same without what is named before it."""
        return f"{self.opening}{value}{self.after}"


def wordings(text: str, found: Sequence[Value], blank: Value, cue: Value) -> Iterator[Wording]:
    """The sentence as each rule that applies to it words it, the best rule first.

    Args:
        text: the sentence.
        found: its values.
        blank: the one to ask for.
        cue: the one that is named beforehand.
    """
    masked, last = "", 0
    for number, value in enumerate(found):
        masked += text[last : value.start] + chr(_FIRST + number)
        last = value.end
    masked += text[last:]
    mark = chr(_FIRST + found.index(blank))
    for rule, order in (("turned", _turned), ("moved back", _back), ("moved front", _front), ("parted", _parted)):
        for worded in order(masked, mark):
            before, _, after = worded.partition(mark)
            yield Wording(rule, cue.text, _unmasked(before, found), _unmasked(after, found))


def _unmasked(masked: str, found: Sequence[Value]) -> str:
    return re.sub(_ANY, lambda match: found[ord(match[0]) - _FIRST].text, masked)


def _turned(text: str, _: str) -> Iterator[str]:
    """`A is the B.` becomes `The B is A.`, and `The B is A.` becomes `A is the B.`; the same with `a B`."""
    noun = rf"{_ANY}|(?:the|an?|{_ANY}'s) [^,]+?"
    match = re.fullmatch(rf"(?P<a>{noun}) (?P<verb>is|was|are|were) (?P<b>{noun})(?P<end>[.!])", text, re.IGNORECASE)
    if match and not any(_SEVERAL.search(match[part]) for part in "ab") and len(match["a"]) != len(match["b"]):
        yield f"{_upper(match['b'])} {match['verb']} {_lower(match['a'])}{match['end']}"


def _back(text: str, _: str) -> Iterator[str]:
    """`In A, B did C.` becomes `B did C in A.`"""
    phrase = rf"{_MOVED} (?:the |an? )?(?:\w+ )?{_ANY}"
    match = re.fullmatch(rf"(?P<phrase>{phrase}), (?P<rest>.+)(?P<end>[.!])", text, re.IGNORECASE)
    if match and not _CLAUSE.search(match["rest"]):
        yield f"{_upper(match['rest'])} {_lower(match['phrase'])}{match['end']}"


def _front(text: str, mark: str) -> Iterator[str]:
    """`B did C in A.` becomes `In A, B did C.`; first the phrase with the blank, then the others, from the last on."""
    if _CLAUSE.search(text) or re.match(rf"{_PREPOSITION}\b", text, re.IGNORECASE):
        return
    pattern = re.compile(rf" (?P<phrase>{_MOVED} (?:the |an? )?(?:\w+ )?{_ANY})(?=[.!]$| {_PREPOSITION} )")
    for match in sorted(pattern.finditer(text), key=lambda match: (mark not in match[0], -match.start())):
        yield f"{_upper(match['phrase'])}, {_lower(text[: match.start()])}{text[match.end() :]}"


def _parted(text: str, mark: str) -> Iterator[str]:
    """`B did C in A.` becomes `B did C, as is recorded, in A.`: what stood before the value no longer does."""
    value = rf"(?:the |an? )?(?:\w+ )?{mark}[.!]$"
    match = re.search(rf" (?={_PREPOSITION} {value})", text) or re.search(rf"\b(?:is|are|was|were) (?={value})", text)
    if match:
        yield f"{text[: match.end()].rstrip()}{ASIDE}{text[match.end() :]}"


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]


def _lower(text: str) -> str:
    """With a small first letter if a small word stands there; what else has a capital may be a name."""
    opening = re.match(r"\w+", text)
    return text[0].lower() + text[1:] if opening and opening[0].lower() in FUNCTION_WORDS else text
