"""SQuAD passages with questions: as SEAL (arXiv 2506.10943) stores them, as SQuAD's own JSON, or as rows of the Hub."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kinj.config.schema import DataSettings
from kinj.data.base import DataSet
from kinj.data.benchmarks.originals import Member, Originals, names_of, rows_of
from kinj.data.forms import Json, RecordError
from kinj.data.pools import Pools, Reading, rest_of, text_of, texts_of
from kinj.data.records import Document, Question, View, content_id
from kinj.data.rejects import Rejects

GET = "github.com/Continual-Intelligence/SEAL (knowledge-incorporation/data) or rajpurkar.github.io/SQuAD-explorer"


def data_set(settings: DataSettings, rejects: Rejects) -> DataSet:
    """Pools `documents` (passages) and `questions`, and `views_NAME` for each file `aug_NAME`: passages with texts written
    about them by a language model. Files named `judged_*` hold model answers and are not read.

    Raises:
        UsageError: there is no file with passages.
    """
    files = Originals(settings, GET, "rajpurkar/squad")
    members = [member for member in files.everything() if not member.name.startswith("judged_")]
    augmented = [member for member in members if member.name.startswith("aug_")]
    passages = [member for member in members if member not in augmented] or augmented[:1]
    pools = Pools(settings, rejects)
    pools.add("documents", lambda reading: reading.first(_read(reading, passages)), names_of(passages))
    pools.add("questions", lambda reading: _asked(reading, passages), names_of(passages))
    for member in augmented:
        pools.add(f"views_{member.name.removeprefix('aug_')}", _views(member), names_of([member]))
    return pools.data


@dataclass(frozen=True)
class _Passage:
    title: str | None
    text: str
    asked: list[Json]
    """Questions as they stand: `question`, `answer` or `answers`, perhaps `id`."""
    meta: Json

    @property
    def id(self) -> str:
        return content_id(self.text)

    def document(self) -> Document:
        return Document(id=self.id, text=self.text, title=self.title, meta=self.meta)


def _passages(row: Json) -> Iterator[_Passage]:
    """The passages of a row, whichever of the three forms it has."""
    if isinstance(row.get("data"), list):
        for article in row["data"]:
            yield from _passages(article)
    elif isinstance(row.get("paragraphs"), list):
        for paragraph in row["paragraphs"]:
            yield _Passage(row.get("title"), text_of(paragraph, "context"), paragraph.get("qas") or [], {})
    elif isinstance(row.get("questions"), list):
        meta = rest_of(row, "title", "context", "questions", "completions", "prompt")
        yield _Passage(row.get("title"), text_of(row, "context"), row["questions"], meta)
    else:
        text_of(row, "question")
        yield _Passage(row.get("title"), text_of(row, "context"), [rest_of(row, "title", "context")], {})


def _read(reading: Reading, members: list[Member]) -> Iterator[Document]:
    """Each passage once: the Hub's rows repeat it for every question."""
    seen: set[str] = set()

    def build(_: int, row: Json) -> Iterator[Document]:
        for passage in _passages(row):
            if passage.id not in seen:
                seen.add(passage.id)
                yield passage.document()

    return reading.records(rows_of(members, reading.rejects), build)


def _asked(reading: Reading, members: list[Member]) -> Iterator[Question]:
    numbers: Counter[str] = Counter()

    def build(_: int, row: Json) -> Iterator[Question]:
        for passage in _passages(row):
            for asked in passage.asked:
                numbers[passage.id] += 1
                answers = _answers(asked)
                if answers:
                    yield _question(passage.id, numbers[passage.id], asked, answers)
                else:
                    reading.left_out["without an answer in the passage"] += 1

    made = reading.records(rows_of(members, reading.rejects), build)
    return reading.first(made, lambda question: question.document)


def _answers(asked: Json) -> list[str]:
    """The accepted answers, each once, in order; none where the passage does not hold one (SQuAD 2)."""
    if "answer" in asked:
        return texts_of(asked, "answer")
    given = asked.get("answers")
    if isinstance(given, dict):  # the Hub's columns
        given = [{"text": text} for text in given.get("text") or []]
    if not isinstance(given, list):
        raise RecordError(
            f"has a question without answers; it has: {', '.join(asked)}", "are these the original files?"
        )
    return list(dict.fromkeys(text_of(answer, "text") for answer in given))


def _question(passage: str, number: int, asked: Json, answers: list[str]) -> Question:
    identity = str(asked.get("id") or f"{passage}.{number}")
    meta = rest_of(asked, "id", "question", "answer", "answers", "plausible_answers", "is_impossible")
    return Question(id=identity, document=passage, prompt=text_of(asked, "question"), answers=answers, meta=meta)


def _views(member: Member) -> Callable[[Reading], Iterator[Document]]:
    method = member.name.removeprefix("aug_")

    def build(_: int, row: Json) -> Iterator[Document]:
        for passage in _passages(row):
            yield passage.document()
            for index, text in enumerate(texts_of(row, "completions"), start=1):
                view = View(method=method, index=index, seed=0)
                yield Document(id=f"{passage.id}.{index}", text=text, source=passage.id, view=view)

    return lambda reading: reading.first(reading.records(member.rows(reading.rejects), build))
