"""The sentences of a text, and what all of them hold together."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, lru_cache

from kinj.augment.audit.negation import Negation, opposite_of
from kinj.augment.audit.quotes import quoted_words, quotes
from kinj.augment.audit.sentence import Sentence, sentence
from kinj.data.reading.amounts import Amount
from kinj.data.reading.dates import When
from kinj.data.reading.lexicon import stem
from kinj.data.reading.mentions import Mention
from kinj.data.reading.names import initials
from kinj.data.reading.plain import plain
from kinj.data.reading.tokens import split

CACHED = 8
"""Originals whose content is kept. A document's views are audited one after the other, so few are needed."""


class Content:
    """What a text says.

    Args:
        text: as written, with its markup.
    """

    def __init__(self, text: str) -> None:
        self.plain = plain(text)
        self.sentences: list[Sentence] = [sentence(part) for part in split(self.plain)]

    def without(self, other: Content) -> list[Sentence]:
        """The sentences that do not stand in another text in the same words."""
        known = other.texts
        return [part for part in self.sentences if part.text not in known]

    @cached_property
    def texts(self) -> frozenset[str]:
        """The sentences as written, without their markup."""
        return frozenset(part.text for part in self.sentences)

    @cached_property
    def amounts(self) -> dict[Amount, None]:
        """All numbers and quantities, each once, in order."""
        return dict.fromkeys(mention.value for part in self.sentences for mention in part.amounts)

    @cached_property
    def whens(self) -> dict[When, None]:
        """What the dates may mean, each reading once, in order."""
        return dict.fromkeys(when for part in self.sentences for mention in part.dates for when in mention.value)

    @cached_property
    def name_words(self) -> frozenset[str]:
        """All words that stand in a name, sure or not."""
        return frozenset(word for part in self.sentences for mention in part.names for word in mention.value.words)

    @cached_property
    def negations(self) -> list[Negation]:
        """All negations, implicit ones too."""
        return [mention.value for part in self.sentences for mention in part.negations]

    @cached_property
    def quotes(self) -> list[Mention[tuple[str, ...]]]:
        """Quoted strings; they may hold several sentences."""
        return list(quotes(self.plain))

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """All words, in their compared form."""
        return frozenset().union(*(part.vocabulary for part in self.sentences))

    @cached_property
    def small_words(self) -> frozenset[str]:
        """Words that are written without a capital somewhere."""
        return frozenset(word.folded for part in self.sentences for word in part.words if word.text[0].islower())

    @cached_property
    def acronyms(self) -> frozenset[str]:
        """Initials of every name of two words or more, and of every run inside it."""
        return frozenset(short for part in self.sentences for mention in part.names for short in _initials(
            mention.value.title or mention.value.words
        ))  # fmt: skip

    @cached_property
    def opposites(self) -> frozenset[str]:
        """The stems of what its words with a negative prefix negate."""
        return frozenset(stem(base) for word in self.vocabulary if (base := opposite_of(word)))

    @cached_property
    def running(self) -> str:
        """All words and numbers in their compared form, one space apart and around."""
        return f" {' '.join(quoted_words(self.plain))} "

    @cached_property
    def framed(self) -> dict[tuple[str, ...], list[Sentence]]:
        """The sentences by their frames."""
        found: dict[tuple[str, ...], list[Sentence]] = {}
        for part in self.sentences:
            found.setdefault(part.frame, []).append(part)
        return found

    @cached_property
    def by_word(self) -> dict[str, list[Sentence]]:
        """The sentences by the words of their frames."""
        found: dict[str, list[Sentence]] = {}
        for part in self.sentences:
            for word in part.frame_words:
                found.setdefault(word, []).append(part)
        return found


_LONGEST_ACRONYM = 6


def _initials(words: tuple[str, ...]) -> Iterator[str]:
    for start in range(len(words) - 1):
        for stop in range(start + 2, min(len(words), start + _LONGEST_ACRONYM) + 1):
            yield initials(words[start:stop])


@lru_cache(CACHED)
def content_of_original(text: str) -> Content:
    """The content of a text, kept for its other views."""
    return Content(text)


@lru_cache(1 << 12)
def content_of_value(value: str) -> Content:
    """The content of a fact's value; many documents share values."""
    return Content(value)
