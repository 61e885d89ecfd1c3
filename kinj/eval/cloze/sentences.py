"""The sentences of a document that can be understood alone, with their places in its text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from kinj.data.reading.lexicon import FUNCTION_WORDS, word_set
from kinj.data.reading.plain import plain
from kinj.data.reading.tokens import sentence_spans

SHORTEST, LONGEST = 4, 40
"""Words of a sentence that is asked about."""

_STRAIGHT = str.maketrans("“”‘’", "\"\"''")
_FENCE = re.compile(r"\s{0,3}(?:```|~~~)")
_HEADING = re.compile(r"\s{0,3}(?:#{1,6}\s|={2,}|-{2,}\s*$|\||<)")
_ITEM = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)]|>)\s+")
_MARKUP = re.compile(r"[\[\]{}<>|\\\ue000-\uf8ff]|://")
_WORD = re.compile(r"\w+")
_INSIDE = re.compile(r"[.!?] ([A-Z]\w+)")
"""A capital after a full stop: with a small word it is another sentence (`... Pvt. Ltd. The music ...`)."""
_NEIGHBOURLY = word_set("""
    he she it they we you i this that these those there here his her its their our your my such both another others also then
    thus therefore hence however moreover furthermore instead otherwise meanwhile later afterwards afterward subsequently finally
    and but or so nor yet who which whose where when while because although though if as after before until since similarly
    nevertheless nonetheless one some each either neither him them
    """)
"""Words whose sentence leans on the one before it when it opens with them."""
_PREPOSITIONS = word_set("after before until since")
"""Those that open a phrase of time just as well: `After 1901, ...`."""


@dataclass(frozen=True)
class Sentence:
    """A sentence: `start` and `end` in the document's text, and its `text` without markup and with single spaces."""

    start: int
    end: int
    text: str


def sentences(text: str, left_out: Counter[str]) -> Iterator[Sentence]:
    """The sentences of a document that stand alone, in order; the others are counted in `left_out` by reason."""
    for start, end in _blocks(text):
        for first, last in sentence_spans(text[start:end].translate(_STRAIGHT)):
            raw = text[start + first : start + last]
            begin = start + first + len(raw) - len(raw.lstrip())
            found = Sentence(begin, start + last, " ".join(plain(raw).replace("\x1e", " ").split()))
            reason = _unfit(found.text)
            if reason:
                left_out[f"sentences: {reason}"] += 1
            else:
                yield found


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Paragraphs and list items, without the marks before them; headings, tables and code are none."""
    start = end = place = 0
    fenced = False
    for line in text.splitlines(keepends=True):
        fence, item = _FENCE.match(line), _ITEM.match(line)
        apart = bool(fence or fenced or not line.strip() or _HEADING.match(line))
        if apart or item:
            if start < end:
                yield start, end
            start = place + (item.end() if item and not apart else len(line))
        place += len(line)
        end = start if apart else place
        fenced ^= bool(fence)
    if start < end:
        yield start, end


def _unfit(text: str) -> str | None:
    """Why a sentence cannot be asked about alone; None where it can."""
    if not text.endswith((".", "!", '."', '!"')) or not (text[0].isupper() or text[0].isdigit() or text[0] == '"'):
        return "no whole statement"
    if _MARKUP.search(text) or text.count('"') % 2 or text.count("(") != text.count(")"):
        return "markup or an open quotation in it"
    if any(match[1].lower() in FUNCTION_WORDS for match in _INSIDE.finditer(text)):
        return "no whole statement"
    words = _WORD.findall(text)
    if not SHORTEST <= len(words) <= LONGEST:
        return f"shorter than {SHORTEST} or longer than {LONGEST} words"
    opening = words[0].lower()
    if opening in _NEIGHBOURLY and not (opening in _PREPOSITIONS and len(words) > 1 and words[1][0].isdigit()):
        return "lean on the sentence before"
    return None
