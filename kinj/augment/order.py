"""In which orders the sentences of a document can stand: what leans on the sentence before it stays behind it."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from kinj.augment.names import name_runs
from kinj.augment.passages import Sentence
from kinj.augment.people import Reference

_FINISHED = re.compile(r"[.!?…؟۔।॥։።。！？｡][\"'”’»)\]」』）]*$")
_LEANING = re.compile(
    r"(?:(?-i:[a-z])|\W"  # goes on with what was begun before
    r"|(?:and|but|or|so|yet|however|therefore|thus|hence|then|also|moreover|furthermore|additionally|instead|meanwhile|"
    r"nevertheless|nonetheless|consequently|accordingly|similarly|likewise|later|afterwards?|subsequently|eventually|finally|"
    r"lastly|ultimately|initially|previously|earlier|soon|there|here|both|neither|others?|another|overall|specifically|"
    r"fascinatingly|next|second(?:ly)?|third(?:ly)?|they|their|them|its|he|she|him|we|our|i|you|as a result|"
    r"in (?:addition|contrast|fact|turn|return|response|conclusion|short|particular|other words|the end)|for (?:example|instance)|"
    r"on the (?:other|contrary)|at (?:the same|first|last)|after (?:which|that)|one of them|"
    r"the (?:former|latter|other|others|same|two|three|four|duo|pair|trio|couple))\b"
    r"|it\b(?! (?:is|was) (?:known|said|(?:in|on|at|for|from|to|by)\b|[A-Z0-9])[^,;]* that\b)"
    r"|(?:\w+ ){1,3}(?:it|its|they|their|them)\b)",
    re.IGNORECASE,
)
"""What a sentence begins with that only says something after the one before it. *It is in X that …* does not lean."""

_POINTING = re.compile(
    r"\b(?:this|these|those|such|former|latter|respectively|also|too|instead|another|aforementioned)\b"
)

_THE_SAME = re.compile(r"The [a-z]")
"""*The film, …*: speaks of what was named before, even if it names the topic later."""


@dataclass
class Chunk:
    """Sentences, by number, that stay together; `after` are the chunks of the block that must stand before it."""

    sentences: list[int]
    after: set[int] = field(default_factory=set)


Block = list[Chunk]
"""A part of a document inside which chunks change places: a paragraph, or what follows a heading in it."""


def blocks_of(
    text: str, sentences: Sequence[Sentence], said: Sequence[Reference], topics: Sequence[str]
) -> list[Block]:
    """The chunks of a document, in their order in the text.

    Args:
        text: the document's text.
        sentences: all of its sentences.
        said: whom each of them speaks of.
        topics: what the document is about. A chunk that names none of it stays behind the first one of its block.
    """
    blocks: list[Block] = []
    unfinished, open_brackets = False, 0
    for number, sentence in enumerate(sentences):
        words = text[sentence.start : sentence.end]
        went_on, unfinished = unfinished, not finished(words)
        bracketed, open_brackets = open_brackets > 0, max(0, open_brackets + _opened(words))
        new_paragraph = not number or sentence.paragraph != sentences[number - 1].paragraph
        if new_paragraph or (unfinished and not went_on):
            blocks.append([Chunk([number])])
            open_brackets = max(0, _opened(words))
        elif went_on or bracketed or _leans(words, said[number]):
            blocks[-1][-1].sentences.append(number)
        else:
            blocks[-1].append(Chunk([number]))
    for block in blocks:
        _set_limits(block, [_text_of(chunk, text, sentences) for chunk in block], said, topics)
    return blocks


def finished(words: str) -> bool:
    """Whether a sentence ends with a mark; a heading or the first part of a wrapped line does not."""
    return bool(_FINISHED.search(words))


def drawn_order(block: Block, rng: random.Random) -> list[Chunk]:
    """The chunks in a random order that keeps every limit."""
    waiting = [len(chunk.after) for chunk in block]
    behind: list[list[int]] = [[] for _ in block]
    for number, chunk in enumerate(block):
        for before in chunk.after:
            behind[before].append(number)
    free = [number for number, limits in enumerate(waiting) if not limits]
    order = []
    while free:
        place = int(rng.random() * len(free))
        free[place], free[-1] = free[-1], free[place]
        order.append(block[free[-1]])
        for number in behind[free.pop()]:
            waiting[number] -= 1
            if not waiting[number]:
                free.append(number)
    return order


def _opened(words: str) -> int:
    """Brackets and quotations that are begun and not ended."""
    return sum(map(words.count, "([“")) - sum(map(words.count, ")]”")) + words.count('"') % 2


def _leans(words: str, said: Reference) -> bool:
    if said.unknown or _POINTING.search(words):
        return True
    known = said.pronoun is not None and words.startswith(("He ", "She ", "His ", "Her "))
    return not known and bool(_LEANING.match(words))


def _text_of(chunk: Chunk, text: str, sentences: Sequence[Sentence]) -> str:
    return text[sentences[chunk.sentences[0]].start : sentences[chunk.sentences[-1]].end]


def _set_limits(block: Block, texts: Sequence[str], said: Sequence[Reference], topics: Sequence[str]) -> None:
    """A heading stays first, a chunk that names no topic stays behind the first, a short name behind the long one."""
    heading = "\n" in texts[0] and not finished(texts[0].split("\n", 1)[0])
    introduced: dict[str, int] = {}  # words of names, and the chunk that has them first in a longer name or in brackets
    for number, (chunk, words) in enumerate(zip(block, texts, strict=True)):
        opens = said[chunk.sentences[0]].pronoun or (
            not _THE_SAME.match(words) and any(topic in words for topic in topics)
        )
        if number and (heading or not opens):
            chunk.after.add(0)
        names = [words[start:end] for start, end in name_runs(words)]
        long = {part for name in names if " " in name or f"({name})" in words for part in name.split()}
        chunk.after.update(introduced[name] for name in names if name in introduced and name not in long)
        for part in long:
            introduced.setdefault(part, number)
