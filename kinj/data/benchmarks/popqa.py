"""PopQA (arXiv 2212.10511): questions about entities whose popularity is known, without documents."""

from __future__ import annotations

import re
from collections.abc import Iterator

import orjson

from kinj.config.schema import DataSettings
from kinj.data.base import DataSet
from kinj.data.benchmarks.originals import Member, Originals, names_of, rows_of
from kinj.data.forms import Json, RecordError
from kinj.data.pools import Pools, Reading, rest_of, text_of, texts_of
from kinj.data.records import Question
from kinj.data.rejects import Rejects

GET = "huggingface.co/datasets/akariasai/PopQA"
FORMS = (("question", "possible_answers"), ("input", "output"))
"""Keys of question and answers: of the benchmark's own table, and of the subset form."""


def data_set(settings: DataSettings, rejects: Rejects) -> DataSet:
    """Pool `questions`, and `dev_questions` where a file with `dev` in its name lies beside others.

    The kind of a question is the power of ten of its subject's popularity (`s_pop`): `popularity_100-999` page views.

    Raises:
        UsageError: there are no files.
    """
    members = Originals(settings, GET, "akariasai/PopQA:test").everything()
    dev = [member for member in members if "dev" in re.split(r"[^a-z]+", member.name.lower())]
    main = [member for member in members if member not in dev] or dev
    pools = Pools(settings, rejects)
    pools.add("questions", lambda reading: _read(reading, main), names_of(main))
    if dev and dev != main:
        pools.add("dev_questions", lambda reading: _read(reading, dev), names_of(dev))
    return pools.data


def _read(reading: Reading, members: list[Member]) -> Iterator[Question]:
    def build(index: int, row: Json) -> list[Question]:
        question, answers = next((form for form in FORMS if form[0] in row), FORMS[0])
        prompt, accepted = text_of(row, question), _answers(row, answers)
        identity = f"popqa-{row['id']}" if isinstance(row.get("id"), int | str) else f"popqa-row-{index}"
        meta = {key: _number(value) if key.endswith("_pop") else value for key, value in row.items()}
        return [
            Question(
                id=identity,
                document=None,
                prompt=prompt,
                answers=accepted,
                kind=_band(meta.get("s_pop")),
                meta=rest_of(meta, "id", question, answers),
            )
        ]

    return reading.first(reading.records(rows_of(members, reading.rejects), build))


def _answers(row: Json, key: str) -> list[str]:
    """The accepted answers. The benchmark stores the list as a text in JSON."""
    value = row.get(key)
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise RecordError(f"has under `{key}` no list in JSON: {value[:60]}") from error
    return list(dict.fromkeys(texts_of(row | {key: value}, key)))


def _band(popularity: object) -> str:
    """The power of ten that a number of page views lies in; below 100 is one band, since few questions are about less."""
    if not isinstance(popularity, int):
        return "popularity_unknown"
    digits = max(2, len(str(popularity)))
    return f"popularity_{10 ** (digits - 1) if digits > 2 else 0}-{10**digits - 1}"


def _number(value: object) -> object:
    """Popularity (page views) as a number; a table gives it as text."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value
