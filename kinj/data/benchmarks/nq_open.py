"""NQ-open (Lee et al. 2019, arXiv 1906.00300) and EfficientQA: questions with short answers, without documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kinj.config.schema import DataSettings
from kinj.data.base import DataSet
from kinj.data.benchmarks.originals import Member, Originals, names_of
from kinj.data.forms import Json
from kinj.data.pools import Pools, Reading, rest_of, text_of, texts_of
from kinj.data.records import Question
from kinj.data.rejects import Rejects

GET = "github.com/google-research-datasets/natural-questions (nq_open/)"
POOLS = {
    "questions": "NQ-open.dev.jsonl",
    "train_questions": "NQ-open.train.jsonl",
    "efficientqa_dev": "NQ-open.efficientqa.dev.*.jsonl",
    "efficientqa_test": "NQ-open.efficientqa.test.*.jsonl",
}


def data_set(settings: DataSettings, rejects: Rejects) -> DataSet:
    """A pool for each file of the folder: `questions` (dev), `train_questions`, `efficientqa_dev`, `efficientqa_test`. A single
    file, or a split on the Hub, is `questions`. The file `.train.` has all questions to be trained on.

    Raises:
        UsageError: there is none of these files.
    """
    files = Originals(settings, GET, "google-research-datasets/nq_open:validation")
    found = {} if files.on_hub else {name: files.members(pattern)[:1] for name, pattern in POOLS.items()}
    if files.on_hub or files.root.is_file():
        found = {"questions": files.everything()}
    elif not any(found.values()):
        files.required(*POOLS.values())
    pools = Pools(settings, rejects)
    for name, members in found.items():
        if members:
            pools.add(name, _read(name, members[0]), names_of(members))
    return pools.data


def _read(name: str, member: Member) -> Callable[[Reading], Iterator[Question]]:
    prefix = "nq" if name == "questions" else f"nq-{name.replace('_', '-')}"

    def build(index: int, row: Json) -> list[Question]:
        prompt, answers = text_of(row, "question"), list(dict.fromkeys(texts_of(row, "answer")))
        meta = rest_of(row, "question", "answer")
        return [Question(id=f"{prefix}-{index:05d}", document=None, prompt=prompt, answers=answers, meta=meta)]

    return lambda reading: reading.first(reading.records(member.rows(reading.rejects), build))
