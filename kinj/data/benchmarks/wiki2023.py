"""Wiki2023 (PIT, arXiv 2402.12847): articles about films of 2023 and questions about them, joined on `wiki_id`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from kinj.config.schema import DataSettings
from kinj.data.base import DataSet
from kinj.data.benchmarks.originals import Member, Originals, names_of, rows_of
from kinj.data.forms import Json, RecordError
from kinj.data.pools import Pools, Reading, rest_of, text_of, texts_of
from kinj.data.records import Document, Question
from kinj.data.rejects import Rejects

GET = "github.com/Edward-Sun/PIT (data/wiki2023_film_train and data/wiki2023_film_test)"


def data_set(settings: DataSettings, rejects: Rejects) -> DataSet:
    """Pools `documents` and `questions` (test), and `train_documents` and `train_questions` where those files are there.

    Raises:
        UsageError: the test files are missing.
    """
    files = Originals(settings, GET)
    pools = Pools(settings, rejects)
    _add(pools, "", files.required(*_patterns("test", "doc")), files.required(*_patterns("test", "qa")))
    documents, questions = files.members(*_patterns("train", "doc")), files.members(*_patterns("train", "qa"))
    if documents and questions:
        _add(pools, "train_", documents, questions)
    return pools.data


def _patterns(split: str, sort: str) -> tuple[str, ...]:
    return f"*_{split}_{sort}.jsonl", f"*_{split}/{sort}.jsonl"


def _add(pools: Pools, prefix: str, documents: list[Member], questions: list[Member]) -> None:
    def articles(reading: Reading) -> Iterator[Document]:
        return reading.records(rows_of(documents, reading.rejects), _article)

    def asked(reading: Reading) -> Iterator[Question]:
        numbers: Counter[str] = Counter()
        made = reading.records(rows_of(questions, reading.rejects), lambda _, row: _question(row, numbers))
        return reading.about(made, lambda: articles(Reading(reading.settings, reading.rejects)))

    pools.add(f"{prefix}documents", lambda reading: reading.first(articles(reading)), names_of(documents))
    pools.add(f"{prefix}questions", asked, names_of(questions))


def _article(_: int, row: Json) -> Iterable[Document]:
    text, meta = text_of(row, "text"), rest_of(row, "wiki_id", "title", "text")
    return [Document(id=_key(row), text=text, title=row.get("title"), meta=meta)]


def _question(row: Json, numbers: Counter[str]) -> Iterable[Question]:
    article = _key(row)
    prompt, answers = text_of(row, "question"), texts_of(row, "answer")
    numbers[article] += 1
    identity = f"{article}.{numbers[article]}"
    meta = rest_of(row, "wiki_id", "question", "answer")
    return [Question(id=identity, document=article, prompt=prompt, answers=answers, meta=meta)]


def _key(row: Json) -> str:
    if not isinstance(row.get("wiki_id"), int | str):
        raise RecordError(f"has no `wiki_id`; it has: {', '.join(row) or 'nothing'}", "are these the original files?")
    return str(row["wiki_id"])
