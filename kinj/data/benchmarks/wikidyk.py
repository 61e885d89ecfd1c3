"""WikiDYK (arXiv 2505.12306): facts from Wikipedia's "Did you know" and questions about them in several dimensions.

The official file is one JSON array of cases, as the benchmark's own scripts read them:

    {"case_id", "year", "month", "date", "fact": "that ...?", "eval": {DIMENSION: {"prompt", "answer"}}, "bold_entity_page"}

and, in files made for training, `paraphrases`, `reordered_facts` and `generated_qas`. The subset form has one line a fact:
`{"id", "input", "output", "year", "fact"}`, with the reliability question only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from kinj.config.schema import DataSettings
from kinj.data.base import DataSet
from kinj.data.benchmarks.originals import Member, Originals, names_of, rows_of
from kinj.data.forms import Json, RecordError
from kinj.data.pools import Pools, Reading, rest_of, text_of, texts_of
from kinj.data.records import Document, Question, View, content_id
from kinj.data.rejects import Rejects
from kinj.data.rows import read_rows
from kinj.data.writers import atomic_write, to_json

GET = "huggingface.co/datasets/YWZBrandon/wikidyk"
DIMENSIONS = ("reliability", "generality", "paraphrase", "portability", "counterfactual", "factual", "locality")
REWRITTEN = {"paraphrases": ("paraphrase", "paraphrased_fact"), "reordered_facts": ("reordered", "reordered_fact")}
"""Lists of rewritten facts: the method its views are named after, and the key of the text in an item."""
_LEAD_IN = re.compile(r"(?:\.\.\.|…)?\s*that\b,?\s*")


def data_set(settings: DataSettings, rejects: Rejects) -> DataSet:
    """Pools `documents` and `questions` (the dimension is a question's kind); `views` and `train_questions`, if the first case
    has what they need; and `dev_documents` and `dev_questions` where a file with `dev` in its name lies beside others.

    Raises:
        UsageError: there are no files.
    """
    members = Originals(settings, GET, "YWZBrandon/wikidyk").everything()
    dev = [member for member in members if "dev" in re.split(r"[^a-z]+", member.name.lower())]
    main = [member for member in members if member not in dev] or dev
    pools = Pools(settings, rejects)
    _add(pools, "", main)
    first: Json = next((row for _, row in rows_of(main, Rejects("ignore"))), {})
    if first.keys() & REWRITTEN.keys():
        pools.add("views", lambda reading: _views(reading, main), names_of(main))
    if "generated_qas" in first:
        pools.add("train_questions", lambda reading: _asked(reading, main, _training), names_of(main))
    if dev and dev != main:
        _add(pools, "dev_", dev)
    return pools.data


def _add(pools: Pools, prefix: str, members: list[Member]) -> None:
    def facts(reading: Reading) -> Iterator[Document]:
        return reading.first(reading.records(rows_of(members, reading.rejects), lambda _, row: [_fact(row)]))

    pools.add(f"{prefix}documents", facts, names_of(members))
    pools.add(f"{prefix}questions", lambda reading: _asked(reading, members, _questions), names_of(members))


def _views(reading: Reading, members: Sequence[Member]) -> Iterator[Document]:
    """Facts that have rewritten forms, each followed by them."""

    def build(_: int, case: Json) -> list[Document]:
        made = list(_with_views(case))
        if len(made) > 1:
            return made
        reading.left_out["without rewritten forms"] += 1
        return []

    return reading.first(reading.records(rows_of(members, reading.rejects), build))


def _asked(reading: Reading, members: Sequence[Member], build: Any) -> Iterator[Question]:
    made = reading.records(rows_of(members, reading.rejects), lambda _, row: build(row, reading))
    again = Reading(reading.settings, reading.rejects)
    return reading.about(made, lambda: again.records(rows_of(members, reading.rejects), lambda _, row: [_fact(row)]))


def read_official(path: str | Path) -> list[Json]:
    """The cases of an official file as they are.

    Raises:
        UsageError: there is no such file.
        BadRecord: an item is not an object.
    """
    return [row for _, row in read_rows(str(path), Rejects())]


def write_official(path: str | Path, cases: Iterable[Json]) -> None:
    """Writes cases as an official file: one JSON array.

    Raises:
        RecordError: a case has no fact or no questions.
    """
    made = list(cases)
    for case in made:
        _fact(case)
        if not isinstance(case.get("eval"), dict) or not case["eval"]:
            raise RecordError(f"case {case_id(case)} has no questions under `eval`")
    atomic_write(path, b"[\n" + b",\n".join(to_json(case) for case in made) + b"\n]\n")


def case_id(case: Json) -> str:
    """The case's id; in the subset form `id`, and a hash of the fact where there is neither."""
    value = case.get("case_id", case.get("id"))
    return str(value) if isinstance(value, int | str) else content_id(text_of(case, "fact"))


def as_statement(fact: str) -> str:
    """The fact without its lead-in `that` and its final question mark (sheet 04, step 2).

    The official code cuts four characters, which leaves the comma of `that, for ...`; here it goes too.
    """
    statement = fact.strip()
    lead_in = _LEAD_IN.match(statement)
    return (statement[lead_in.end() :] if lead_in else statement).removesuffix("?").strip()


def _fact(case: Json) -> Document:
    text = as_statement(text_of(case, "fact"))
    if not text:
        raise RecordError("has a fact without words")
    meta = rest_of(case, "case_id", "id", "eval", "input", "output", "generated_qas", *REWRITTEN)
    return Document(id=case_id(case), text=text, meta=meta)


def _with_views(case: Json) -> Iterator[Document]:
    fact = _fact(case)
    rewritten = [
        (method, item[key])
        for name, (method, key) in REWRITTEN.items()
        for item in case.get(name) or []
        if isinstance(item, dict) and isinstance(item.get(key), str)
    ]
    yield fact
    for index, (method, text) in enumerate(rewritten, start=1):
        view = View(method=method, index=index, seed=0)
        yield Document(id=f"{fact.id}.{index}", text=text, source=fact.id, view=view)


def _questions(case: Json, reading: Reading) -> Iterator[Question]:
    if "eval" not in case:
        asked = {"prompt": text_of(case, "input"), "answer": texts_of(case, "output")}
        yield _question(case, "reliability", asked)
        return
    for dimension, pair in (case["eval"] or {}).items():
        if isinstance(pair, dict) and pair.get("prompt") and pair.get("answer") not in (None, "", []):
            yield _question(case, dimension, pair)
        elif pair:
            reading.left_out[f"without prompt or answer ({dimension})"] += 1


def _question(case: Json, dimension: str, pair: Json) -> Question:
    identity, meta = case_id(case), {key: case[key] for key in ("year", "month", "date") if case.get(key) is not None}
    meta |= rest_of(pair, "prompt", "answer")
    prompt, answers = text_of(pair, "prompt"), texts_of(pair, "answer")
    return Question(
        id=f"{identity}.{dimension}", document=identity, prompt=prompt, answers=answers, kind=dimension, meta=meta
    )


def _training(case: Json, reading: Reading) -> Iterator[Question]:
    for index, pair in enumerate(case.get("generated_qas") or []):
        if isinstance(pair, dict) and pair.get("question") and pair.get("answer") not in (None, "", []):
            prompt, answers = text_of(pair, "question"), texts_of(pair, "answer")
            yield Question(
                id=f"{case_id(case)}.qa{index}", document=case_id(case), prompt=prompt, answers=answers, kind="train"
            )
        else:
            reading.left_out["without question or answer"] += 1
