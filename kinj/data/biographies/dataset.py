"""The data set `biographies`: people to inject, teachers, and population A, which the embedded model has met."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from kinj.config.schema import BiographySettings, DataSettings
from kinj.data.base import Account, DataSet
from kinj.data.biographies.exposure import check_exposure
from kinj.data.biographies.people import Population
from kinj.data.biographies.questions import FORMS, check_wordings, questions
from kinj.data.biographies.text import biography, documents
from kinj.data.records import Document, Question, Record

BASE_PEOPLE = 1000
"""Size of population A. Person i has questions if i is even, and is replayed if i % 4 is 0 or 1."""
BASE_SEED = 0
BASE_VIEWS, BASE_WORDINGS, EXTRA_WORDINGS = 24, 4, 6
REPLAY_VIEWS = 2
TEACHER_WORDINGS = 2
STRANGERS = 200
"""People of population Z, whom nothing is ever trained on."""


def data_set(settings: DataSettings) -> DataSet:
    """Pools of generated people; nothing is generated before a pool is read.

    - `documents`, `questions`: the people to inject (population `B` and the data seed); all forms of question.
    - `reworded`: one text about each of them in sentences that no other pool has.
    - `taught_questions`: one question for each of their attributes, in training wordings.
    - `train_documents`, `train_questions`: the teachers (population `C` and the data seed); training wordings.
    - `replay`: half of A, two texts each, with questions about half of those people.
    - `known_replayed`, `known_unreplayed`: held-out wordings about the people of A who are, and are not, in `replay`.
    - `unquestioned`: all forms, held-out wordings, about the people of A that no question was trained on for.
    - `base_documents`, `base_questions`: all of A in 24 texts each; questions about half of them, training wordings.
    - `base_extra_questions`: about the same half in further wordings, for the second stage of pre-training.
    - `strangers`: held-out wordings about people nothing was trained on for.

    Evaluation questions come in the wordings of `biographies.wordings`; the lines above call them held-out.

    `limit` counts people, in the pools of the first four lines and in `base_*`; older knowledge is measured in full.

    Raises:
        UsageError: a population that does not exist or is too small, or settings `documents` or `questions` refuse.
    """
    made = _Pools(settings)
    pools: dict[str, Callable[[], Iterable[Record]]] = {
        "documents": made.documents,
        "questions": made.questions,
        "reworded": made.reworded,
        "taught_questions": made.taught_questions,
        "train_documents": made.train_documents,
        "train_questions": made.train_questions,
        "replay": replay,
        "known_replayed": lambda: _known(made.people.wordings, replayed=True),
        "known_unreplayed": lambda: _known(made.people.wordings, replayed=False),
        "unquestioned": lambda: unquestioned(made.people.wordings),
        "base_documents": made.base_documents,
        "base_questions": made.base_questions,
        "base_extra_questions": made.base_extra_questions,
        "strangers": lambda: _strangers(made.people.wordings),
    }
    result = DataSet(settings.name, {})
    result.pools = {name: _counted(result, name, records, made.left_out(name)) for name, records in pools.items()}
    return result


def base_population() -> Population:
    """Population A: the same people for every data seed."""
    return Population("A", BASE_PEOPLE)


class _Pools:
    """The pools that depend on settings."""

    def __init__(self, settings: DataSettings) -> None:
        self.seed = settings.seed
        self.people: BiographySettings = settings.biographies
        self.limit = settings.limit
        check_exposure(self.people.views, self.people.exposure)
        check_wordings(FORMS, self.people.wordings, self.people.questions_per_attribute)
        self.injected = Population(self.people.population or f"B{self.seed}", self._most(self.people.people))

    def _most(self, count: int) -> int:
        return count if self.limit is None else min(count, self.limit)

    def left_out(self, pool: str) -> int:
        """How many people `limit` keeps out of a pool."""
        of = dict.fromkeys(("documents", "questions", "reworded", "taught_questions"), self.people.people) | {
            "base_documents": BASE_PEOPLE
        }
        of |= {"train_documents": self.people.teachers, "train_questions": self.people.teachers}
        of |= {"base_questions": BASE_PEOPLE, "base_extra_questions": BASE_PEOPLE}
        return of.get(pool, 0) - self._most(of.get(pool, 0))

    def _teachers(self) -> Population:
        return Population(f"C{self.seed}", self._most(self.people.teachers))

    def _texts(self, population: Population) -> Iterator[Document]:
        return documents(
            population,
            seed=self.seed,
            views=self.people.views,
            permute=self.people.permute,
            full_name=self.people.full_name,
            exposure=self.people.exposure,
        )

    def documents(self) -> Iterator[Document]:
        return self._texts(self.injected)

    def questions(self) -> Iterator[Question]:
        wanted = self.people.questions_per_attribute
        return questions(self.injected, seed=self.seed, split=self.people.wordings, per_attribute=wanted)

    def reworded(self) -> Iterator[Document]:
        return documents(self.injected, seed=self.seed, split="held_out")

    def taught_questions(self) -> Iterator[Question]:
        return questions(self.injected, seed=self.seed, split="train", forms=("forward",))

    def train_documents(self) -> Iterator[Document]:
        return self._texts(self._teachers())

    def train_questions(self) -> Iterator[Question]:
        return questions(self._teachers(), seed=self.seed, split="train", per_attribute=TEACHER_WORDINGS)

    def base_documents(self) -> Iterator[Document]:
        people = Population("A", self._most(BASE_PEOPLE))
        return (_base_text(people, index, view) for index in range(people.size) for view in range(BASE_VIEWS))

    def base_questions(self) -> Iterator[Question]:
        return self._base_questions("train", BASE_WORDINGS)

    def base_extra_questions(self) -> Iterator[Question]:
        return self._base_questions("extra", EXTRA_WORDINGS)

    def _base_questions(self, split: str, wordings: int) -> Iterator[Question]:
        people = Population("A", self._most(BASE_PEOPLE))
        asked = range(0, people.size, 2)
        return questions(people, seed=BASE_SEED, split=split, per_attribute=wordings, people=asked)


def replay() -> Iterator[Record]:
    """Texts of half of A (already met in pre-training), and questions about half of those people."""
    people = base_population()
    for index in _replayed(True):
        yield from (_base_text(people, index, view) for view in range(REPLAY_VIEWS))
        if index % 2 == 0:
            yield from questions(people, seed=BASE_SEED, split="train", people=[index])


def unquestioned(wordings: str) -> Iterator[Question]:
    """The extraction test of arXiv 2309.14316 (sheet 07, step 4): questions about people met in texts only."""
    return questions(base_population(), seed=BASE_SEED, split=wordings, people=range(1, BASE_PEOPLE, 2))


def _strangers(wordings: str) -> Iterator[Question]:
    return questions(Population("Z", STRANGERS), seed=BASE_SEED, split=wordings, forms=("forward",))


def _known(wordings: str, replayed: bool) -> Iterator[Question]:
    people = _replayed(replayed)
    return questions(base_population(), seed=BASE_SEED, split=wordings, forms=("forward",), people=people)


def _replayed(wanted: bool) -> Iterator[int]:
    return (index for index in range(BASE_PEOPLE) if (index % 4 in (0, 1)) == wanted)


def _base_text(people: Population, index: int, view: int) -> Document:
    # Every other text repeats the full name, so that the model meets both ways of writing.
    return biography(people.person(index), view, seed=BASE_SEED, permute=True, full_name=view % 2 == 1)


def _counted(
    into: DataSet, name: str, records: Callable[[], Iterable[Record]], left_out: int
) -> Callable[[], Iterable[Record]]:
    """The same records, with an account that is started anew at every reading."""
    account = Account(f"{into.name}: {name}")
    if left_out:
        account.left_out["people beyond data.limit"] = left_out

    def read() -> Iterator[Record]:
        account.used = 0
        if account not in into.accounts:
            into.accounts.append(account)
        for record in records():
            account.used += 1
            yield record

    return read
