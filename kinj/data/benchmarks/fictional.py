"""Fictional Knowledge (arXiv 2406.11813): 130 invented articles, each with 15 texts to be continued."""

from __future__ import annotations

from collections.abc import Iterator

from kinj.config.schema import DataSettings
from kinj.data.base import DataSet
from kinj.data.benchmarks.originals import Member, Originals, names_of, rows_of
from kinj.data.forms import Json, RecordError
from kinj.data.pools import Pools, Reading, rest_of, text_of, texts_of
from kinj.data.records import Document, Question, View
from kinj.data.rejects import Rejects

GET = "github.com/kaistAI/factual-knowledge-acquisition (fictional_knowledge/)"
KINDS = ("mem", "gen", "hard_gen")
"""Memorisation (a sentence of the article), generalisation (the same in other words), composition (several facts)."""
_KEYS = [f"{kind}_{part}" for kind in KINDS for part in ("input", "target")]


def data_set(settings: DataSettings, rejects: Rejects) -> DataSet:
    """Pools `documents`, `questions`, and `views` (articles and their paraphrases) where the paraphrased file is there.

    Raises:
        UsageError: the files are missing.
    """
    files = Originals(settings, GET)
    paraphrased = files.members("fictional_knowledge_paraphrased.json*")
    plain = files.members("fictional_knowledge.json*") or paraphrased or files.everything()[:1]
    pools = Pools(settings, rejects)
    pools.add("documents", lambda reading: reading.first(_articles(reading, plain)), names_of(plain))
    pools.add("questions", lambda reading: _asked(reading, plain), names_of(plain))
    if paraphrased:
        pools.add("views", lambda reading: reading.first(_views(reading, paraphrased)), names_of(paraphrased))
    return pools.data


def _articles(reading: Reading, members: list[Member]) -> Iterator[Document]:
    return reading.records(rows_of(members, reading.rejects), lambda index, row: [_article(index, row)])


def _asked(reading: Reading, members: list[Member]) -> Iterator[Question]:
    made = reading.records(rows_of(members, reading.rejects), _questions)
    return reading.first(made, lambda question: question.document)


def _views(reading: Reading, members: list[Member]) -> Iterator[Document]:
    """Articles that have paraphrases, each followed by them."""

    def build(index: int, row: Json) -> Iterator[Document]:
        if row.get("paraphrases"):
            yield from _with_views(index, row)
        else:
            reading.left_out["without paraphrases"] += 1

    return reading.records(rows_of(members, reading.rejects), build)


def _id(index: int) -> str:
    return f"fictional-{index:03d}"


def _article(index: int, row: Json) -> Document:
    meta = rest_of(row, "train_context", "paraphrases", *_KEYS)
    return Document(id=_id(index), text=text_of(row, "train_context"), meta=meta)


def _questions(index: int, row: Json) -> Iterator[Question]:
    for kind in KINDS:
        prompts, targets = texts_of(row, f"{kind}_input"), texts_of(row, f"{kind}_target")
        if len(prompts) != len(targets):
            raise RecordError(f"has {len(prompts)} `{kind}_input` and {len(targets)} `{kind}_target`")
        for number, (prompt, target) in enumerate(zip(prompts, targets, strict=True)):
            yield Question(
                id=f"{_id(index)}.{kind}{number}",
                document=_id(index),
                prompt=prompt,
                answers=[target],
                kind=kind,
                meta={"form": "completion"},
            )


def _with_views(index: int, row: Json) -> Iterator[Document]:
    yield _article(index, row)
    for number, text in enumerate(texts_of(row, "paraphrases"), start=1):
        view = View(method="paraphrase", index=number, seed=0)
        yield Document(id=f"{_id(index)}.{number}", text=text, source=_id(index), view=view)
