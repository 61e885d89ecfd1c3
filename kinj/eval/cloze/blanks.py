"""The blanks of a corpus: which values are asked for, in which words, and against which others."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kinj.config.schema import ClozeSettings
from kinj.data.rng import stable_rng
from kinj.eval.cloze.corpus import Corpus, Statement, Words
from kinj.eval.cloze.values import Value, distinctive
from kinj.eval.cloze.wording import Wording, wordings
from kinj.eval.overlap import met, words

CONTEXT = 400
"""Characters of a document before the sentence that recitation is given."""
FEWEST_OTHERS = 3
"""A value with fewer wrong ones beside it is not asked for."""
BEFORE = 3
"""Words before a value that, with it, must not stand in the texts trained on: else the end of a known run is recited."""
SPARE = 3
"""So many times the blanks wanted are looked at in each document, since not all can be used."""


@dataclass(frozen=True)
class Blank:
    """A value that a document states, to be told from wrong ones.

    `known` is the wording it is ranked in, `written` one that ends with it (None: no rule gives any), `recited` the
    document's own text up to the end of the sentence.
    """

    id: str
    document: str
    kind: str
    value: str
    others: Sequence[str]
    known: Wording
    written: Wording | None
    recited: Wording


def blanks(corpus: Corpus, texts: Sequence[Words], settings: ClozeSettings) -> tuple[list[Blank], Counter[str]]:
    """The blanks in the order of the documents, and what was left out by reason.

    Args:
        corpus: the documents.
        texts: what the model was trained on, as `kinj.eval.overlap.words` (the documents themselves need not be among them).
        settings: `eval.cloze`.
    """
    left_out = Counter(corpus.left_out)
    drafts = _drafts(corpus, settings.blanks * SPARE, left_out)
    known = met({run for draft in drafts for run in draft.runs()}, [*corpus.words.values(), *texts])
    found: list[Blank] = []
    taken: Counter[str] = Counter()
    for draft in drafts:
        blank = draft.blank(corpus, known, settings.candidates)
        if isinstance(blank, str):
            left_out[f"values: {blank}"] += 1
        elif taken[blank.document] == settings.blanks:
            left_out[f"values: beyond {settings.blanks} of a document (eval.cloze.blanks)"] += 1
        else:
            taken[blank.document] += 1
            found.append(blank)
    return found, left_out


@dataclass(frozen=True)
class _Draft:
    """A value that may be asked for, with every way to word its sentence."""

    statement: Statement
    value: Value
    recited: Wording
    worded: Sequence[Wording]

    def runs(self) -> Iterable[Words]:
        """The runs of words that must not stand in the texts trained on."""
        for wording in self.worded:
            yield from self._runs(wording)

    def _runs(self, wording: Wording) -> tuple[Words, Words]:
        """The sentence as worded, and the value with the words before it."""
        return words(wording.sentence(self.value.text)), (*words(wording.before)[-BEFORE:], *self.value.words)

    def blank(self, corpus: Corpus, known: set[Words], count: int) -> Blank | str:
        """The blank, or why there is none."""
        usable = [wording for wording in self.worded if known.isdisjoint(self._runs(wording))]
        if not usable:
            return "no rule words the sentence as the texts do not"
        identity = f"{self.statement.document.id}#{self.statement.sentence.start + self.value.start}"
        others = corpus.wrong_values(self.statement, self.value, count, identity)
        if len(others) < FEWEST_OTHERS:
            return f"fewer than {FEWEST_OTHERS} others like it in other documents"
        written = next((wording for wording in usable if wording.ends), None)
        document, kind = self.statement.document.id, self.value.kind
        return Blank(identity, document, kind, self.value.text, others, usable[0], written, self.recited)


def _drafts(corpus: Corpus, most: int, left_out: Counter[str]) -> list[_Draft]:
    """Up to `most` values of each document that may be asked for, in an order drawn by document."""
    by_document: defaultdict[str, list[tuple[Statement, Value]]] = defaultdict(list)
    for statement in corpus.statements:
        by_document[statement.document.id] += [(statement, value) for value in statement.values]
    found: list[_Draft] = []
    for document, places in by_document.items():
        stable_rng("cloze", "blanks", document).shuffle(places)
        drafts: list[_Draft] = []
        for statement, value in places:
            draft = _draft(corpus, statement, value) if len(drafts) < most else "beyond what is looked at of a document"
            if isinstance(draft, str):
                left_out[f"values: {draft}"] += 1
            else:
                drafts.append(draft)
        found += drafts
    return found


def _draft(corpus: Corpus, statement: Statement, value: Value) -> _Draft | str:
    """The value as one that may be asked for, or why it may not."""
    own = distinctive(value.words)
    rest = statement.sentence.text[: value.start] + " " + statement.sentence.text[value.end :]
    if not own or not own.isdisjoint(words(rest)):
        return "told by the rest of the sentence"
    cues = [other for other in statement.values if other.kind == "name" and other is not value]
    if not cues:
        return "no other name in the sentence"
    recited = _recited(statement, value)
    if recited is None:
        return "markup in it"
    if not own.isdisjoint(words(statement.document.text[: statement.sentence.start])):
        return "told earlier in the document"
    cue = min(cues, key=corpus.documents_with)
    worded = list(wordings(statement.sentence.text, statement.values, value, cue))
    return _Draft(statement, value, recited, worded) if worded else "no rule words the sentence differently"


def _recited(statement: Statement, value: Value) -> Wording | None:
    """The document's own text around the value, up to the end of the sentence; None where the value is not written as such."""
    text, sentence = statement.document.text, statement.sentence
    pattern = r"\s+".join(map(re.escape, value.text.split()))
    places = list(re.finditer(rf"(?<!\w){pattern}(?!\w)", text[sentence.start : sentence.end]))
    if len(places) != 1:
        return None
    start, end = (sentence.start + place for place in places[0].span())
    opening = max(0, sentence.start - CONTEXT)
    before = text[opening:start]
    return Wording("recited", "", before if opening == 0 else before.partition(" ")[2], text[end : sentence.end])
