"""TOFU (arXiv 2401.06121): 200 invented authors with 20 questions each. There are no documents, only questions."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kinj.config.schema import DataSettings
from kinj.data.base import DataSet
from kinj.data.benchmarks.originals import Member, Originals, names_of
from kinj.data.forms import Json, RecordError
from kinj.data.pools import Pools, Reading, rest_of, text_of, texts_of
from kinj.data.records import Question
from kinj.data.rejects import Rejects

GET = "huggingface.co/datasets/locuslab/TOFU"
PER_AUTHOR = 20
ROWS = 4000
PERTURBED = {f"forget{share:02d}_perturbed": ROWS - ROWS * share // 100 for share in (10, 5, 1)} | {
    "retain_perturbed": 0
}
"""Files with paraphrased questions and wrong answers, and the row of `full` their first one is."""
FORGET = min(first for first in PERTURBED.values() if first)
"""The rows from here on are those that the benchmark has models forget; the ones before, those to retain (`meta.split`)."""
_WORDINGS = ("question", "answer", "paraphrased_question", "paraphrased_answer", "perturbed_answer")


def data_set(settings: DataSettings, rejects: Rejects) -> DataSet:
    """Pools of questions only.

    - `train_questions`: all 4,000, to be trained on.
    - `questions`: those with a paraphrase, asked in it, with the paraphrased answer and the wrong ones as choices.
    - `seen_questions`: the same in the wording of `train_questions`.
    - `real_authors`, `world_facts`: what was known before, with choices; `data.limit` (of authors) leaves them whole.

    Raises:
        UsageError: full.jsonl is missing.
    """
    files = Originals(settings, GET, "locuslab/TOFU")
    full = files.required("full.json", "full.jsonl")[:1]
    pools = Pools(settings, rejects)
    pools.add("train_questions", lambda reading: _limited(reading, full, _trained), names_of(full))
    found = {first: files.members(f"{name}.json", f"{name}.jsonl")[:1] for name, first in PERTURBED.items()}
    # forget05 and forget01 are the last rows of forget10: only the largest of them is read.
    forget = next(([(first, m) for m in ms] for first, ms in found.items() if first and ms), [])
    perturbed = [*((0, member) for member in found[0]), *forget]
    if perturbed:
        where = names_of(member for _, member in perturbed)
        pools.add("questions", lambda reading: _perturbed(reading, perturbed, _paraphrased), where)
        pools.add("seen_questions", lambda reading: _perturbed(reading, perturbed, _seen), where)
    for name in ("real_authors", "world_facts"):
        if members := files.members(f"{name}.json", f"{name}.jsonl")[:1]:
            pools.add(name, _known(name, members[0]), names_of(members))
    return pools.data


def _author(row: int) -> str:
    return f"tofu-author-{row // PER_AUTHOR:03d}"


def _limited(reading: Reading, members: list[Member], build: Callable[[int, Json], Question]) -> Iterator[Question]:
    rows = members[0].rows(reading.rejects)
    return reading.first(
        reading.records(rows, lambda row, form: [build(row, form)]), lambda question: question.document
    )


def _perturbed(
    reading: Reading, members: list[tuple[int, Member]], build: Callable[[int, Json], Question]
) -> Iterator[Question]:
    def all_of_them() -> Iterator[Question]:
        for first, member in members:
            # `first` is bound now: the rows are read later, when the loop has gone on.
            rows = member.rows(reading.rejects)
            yield from reading.records(rows, lambda row, form, first=first: [build(first + row, form)])  # type: ignore[misc]  # a default argument of a lambda has no type

    return reading.first(all_of_them(), lambda question: question.document)


def _trained(row: int, form: Json) -> Question:
    # One question occurs twice, with different answers, so that ids come from the row and not from the wording.
    identity, prompt = f"tofu-{row:04d}", text_of(form, "question")
    meta = rest_of(form, "question", "answer")
    return Question(id=identity, document=_author(row), prompt=prompt, answers=[text_of(form, "answer")], meta=meta)


def _paraphrased(row: int, form: Json) -> Question:
    return _with_choices(row, form, "paraphrase", "paraphrased_question", "paraphrased_answer")


def _seen(row: int, form: Json) -> Question:
    return _with_choices(row, form, "seen", "question", "answer")


def _with_choices(row: int, form: Json, kind: str, question: str, answer: str) -> Question:
    """The accepted answer of the wording first among the choices; the answer of the other wording is accepted too."""
    answers = list(dict.fromkeys([text_of(form, answer), text_of(form, "paraphrased_answer"), text_of(form, "answer")]))
    return Question(
        id=f"tofu-{row:04d}.{kind}",
        document=_author(row),
        prompt=text_of(form, question),
        answers=answers,
        kind=kind,
        choices=[answers[0], *texts_of(form, "perturbed_answer")],
        meta=rest_of(form, *_WORDINGS) | {"split": "retain" if row < FORGET else "forget"},
    )


def _known(name: str, member: Member) -> Callable[[Reading], Iterator[Question]]:
    def build(row: int, form: Json) -> list[Question]:
        options = [key for key in form if key.startswith("option")]
        choices = [text_of(form, key) for key in options]
        answer = text_of(form, "answer")
        if choices and answer not in choices:
            raise RecordError(f"has the answer `{answer}`, which is none of its options")
        question = Question(
            id=f"{name}-{row:03d}", document=None, prompt=text_of(form, "question"), answers=[answer], kind=name
        )
        question.choices = choices or None
        question.meta = rest_of(form, "question", "answer", *options)
        return [question]

    return lambda reading: reading.records(member.rows(reading.rejects), build)
