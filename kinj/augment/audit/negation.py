"""Negations, each with the words it stands among."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from kinj.data.reading.lexicon import FUNCTION_WORDS, is_common, stem, word_set
from kinj.data.reading.mentions import Mention
from kinj.data.reading.tokens import Token

_CUES = word_set("not cannot never no none nobody nothing nowhere neither nor without unable impossible")
_IMPLICIT = word_set("""
    lack lacking lacked lacks fail failed fails failing failure deny denied denies denying refuse refused refuses
    refusing refusal prevent prevented prevents preventing prohibit prohibited prohibits forbid forbidden forbade
    ban banned only except exclude excluded excludes excluding avoid avoided avoids absent absence few little hardly
    barely scarcely rarely seldom unlike rather instead false incorrect wrong unless until stop stopped cease ceased
    oppose opposed reject rejected decline declined contrary missing zero free inability incapable limited outlaw
    outlawed disallow disallowed illegal unlikely insufficient abandon abandoned despite although however less least
    but restricted restrict inadequate loss lost minimal eliminate eliminated end ended untrue instead invalid
    difficult hard too exempt other alone sole solely purely regardless independent independently instead
    unsuccessful unsuccessfully doubt
    """)
"""Words that can say in a paraphrase what a negation says. They answer one, but are never an offence themselves."""

_OPPOSITES = word_set("""
    improbable illegal irregular irrelevant incorrect incomplete indirect inactive inaccurate insufficient inability
    invalid invisible inappropriate ineffective informal inconsistent incapable disagree disagreed dislike
    disapprove dishonest disable disabled dissatisfied disloyal disobey disprove disproved immature immoral
    impatient imperfect impolite impure illogical illegitimate illiterate irrational irresponsible irreversible
    nonviolent nonexistent inorganic infinite inseparable inedible inexpensive infrequent insecure intolerant
    involuntary disallow disallowed disconnected discontinue discontinued disprove disproven disrespect immobile
    immortal insoluble insignificant
    """)
_MAY_NEGATE = _CUES | _IMPLICIT | {"non"}
_NOT_UN = ("unit", "uni", "under", "until", "unless", "unto", "uncle")
AFFIRMED = {"not": "", "never": "", "no": "", "cannot": "can", "can't": "can", "won't": "will", "shan't": "shall"} | {
    f"{word}n't": word
    for word in word_set("is are was were do does did has have had would could should must need might ought")
}
"""What is left of a word without the negation in it."""
_AFTER_NO = word_set("doubt matter wonder")
_ONLY = word_set("only just merely simply solely alone to until necessarily")
_WINDOW_BEFORE, _WINDOW_AFTER = 3, 4


class Negation(NamedTuple):
    """A cue with the stems of the content words around it and after it; `focus` is the one it bears on, the first after it."""

    cue: str
    focus: str
    window: frozenset[str]
    after: frozenset[str]
    implicit: bool


def negations(text: str, words: Sequence[Token]) -> Iterator[Mention[Negation]]:
    """Cues in order of place; implicit ones are weak."""
    for place, word in enumerate(words):
        if word.folded not in _MAY_NEGATE and not word.folded.endswith("n't"):
            continue
        cue = _cue(text, words, place)
        if cue is not None:
            value = _around(words, place, cue, implicit=cue in _IMPLICIT)
            yield Mention("negation", word.start, _end_of_focus(words, place), value, value.implicit)


def _cue(text: str, words: Sequence[Token], place: int) -> str | None:
    small = words[place].folded
    if small in _CUES:
        following = words[place + 1] if place + 1 < len(words) else None
        if following and (small, following.folded in _AFTER_NO) == ("no", True):
            return None
        if small == "not" and (
            (following and following.folded in _ONLY) or (place and words[place - 1].folded == "or")
        ):
            return None
        if small == "no" and text[words[place].end : words[place].end + 3].lstrip(". ")[:1].isdigit():
            return None  # number 5
        return small
    if small.endswith("n't"):
        following_word = words[place + 1].folded if place + 1 < len(words) else ""
        return None if following_word in _ONLY else "not"
    if small == "non" and place + 1 < len(words) and text[words[place].end] == "-":
        return "non"
    return small if small in _IMPLICIT else None


def _around(words: Sequence[Token], place: int, cue: str, *, implicit: bool) -> Negation:
    left = [stem(w.folded) for w in words[max(0, place - 10) : place] if is_content(w.folded)][-_WINDOW_BEFORE:]
    right = [stem(w.folded) for w in words[place + 1 : place + 12] if is_content(w.folded)][:_WINDOW_AFTER]
    focus = right[0] if right else left[-1] if left else ""
    return Negation(cue, focus, frozenset(left + right), frozenset(right or left), implicit)


def _end_of_focus(words: Sequence[Token], place: int) -> int:
    """Where the first content word after the cue ends."""
    return next((w.end for w in words[place + 1 : place + 5] if is_content(w.folded)), words[place].end)


def is_content(word: str) -> bool:
    """Whether a word says something by itself: no function word, no negation, and longer than two letters."""
    return (
        len(word) > 2
        and not word[0].isdigit()
        and word not in FUNCTION_WORDS
        and word not in _CUES
        and not word.endswith("n't")
    )


def opposite_of(word: str) -> str | None:
    """What a word with a negative prefix negates: `unofficial` gives `official`, `uniform` nothing."""
    if word in _OPPOSITES:
        for prefix in ("non", "dis", "in", "im", "il", "ir", "un"):
            if word.startswith(prefix):
                return word[len(prefix) :]
    if word.startswith("un") and len(word) > 5 and not word.startswith(_NOT_UN) and is_common(word[2:]):
        return word[2:]
    return None


def answered(cue: Negation, others: Collection[Negation]) -> bool:
    """Whether one of the other text's negations is about the same: the same focus, or two words in common."""
    return any(
        (cue.focus and (cue.focus in other.after or other.focus in cue.after))
        or len(cue.window & other.window) >= 2
        or not (cue.window or other.window)
        for other in others
    )
