"""Everything the audit compares of one sentence, read once: views share most sentences with their original."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any

from kinj.augment.audit.negation import AFFIRMED, Negation, is_content, negations
from kinj.data.reading.amounts import Amount, amounts
from kinj.data.reading.dates import Readings, dates
from kinj.data.reading.lexicon import stem
from kinj.data.reading.mentions import Mention
from kinj.data.reading.names import Name, names
from kinj.data.reading.tokens import Token, tokens

CACHED, LONGEST = 1 << 11, 1000
"""Sentences that are kept, and characters up to which one is: some 20 MB."""


class Sentence:
    """The mentions of a sentence by kind, and its words.

    Args:
        text: plain, one space at a time.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.words: list[Token] = tokens(text)
        self.dates: list[Mention[Readings]] = dates(text, self.words)
        sure = [mention for mention in self.dates if not mention.weak]
        self.amounts: list[Mention[Amount]] = amounts(text, self.words, sure)
        measured = [mention for mention in self.amounts if mention.kind == "quantity"]
        self.names: list[Mention[Name]] = names(text, self.words, [*sure, *measured])
        self.negations: list[Mention[Negation]] = list(negations(text, self.words))
        self.vocabulary = frozenset([word.folded for word in self.words])
        self.frame, self.filled, self.negated = self._frame()

    @cached_property
    def stems(self) -> frozenset[str]:
        """The stems of its content words."""
        return frozenset(stem(word.folded) for word in self.words if is_content(word.folded))

    @cached_property
    def frame_words(self) -> frozenset[str]:
        """The words of its frame, each once."""
        return frozenset(self.frame)

    @cached_property
    def marks(self) -> tuple[str, ...]:
        """The marks of its frame, in order."""
        return tuple(word for word in self.frame if word.startswith("<"))

    def _frame(self) -> tuple[tuple[str, ...], list[Mention[Any]], list[int]]:
        """Its words with `<kind>` in place of each mention and without negations; the mentions that the marks stand for; and after
        how many words a negation stands."""
        everything: list[Mention[Any]] = [*self.amounts, *(m for m in self.dates if not m.weak), *self.names]
        upcoming = iter(sorted(everything, key=lambda mention: mention.start))
        mention = next(upcoming, None)
        words: list[str] = []
        filled: list[Mention[Any]] = []
        negated: list[int] = []
        for word in self.words:
            while mention is not None and mention.end <= word.start:
                mention = next(upcoming, None)
            if mention is None or word.end <= mention.start:
                affirmed = AFFIRMED.get(word.folded, word.folded)
                if affirmed:
                    words.append(affirmed)
                if affirmed != word.folded:
                    negated.append(len(words))
            elif not filled or filled[-1] is not mention:
                words.append("<number>" if mention.kind == "quantity" else f"<{mention.kind}>")
                filled.append(mention)
        return tuple(words), filled, negated

    def around(self, mention: Mention[Any], reach: int = 6) -> frozenset[str]:
        """The stems of content words within `reach` words of a mention, itself left out."""
        before = [w for w in self.words if w.end <= mention.start][-reach:]
        after = [w for w in self.words if w.start >= mention.end][:reach]
        return frozenset(stem(w.folded) for w in before + after if is_content(w.folded))


def sentence(text: str) -> Sentence:
    """A sentence, kept for other views of the same document."""
    return _kept(text) if len(text) <= LONGEST else Sentence(text)


@lru_cache(CACHED)
def _kept(text: str) -> Sentence:
    return Sentence(text)
