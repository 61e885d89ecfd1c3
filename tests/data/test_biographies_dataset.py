"""The data set of generated people: who is in which pool, and the same bytes on every machine."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from itertools import islice

import pytest

from kinj.config.errors import UsageError
from kinj.config.schema import BiographySettings, DataSettings
from kinj.data.base import DataSet
from kinj.data.biographies import BASE_PEOPLE, FORMS, Population, base_population, data_set, documents, questions
from kinj.data.records import Document, Question

# SHA-256 of generated people: another value means other corpora, and that the shipped models must be made anew.
GOLDEN = [
    "2b461ec64ab385dfe188f3ca7957f653732b1bd30c95522d777a06c81a6e34cc",
    "49680be5dc6abfa18265c14cefa149de528277f00f3f7d05a9ae0dbb36efa539",
]
DIGEST = """
import hashlib
from kinj.data.files import record_to_json, to_json
from kinj.config.schema import DataSettings
from kinj.data.biographies import Population, data_set, documents, questions
people, base = Population("B3", 40), data_set(DataSettings(limit=10))
injected = [*documents(people, seed=5, views=3, permute=True, exposure=0.7), *questions(people, seed=5)]
for records in (injected, [*base.pool("base_documents"), *base.pool("base_questions"), *base.pool("unquestioned")]):
    digest = hashlib.sha256()
    for record in records:
        digest.update(to_json(record_to_json(record)))
    print(digest.hexdigest())
"""


@pytest.mark.parametrize("hash_seed", ["0", "12345"])
def test_same_bytes_in_every_process(hash_seed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DIGEST], env={**os.environ, "PYTHONHASHSEED": hash_seed}, capture_output=True, text=True
    )
    assert done.stderr == ""
    assert done.stdout.split() == GOLDEN


def test_generation_is_lazy_and_memory_constant() -> None:
    for warm in (documents, questions):
        list(islice(warm(Population("B0", 100_000), seed=0), 10))
    tracemalloc.start()
    list(islice(documents(Population("B0", 100_000), seed=0), 1))
    before = tracemalloc.get_traced_memory()[0]
    for _ in islice(documents(Population("B0", 100_000), seed=0, views=2, permute=True), 8000):
        pass
    for _ in islice(questions(Population("B0", 100_000), seed=0), 8000):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - before < 200_000  # 16,000 records kept would take some 20 MB


@pytest.fixture(scope="module")
def made() -> DataSet:
    return data_set(DataSettings(seed=4, biographies=BiographySettings(people=20, teachers=10, views=2)))


def people_of(data: DataSet, pool: str) -> set[str]:
    return {(r.origin if isinstance(r, Document) else r.document) or "" for r in data.pool(pool)}


def test_pools_are_about_the_right_people(made: DataSet) -> None:
    def a(*rests: int) -> set[str]:
        return {f"A-{i:06d}" for i in range(BASE_PEOPLE) if i % 4 in rests}

    def ids(name: str, size: int) -> set[str]:
        return {f"{name}-{i:06d}" for i in range(size)}

    for pool in ("documents", "questions", "reworded", "taught_questions"):
        assert people_of(made, pool) == ids("B4", 20)
    assert people_of(made, "train_documents") == people_of(made, "train_questions") == ids("C4", 10)
    assert people_of(made, "strangers") == ids("Z", 200)
    assert people_of(made, "base_documents") == a(0, 1, 2, 3)
    assert people_of(made, "base_questions") == people_of(made, "base_extra_questions") == a(0, 2)
    assert people_of(made, "unquestioned") == a(1, 3)
    assert people_of(made, "replay") == people_of(made, "known_replayed") == a(0, 1)
    assert people_of(made, "known_unreplayed") == a(2, 3)
    assert {q.document for q in made.pool("replay") if isinstance(q, Question)} == a(0)


def test_what_is_measured_is_held_out_and_what_is_trained_is_not(made: DataSet) -> None:
    splits = {
        pool: {q.meta["split"] for q in made.pool(pool) if isinstance(q, Question)} or {"documents"}
        for pool in made.pools
    }
    assert splits == {
        "documents": {"documents"},
        "train_documents": {"documents"},
        "base_documents": {"documents"},
        "reworded": {"documents"},
        **{key: {"train"} for key in ("train_questions", "taught_questions", "replay", "base_questions")},
        "base_extra_questions": {"extra"},
        **{
            key: {"held_out"}
            for key in ("questions", "known_replayed", "known_unreplayed", "unquestioned", "strangers")
        },
    }


def test_pools_hold_the_right_forms_and_unique_ids(made: DataSet) -> None:
    for pool in made.pools:
        records = made.pool(pool)
        assert len({record.id for record in records}) == len(records), pool
        kinds = {q.kind for q in records if isinstance(q, Question)}
        if pool in ("known_replayed", "known_unreplayed", "strangers", "taught_questions"):
            assert kinds == {"forward"}
        elif kinds:
            assert kinds == set(FORMS)


def test_replay_repeats_what_was_pre_trained(made: DataSet) -> None:
    base = {record.id: record for pool in ("base_documents", "base_questions") for record in made.pool(pool)}
    assert all(base[record.id] == record for record in made.pool("replay"))
    texts = [r for r in islice(made.pool("base_documents"), 24) if isinstance(r, Document)]
    assert len({text.text for text in texts}) == 24
    assert sorted(text.text.count(base_population().person(0).name) for text in texts) == [1] * 12 + [6] * 12


def test_population_a_does_not_depend_on_the_data_seed(made: DataSet) -> None:
    other = data_set(DataSettings(seed=5))
    for pool in ("replay", "unquestioned", "strangers"):
        assert other.pool(pool) == made.pool(pool)
    assert people_of(other, "documents").isdisjoint(people_of(made, "documents"))


def test_accounts_and_limit() -> None:
    data = data_set(DataSettings(limit=3))
    assert data.accounts == []
    for pool in ("documents", "questions", "train_questions", "base_documents", "strangers"):
        data.pool(pool)
    data.pool("documents")
    assert [str(account) for account in data.accounts] == [
        "biographies: documents: 3 used; left out: 117 people beyond data.limit",
        "biographies: questions: 24 used; left out: 117 people beyond data.limit",
        "biographies: train_questions: 48 used; left out: 117 people beyond data.limit",
        "biographies: base_documents: 72 used; left out: 997 people beyond data.limit",
        "biographies: strangers: 1,200 used",
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (DataSettings(seed=1000), "no population `B1000`"),
        (DataSettings(biographies=BiographySettings(people=100_001)), "room for 100,000 people"),
        (DataSettings(biographies=BiographySettings(exposure=1.0)), "no effect"),
        (DataSettings(biographies=BiographySettings(questions_per_attribute=9)), "9 wordings"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_generated(settings: DataSettings, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        data_set(settings)


def test_named_population() -> None:
    data = data_set(DataSettings(biographies=BiographySettings(population="D", people=2)))
    assert [text.id for text in data.pool("documents")] == ["D-000000", "D-000001"]
