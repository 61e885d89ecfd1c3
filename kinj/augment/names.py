"""Names in a text, found by their capital letters, and which of them may be people.

For methods that move and rewrite sentences. The audit reads names by rules of its own (`kinj.data.reading.names`), so that it
does not share the mistakes of what it checks.
"""

from __future__ import annotations

import regex  # `re` has no class of capital letters beyond ASCII

_INITIALS = r"\b\p{Lu}\.(?= \p{Lu})|\b(?:\p{Lu}\.){2,}(?= \p{Lu}\p{Ll})"
_WORD = rf"(?:{_INITIALS}|\b(?:Dr|Mrs?|Ms|St|Jr|Sr)\.|\b\p{{Lu}}(?:[\w&]|(?!['’]s\b)['’.\-–](?=\w))*)"
_PARTICLE = r"(?:al|bin|da|de|del|della|den|der|di|dos|du|el|la|le|ter|van|von|y) "
_NAME = regex.compile(rf"{_WORD}(?: (?:{_PARTICLE}){{0,2}}{_WORD})*")
_FULL_NAME = regex.compile(rf"{_WORD}(?: (?:{_PARTICLE}){{0,2}}{_WORD}){{1,4}}")

_OPENERS = frozenset(
    regex.findall(
        r"\w+",
        "a about according across after afterwards again all along already also although always among an and another any are "
        "as asked at because before being besides between both but by can could currently despite did do does during each "
        "earlier early either even eventually every everybody everyone few finally first for formerly from given had has have "
        "he her here hers him his how however i if in initially inside instead into is it its just last later lately like "
        "little long many may meanwhile more moreover most much my neither never nevertheless next no nobody none nor not "
        "nothing now of off often on once one only or originally other others our out outside over people perhaps previously "
        "records recently several shall she should similarly since so some someone sometimes soon still such than that the "
        "their them then there these they this those though through throughout thus to today together too two three under "
        "unlike until up upon very was we were what when where whereas whether which while who whose why will with within "
        "without would yet you your",
    )
)
"""Words with a capital letter only because a sentence begins with them."""

_THINGS = frozenset(
    regex.findall(
        r"\w+",
        "january february march april may june july august september october november december monday tuesday wednesday "
        "thursday friday saturday sunday "
        "academy agency airport arena army association award awards band bank battle bay board bridge bureau castle cathedral "
        "center centre championship church circuit city club college commission committee company conference congress "
        "corporation council county court cup department district division election elections empire entertainment expo "
        "federation festival film films force forces forest foundation fund games government group guild hall high hospital "
        "hotel inc industries institute international island islands kingdom laboratories laboratory lake league library "
        "limited llc ltd magazine media medical ministry monastery motors mountain mountains movement museum national navy "
        "network news northern office olympics orchestra organization pact palace parliament party pictures port press prize "
        "productions program project railway region republic river road school science sea senate series service society "
        "southern states station stadium street studio studios summit systems technologies temple territory theater theatre "
        "times tournament town treaty tribune trust union united university village western eastern world",
    )
)
"""Words that make a name that of a time, a place, an organisation or an event."""

_ORIGIN = regex.compile(r"\p{Lu}\p{Ll}+(?:an|ish|ese|ic)|French|Dutch|Greek|Swiss")
_BEFORE_THINGS = regex.compile(r"\b(?:in|at|near|the|[Uu]niversity of|[Cc]ity of|[Tt]own of)\s+$", regex.IGNORECASE)


def name_runs(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Parts of a text that are written like names: words with a capital letter in a row, without articles and the like."""
    found = []
    for match in _NAME.finditer(text, start, len(text) if end is None else end):
        opening = match.start() + _length_of_openers(match.group())
        if opening < match.end():
            found.append((opening, match.end()))
    return found


def is_full_name(name: str) -> bool:
    """Whether a title or subject is written like a person's full name: two to five words, none that names a thing."""
    return bool(_FULL_NAME.fullmatch(name)) and not names_thing(name) and name.split()[0].lower() not in _OPENERS


def names_thing(name: str) -> bool:
    """Whether a word of the name says that it is a time, a place, an organisation or an event."""
    return any(word.strip(".,").lower() in _THINGS for word in name.split())


def possible_people(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Names in a sentence that may be a person's: all but those that are certainly something else."""
    return [
        (opening, ending)
        for opening, ending in name_runs(text, start, end)
        if not _is_thing(text[opening:ending]) and not _BEFORE_THINGS.search(text, max(start, opening - 20), opening)
    ]


def _is_thing(name: str) -> bool:
    return name.isupper() or names_thing(name) or bool(_ORIGIN.fullmatch(name))


def is_opener(word: str) -> bool:
    """Whether a word has its capital letter only because a sentence begins with it."""
    return word != "I" and word.lower() in _OPENERS


def _length_of_openers(name: str) -> int:
    """Characters of the words at the start of a name that have their capital letter from the sentence's start."""
    words = name.split(" ")
    count = next((n for n, word in enumerate(words) if word.lower() not in _OPENERS), len(words))
    return len(" ".join(words[:count])) + (0 < count < len(words))
