"""Quoted strings. What counts is their words, not the marks around them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kinj.augment.audit.negation import AFFIRMED
from kinj.data.reading.mentions import Mention
from kinj.data.reading.tokens import fold

_QUOTE = re.compile(
    r"(?<![\w\"])\"(?=[^\s\"])([^\"\x1e]{1,400}?)(?<=[^\s])\"(?![\w\"])(?!\s*[:=])"
    r"|(?<![\w'])'(?=[^\s'])([^'\"\x1e\n]{3,120}?(?:'[a-z]{1,2}\b[^'\"\x1e\n]{0,120}?)?)(?<=[^\s])'(?![\w'])"
)
_CONTRACTED = re.compile(r"\b([a-z]+)n't\b", re.I)
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def quoted_words(text: str) -> tuple[str, ...]:
    """The words and numbers of a text, as quotations compare them: `don't` is `do not`."""
    if "n't" in text:
        text = _CONTRACTED.sub(lambda match: f"{AFFIRMED.get(match[0].lower(), match[1])} not", text)
    return tuple(fold(word) for word in _WORD.findall(text))


def _is_line(text: str, start: int, end: int) -> bool:
    """Whether the marks are around a whole line: that is layout."""
    line = text.rfind("\n", 0, start) + 1
    stop = text.find("\n", end)
    return not text[line:start].strip(" \x1e-*") and not text[end : None if stop < 0 else stop].strip(" \x1e.,;")


def quotes(text: str) -> Iterator[Mention[tuple[str, ...]]]:
    """Quoted strings with at least one word in them, in order of place."""
    if '"' not in text and "'" not in text:
        return
    for match in _QUOTE.finditer(text):
        if _is_line(text, match.start(), match.end()):
            continue
        if words := quoted_words(match[1] or match[2]):
            yield Mention("quote", match.start(), match.end(), words)
