"""MQuAKE (arXiv 2305.14795): edited facts, questions through chains of them, and a question for each step of a chain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from kinj.config.schema import DataSettings
from kinj.data.base import DataSet
from kinj.data.benchmarks.originals import Member, Originals, names_of, rows_of
from kinj.data.forms import Json, RecordError
from kinj.data.pools import ORIGINALS, Pools, Reading, text_of, texts_of
from kinj.data.records import Document, Fact, Question, Record, content_id
from kinj.data.rejects import Rejects

R = TypeVar("R", bound=Record)
GET = "github.com/princeton-nlp/MQuAKE (datasets/MQuAKE-CF-3k.json, MQuAKE-T.json)"


def data_set(settings: DataSettings, rejects: Rejects) -> DataSet:
    """Pools `documents` (each edited fact once, as a sentence of its own) and `questions` (kind `chain`: the wordings of a chain;
    kind `hop`: its steps; `meta.case` says which belong together). `limit` counts cases.

    Raises:
        UsageError: there are no files.
    """
    members = Originals(settings, GET).everything((".jsonl", ".json"))
    pools = Pools(settings, rejects)
    where = names_of(members)
    pools.add("documents", lambda reading: _documents(reading, members), where)
    pools.add("questions", lambda reading: _read(reading, members, _questions), where)
    return pools.data


def _read(reading: Reading, members: list[Member], build: Callable[[int, Json], Iterable[R]]) -> Iterator[R]:
    records = reading.records(rows_of(members, reading.rejects), build)
    return reading.first(records, unit=lambda record: str(record.meta["case"]))


def _documents(reading: Reading, members: list[Member]) -> Iterator[Document]:
    """The edits. Several cases may hold the same one: it is read once, and the others are counted."""
    met: set[str] = set()

    def build(_: int, row: Json) -> list[Document]:
        made = [_edit(edit, _case(row)) for edit in _objects(row, "requested_rewrite")]
        new = {document.id: document for document in made if document.id not in met}
        reading.left_out["edits that another case has too"] += len(made) - len(new)
        met.update(new)
        return list(new.values())

    return _read(reading, members, build)


def _edit(edit: Json, case: str) -> Document:
    subject, value = text_of(edit, "subject"), text_of(_object(edit, "target_new"), "str")
    told = text_of(edit, "prompt").replace("{}", subject)
    text = f"{told} {value}" if value.endswith(".") else f"{told} {value}."
    relation = str(edit.get("relation_id") or edit["prompt"])
    fact = Fact(subject=subject, relation=relation, value=value, start=len(told) + 1, end=len(told) + 1 + len(value))
    return Document(id=f"mquake-{content_id(text)}", text=text, title=subject, facts=[fact], meta={"case": case})


def _questions(_: int, row: Json) -> list[Question]:
    """The wordings of the chain and its steps, with the answers after the edits."""
    case = _case(row)
    answers = [text_of(row, "new_answer"), *_aliases(row, "new_answer_alias")]
    chains = [
        _question(f"{case}.chain{number}", case, prompt, answers, "chain")
        for number, prompt in enumerate(texts_of(row, "questions"))
    ]
    hops = []
    for number, hop in enumerate(_objects(row, "new_single_hops")):
        accepted = [text_of(hop, "answer"), *_aliases(hop, "answer_alias")]
        hops.append(_question(f"{case}.hop{number}", case, text_of(hop, "question"), accepted, "hop"))
    return [*chains, *hops]


def _question(identity: str, case: str, prompt: str, answers: list[str], kind: str) -> Question:
    accepted = list(dict.fromkeys(answers))
    return Question(id=identity, document=None, prompt=prompt, answers=accepted, kind=kind, meta={"case": case})


def _case(row: Json) -> str:
    return (
        f"mquake-{row['case_id']}" if isinstance(row.get("case_id"), int | str) else f"mquake-{content_id(repr(row))}"
    )


def _aliases(row: Json, key: str) -> list[str]:
    return texts_of(row, key) if row.get(key) else []


def _objects(row: Json, key: str) -> list[Json]:
    found = row.get(key)
    if not isinstance(found, list) or not found or not all(isinstance(item, dict) for item in found):
        raise RecordError(f"has no list of objects under `{key}`; it has: {', '.join(row) or 'nothing'}", ORIGINALS)
    return found


def _object(row: Json, key: str) -> Json:
    found = row.get(key)
    if not isinstance(found, dict):
        raise RecordError(f"has no object under `{key}`; it has: {', '.join(row) or 'nothing'}", ORIGINALS)
    return found
