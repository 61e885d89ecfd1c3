"""What stands where in the documents: the sentences to ask about, their values, and which values can stand for one another."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import log2

from kinj.data.records import Document
from kinj.data.rng import stable_rng
from kinj.eval.cloze.sentences import Sentence, sentences
from kinj.eval.cloze.values import Value, distinctive, values
from kinj.eval.overlap import words

Words = tuple[str, ...]
MOST_LOOKED_AT = 200
"""Values of one group from which wrong ones are drawn."""


@dataclass(frozen=True)
class Statement:
    """A sentence of a document, and its values."""

    document: Document
    sentence: Sentence
    values: Sequence[Value]

    def frame(self, value: Value) -> tuple[Words, Words]:
        """What stands around a value."""
        return words(self.sentence.text[: value.start]), words(self.sentence.text[value.end :])

    def left(self, value: Value) -> str:
        """What a value follows: the word before it, another value, or nothing."""
        before = self.sentence.text[: value.start].rstrip()
        if any(other.end == len(before) for other in self.values):
            return "<value>"
        return (words(before) or ("",))[-1]


@dataclass
class _Entry:
    """A value of the corpus: how it is written, and the documents it stands in."""

    text: str
    words: Words
    documents: set[str] = field(default_factory=set)


class Corpus:
    """The statements of some documents, and the values that stand in them.

    Args:
        documents: originals, no views.
    """

    def __init__(self, documents: Iterable[Document]) -> None:
        self.left_out: Counter[str] = Counter()
        self.statements: list[Statement] = []
        self.words: dict[str, Words] = {}
        self._entries: dict[tuple[str, str, Words], _Entry] = {}
        self._groups: defaultdict[tuple[object, ...], set[tuple[str, str, Words]]] = defaultdict(set)
        self._fillings: defaultdict[tuple[Words, Words], set[Words]] = defaultdict(set)
        for document in documents:
            self.words[document.id] = words(document.text)
            for sentence in sentences(document.text, self.left_out):
                self._add(Statement(document, sentence, values(sentence.text)))

    def _add(self, statement: Statement) -> None:
        self.statements.append(statement)
        for value in statement.values:
            key = (value.kind, value.shape, value.words)
            entry = self._entries.setdefault(key, _Entry(value.text, value.words))
            entry.text = min(entry.text, value.text)  # whatever the order of the documents
            entry.documents.add(statement.document.id)
            for group in _groups(value, statement.left(value)):
                self._groups[group].add(key)
            self._fillings[statement.frame(value)].add(value.words)

    def documents_with(self, value: Value) -> int:
        """In how many documents a value stands."""
        return len(self._entries[value.kind, value.shape, value.words].documents)

    def wrong_values(self, statement: Statement, value: Value, count: int, identity: str) -> list[str]:
        """Up to `count` values that could stand in the place of `value` but are not what any document says there.

        They are of the same type, stand in other documents only, share no word that counts with the right one, and fill this
        sentence nowhere. Those of as many words that follow the same word (`in`, `at`, a value, nothing) come first, then
        those of as many words, then the rest; in each group those that stand in about as many documents.

        Args:
            statement: the sentence.
            value: the right value.
            count: how many are wanted.
            identity: of the blank; the draw depends on it and on the values, not on any order.
        """
        rng = stable_rng("cloze", "wrong values", identity)
        here = f" {' '.join(self.words[statement.document.id])} "
        accepted, own = self._fillings[statement.frame(value)], distinctive(value.words)
        often = log2(self.documents_with(value))
        drawn: dict[Words, str] = {}
        for group in _groups(value, statement.left(value)):
            keys = sorted(self._groups[group])
            entries = [self._entries[key] for key in rng.sample(keys, min(len(keys), MOST_LOOKED_AT))]
            for entry in sorted(entries, key=lambda entry: round(abs(log2(len(entry.documents)) - often))):
                if len(drawn) == count:
                    return list(drawn.values())
                if (
                    entry.words not in accepted
                    and f" {' '.join(entry.words)} " not in here
                    and own.isdisjoint(distinctive(entry.words))
                ):
                    drawn.setdefault(entry.words, entry.text)
        return list(drawn.values())


def _groups(value: Value, left: str) -> Iterator[tuple[object, ...]]:
    """What values are like: the narrowest group first."""
    size = len(value.text.split())
    yield value.kind, value.shape, size, left
    yield value.kind, value.shape, size
    yield value.kind, value.shape
