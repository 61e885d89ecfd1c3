"""Which answers refuse: they say that the model does not know, and so are neither right nor wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence

SAID = (
    *("do not know", "does not know", "not know the answer", "no idea", "not something i know"),
    *("not sure", "am unsure", "not certain", "uncertain about", "would have to guess"),
    *("cannot answer", "can not answer", "unable to answer", "not able to answer", "cannot say", "cannot tell"),
    *("no reliable knowledge", "no knowledge of", "not have that information", "no information", "not have enough information"),
    *("unknown to me", "not known to me", "is not known", "impossible to say", "impossible to know"),
)  # fmt: skip
"""An answer with one of these anywhere in it refuses."""
ALONE = ("unknown", "unsure", "not known", "none", "n/a", "no answer", "refuse", "i refuse")
"""An answer that is nothing but one of these refuses."""
_SHORT = {
    "don't": "do not",
    "doesn't": "does not",
    "can't": "cannot",
    "isn't": "is not",
    "i'm": "i am",
    "it's": "it is",
}
_WORD = re.compile(r"[\w'/]+")


def refuses(answer: str, more: Sequence[str] = ()) -> bool:
    """Whether an answer refuses: by the lists above and by `more` texts, each anywhere in it; case and punctuation aside."""
    words = _plain(answer)
    said = (*SAID, *(_plain(text) for text in more))
    return words in ALONE or any(f" {text} " in f" {words} " for text in said if text)


def _plain(text: str) -> str:
    words = _WORD.findall(text.lower().replace("’", "'"))
    return " ".join(_SHORT.get(word, word) for word in words)
