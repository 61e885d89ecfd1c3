"""Everything the audit compares of one text, read once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, lru_cache
from itertools import groupby
from typing import Any, NamedTuple

from kinj.augment.audit.amounts import Amount, amounts
from kinj.augment.audit.dates import Readings, When, dates
from kinj.augment.audit.lexicon import stem
from kinj.augment.audit.mentions import Mention
from kinj.augment.audit.names import Name, initials, names
from kinj.augment.audit.negation import AFFIRMED, Negation, is_content, negations, opposite_of
from kinj.augment.audit.plain import plain
from kinj.augment.audit.quotes import quoted_words, quotes
from kinj.augment.audit.tokens import Token, tokens

CACHED = 4
"""Originals whose content is kept. A document's views are audited one after the other, so few are needed."""


FEWEST_WORDS = 2
"""Words besides its mentions that a sentence needs before it is compared as a frame."""


class Filled(NamedTuple):
    """What stands in a sentence's frame: its mentions, and after how many of its words a negation stands."""

    sentence: int
    mentions: list[Mention[Any]]
    negated: list[int]


class Content:
    """The mentions of a text by kind, and its words.

    Args:
        text: as written, with its markup.
    """

    def __init__(self, text: str) -> None:
        self.text = plain(text)
        self.words: list[Token] = tokens(self.text)
        self.dates: list[Mention[Readings]] = dates(self.text, self.words)
        taken = [(mention.start, mention.end) for mention in self.dates if not mention.weak]
        self.amounts: list[Mention[Amount]] = list(amounts(self.text, self.words, taken))
        self.names: list[Mention[Name]] = names(self.text, self.words, self._not_names())
        self.negations: list[Mention[Negation]] = list(negations(self.text, self.words))
        self.quotes: list[Mention[tuple[str, ...]]] = list(quotes(self.text))

    def _not_names(self) -> list[Mention[Any]]:
        found: list[Mention[Any]] = [mention for mention in self.dates if not mention.weak]
        return found + [mention for mention in self.amounts if mention.kind == "quantity"]

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """All words, in their compared form."""
        return frozenset(word.folded for word in self.words)

    @cached_property
    def small_words(self) -> frozenset[str]:
        """Words that are written without a capital somewhere."""
        return frozenset(word.folded for word in self.words if word.text[0].islower())

    @cached_property
    def name_words(self) -> frozenset[str]:
        """All words that stand in a name, sure or not."""
        return frozenset(word for mention in self.names for word in mention.value.words)

    @cached_property
    def acronyms(self) -> frozenset[str]:
        """Initials of every name of two words or more, and of every run inside it."""
        found = set()
        for mention in self.names:
            parts = mention.value.title or mention.value.words
            for start in range(len(parts) - 1):
                for stop in range(start + 2, min(len(parts), start + 6) + 1):
                    found.add(initials(parts[start:stop]))
        return frozenset(found)

    @cached_property
    def running(self) -> str:
        """All words and numbers in their compared form, one space apart and around."""
        return f" {' '.join(quoted_words(self.text))} "

    @cached_property
    def whens(self) -> tuple[When, ...]:
        """What the dates may mean, all readings in one list."""
        return tuple(when for mention in self.dates for when in mention.value)

    def written(self, sentence: int) -> str:
        """A sentence as it stands in the text, without white space around and more than one space between words."""
        words = [word for word in self.words if word.sentence == sentence]
        return " ".join(self.text[words[0].start : words[-1].end].split())

    @cached_property
    def sentences(self) -> list[frozenset[str]]:
        """The stems of each sentence's content words."""
        found: list[set[str]] = []
        for word in self.words:
            while word.sentence >= len(found):
                found.append(set())
            if is_content(word.folded):
                found[word.sentence].add(stem(word.folded))
        return [frozenset(words) for words in found]

    @cached_property
    def opposites(self) -> frozenset[str]:
        """The stems of what its words with a negative prefix negate."""
        return frozenset(stem(base) for word in self.vocabulary if (base := opposite_of(word)))

    @cached_property
    def frames(self) -> dict[tuple[str, ...], list[Filled]]:
        """Sentences by their words, with `<kind>` for each mention and without negations."""
        found: dict[tuple[str, ...], list[Filled]] = {}
        for words, filled in self._filled():
            if len(words) - len(filled.mentions) >= FEWEST_WORDS:
                found.setdefault(tuple(words), []).append(filled)
        return found

    def _filled(self) -> Iterator[tuple[list[str], Filled]]:
        """Sentence by sentence, the words and marks, and what stands in it."""
        everything: list[Mention[Any]] = [*self.amounts, *(m for m in self.dates if not m.weak), *self.names]
        upcoming = iter(sorted(everything, key=lambda mention: mention.start))
        mention = next(upcoming, None)
        for number, sentence in groupby(self.words, key=lambda word: word.sentence):
            words: list[str] = []
            filled = Filled(number, [], [])
            for word in sentence:
                while mention is not None and mention.end <= word.start:
                    mention = next(upcoming, None)
                if mention is None or word.end <= mention.start:
                    affirmed = AFFIRMED.get(word.folded, word.folded)
                    if affirmed:
                        words.append(affirmed)
                    if affirmed != word.folded:
                        filled.negated.append(len(words))
                elif not filled.mentions or filled.mentions[-1] is not mention:
                    words.append("<number>" if mention.kind == "quantity" else f"<{mention.kind}>")
                    filled.mentions.append(mention)
            yield words, filled

    def around(self, mention: Mention[Any], reach: int = 6) -> frozenset[str]:
        """The stems of content words within `reach` words of a mention, itself left out."""
        before = [w for w in self.words if w.end <= mention.start][-reach:]
        after = [w for w in self.words if w.start >= mention.end][:reach]
        return frozenset(stem(w.folded) for w in before + after if is_content(w.folded))


@lru_cache(CACHED)
def content_of_original(text: str) -> Content:
    """The content of a text, kept for its other views."""
    return Content(text)


@lru_cache(1 << 12)
def content_of_value(value: str) -> Content:
    """The content of a fact's value; many documents share values."""
    return Content(value)
