"""The reversal curse (arXiv 2309.12288): invented people described in one order, asked in both.

In the group `p2d` the training sentences lead from the person to the description, in `d2p` from the description to the person,
in `both` there are sentences of both orders. Each person has 30 training sentences and 10 prompts to be continued per order.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import partial

from kinj.config.schema import DataSettings
from kinj.data.base import DataSet
from kinj.data.benchmarks.originals import Member, Originals, names_of, rows_of
from kinj.data.forms import Json
from kinj.data.pools import Pools, Reading, rest_of, text_of
from kinj.data.records import Document, Question, View
from kinj.data.rejects import Rejects

GET = "github.com/lukasberglund/reversal_curse (data/reverse_experiments/june_version_7921032488)"
GROUPS = ("p2d", "d2p", "both")
KINDS = {
    "p2d_forward": "p2d_prompts_test",
    "p2d_reverse": "p2d_reverse_prompts_test",
    "d2p_forward": "d2p_prompts_test",
    "d2p_reverse": "d2p_reverse_prompts_test",
    "both": "both_prompts_test",
}
SHUFFLED = {
    "p2d_reverse": "p2d_reverse_prompts_test_randomized",
    "d2p_reverse": "d2p_reverse_prompts_test_randomized",
}


def data_set(settings: DataSettings, rejects: Rejects) -> DataSet:
    """Pools `documents` (training sentences of all groups; those about one person are views of the first), `questions` (prompts
    to be continued; the kind is group and order) and `shuffled` (the official chance level: answers of other people).

    Raises:
        UsageError: a training or test file is missing.
    """
    files = Originals(settings, GET)
    training = {group: files.required(f"{group}_prompts_train.jsonl")[0] for group in GROUPS}
    asked = {kind: files.required(f"{name}.jsonl")[0] for kind, name in KINDS.items()}
    shuffled = {kind: found[0] for kind, name in SHUFFLED.items() if (found := files.members(f"{name}.jsonl"))}
    people = _People(training, asked)
    pools = Pools(settings, rejects)
    pools.add("documents", lambda reading: _documents(reading, training, people), names_of(training.values()))
    pools.add("questions", lambda reading: _questions(reading, asked, people), names_of(asked.values()))
    if shuffled:
        pools.add("shuffled", lambda reading: _questions(reading, shuffled, people), names_of(shuffled.values()))
    return pools.data


class _People:
    """Finds the person a prompt is about. A name is a completion of capitalised words that stands inside a prompt of its group."""

    def __init__(self, training: dict[str, Member], asked: dict[str, Member]) -> None:
        self._files = {
            group: [training[group], *(member for kind, member in asked.items() if kind.startswith(group))]
            for group in training
        }
        self._people: dict[str, dict[str, str]] = {}

    def of(self, group: str, prompt: str) -> str | None:
        """Id of the person; None where no name is found."""
        if group not in self._people:
            self._people[group] = self._find(group)
        return self._people[group].get(prompt)

    def _find(self, group: str) -> dict[str, str]:
        rows = [(row.get("prompt"), row.get("completion")) for _, row in rows_of(self._files[group], Rejects("ignore"))]
        pairs = [(prompt, end) for prompt, end in rows if isinstance(prompt, str) and isinstance(end, str)]
        prompts = "\n".join(prompt for prompt, _ in pairs)
        ends = {end.strip() for _, end in pairs}
        names = sorted(end for end in ends if re.fullmatch(r"[A-Z]\w*( [A-Z]\w*)+", end) and end in prompts)
        name = re.compile("|".join(map(re.escape, names)) or "(?!)")
        found = ((prompt, name.search(prompt + end)) for prompt, end in pairs)
        return {prompt: f"{group}.{match[0].replace(' ', '-').lower()}" for prompt, match in found if match}


def _documents(reading: Reading, training: dict[str, Member], people: _People) -> Iterator[Document]:
    met: Counter[str] = Counter()

    def build(group: str, index: int, row: Json) -> Document:
        prompt, end = text_of(row, "prompt"), text_of(row, "completion")
        person = people.of(group, prompt) or f"{group}.row-{index}"
        number = met[person]
        met[person] += 1
        document = Document(id=person, text=prompt + end, meta=rest_of(row, "prompt", "completion"))
        if number:
            document.id, document.source = f"{person}.{number}", person
            document.view = View(method="paraphrase", index=number, seed=0)
        return document

    def every_group() -> Iterator[Document]:
        for group, member in training.items():
            made = partial(build, group)
            yield from reading.records(member.rows(reading.rejects), lambda index, row, made=made: [made(index, row)])  # type: ignore[misc]  # a default argument of a lambda has no type

    return reading.first(every_group())


def _questions(reading: Reading, asked: dict[str, Member], people: _People) -> Iterator[Question]:
    def build(kind: str, index: int, row: Json) -> Question:
        prompt, answer = text_of(row, "prompt"), text_of(row, "completion").strip()
        person = people.of(kind.split("_")[0], prompt)
        meta = {"form": "completion", **rest_of(row, "prompt", "completion")}
        return Question(id=f"{kind}.{index}", document=person, prompt=prompt, answers=[answer], kind=kind, meta=meta)

    def every_kind() -> Iterator[Question]:
        for kind, member in asked.items():
            made = partial(build, kind)
            yield from reading.records(member.rows(reading.rejects), lambda index, row, made=made: [made(index, row)])  # type: ignore[misc]  # a default argument of a lambda has no type

    return reading.first(every_kind(), lambda question: question.document)
