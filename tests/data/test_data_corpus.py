"""`open_data`, the user's own corpus, and how much was used and left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import DataSettings, FieldSettings
from kinj.data import ADAPTERS, open_data
from kinj.data.rejects import BadRecord, rejected


def lines(path: Path, *rows: Any) -> str:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def corpus(tmp_path: Path) -> dict[str, list[str]]:
    documents = lines(tmp_path / "d.jsonl", *({"id": name, "body": name} for name in "abc"))
    questions = [{"prompt": f"{name}?", "answers": ["x"], "document": name} for name in "abca"]
    return {
        "documents": [documents],
        "questions": [lines(tmp_path / "q.jsonl", *questions, {"prompt": "?", "answers": ["y"]})],
        "replay": [lines(tmp_path / "r.jsonl", {"body": "old"}, {"prompt": "p", "answers": ["a"]})],
    }


def test_every_shipped_data_set_has_an_adapter() -> None:
    shipped = {path.stem for path in (Path(__file__).parents[2] / "conf" / "data").glob("*.yaml")}
    assert shipped == ADAPTERS.keys()


def test_unknown_data_set_and_generated_one() -> None:
    with pytest.raises(UsageError, match=r"data\.name=nix: no such data set"):
        open_data(DataSettings(name="nix"))
    assert "documents" in open_data(DataSettings()).pools


@pytest.mark.parametrize("name", sorted(ADAPTERS.keys() - {"biographies", "corpus"}))
def test_missing_files_say_where_to_get_them(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"data={name} needs its original files, and data\.path is not set") as error:
        open_data(DataSettings(name=name))
    assert "data.path=FOLDER" in error.value.hint
    with pytest.raises(UsageError, match="does not exist"):
        open_data(DataSettings(name=name, path=str(tmp_path / "none")))
    with pytest.raises(UsageError, match="holds no"):
        open_data(DataSettings(name=name, path=str(tmp_path)))


def test_corpus(corpus: dict[str, list[str]]) -> None:
    data = open_data(DataSettings(name="corpus", fields=FieldSettings(text="body"), **corpus))
    assert sorted(data.pools) == ["documents", "questions", "replay"]
    assert [len(data.pool(name)) for name in sorted(data.pools)] == [3, 5, 2]
    assert [account.used for account in data.accounts] == [3, 5, 2]


def test_limit_keeps_the_questions_about_what_is_kept(corpus: dict[str, list[str]]) -> None:
    data = open_data(DataSettings(name="corpus", limit=1, fields=FieldSettings(text="body"), **corpus))
    assert [document.id for document in data.pool("documents")] == ["a"]
    assert [question.prompt for question in data.pool("questions")] == ["a?", "a?", "?"]  # type: ignore[union-attr]
    assert len(data.pool("replay")) == 2
    assert "3 used; left out: 2 beyond data.limit" in str(data.accounts[1])


def test_corpus_without_anything_or_with_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="data=corpus has no documents") as error:
        open_data(DataSettings(name="corpus"))
    assert "kinj show data biographies -n 50 > corpus.jsonl" in error.value.hint
    with pytest.raises(UsageError, match=r"none\.jsonl does not exist"):
        open_data(DataSettings(name="corpus", documents=[str(tmp_path / "none.jsonl")]))
    questions = lines(tmp_path / "q.jsonl", {"prompt": "p", "answers": ["a"]})
    assert sorted(open_data(DataSettings(name="corpus", questions=[questions])).pools) == ["questions"]


def test_ids_must_differ_over_all_files(tmp_path: Path) -> None:
    files = [lines(tmp_path / f"{name}.jsonl", {"id": "same", "text": name}) for name in "ab"]
    with pytest.raises(BadRecord, match=rf"{files[1]} line 1 has the id `same` of {files[0]} line 1"):
        open_data(DataSettings(name="corpus", documents=files)).pool("documents")


def test_bad_lines_are_set_aside_and_counted_once(tmp_path: Path) -> None:
    files = [lines(tmp_path / "a.jsonl", {"text": "a"}, "{", {"text": "b"}, {"n": 1})]
    data = open_data(DataSettings(name="corpus", documents=files), "skip", tmp_path / "run")
    for _ in range(2):
        assert len(data.pool("documents")) == 2
        assert str(data.accounts[0]).endswith("2 used; left out: 2 set aside as bad")
    assert rejected(data) == 2
    assert len((tmp_path / "run" / "a.rejected.jsonl").read_text().splitlines()) == 2
    assert len(data.accounts) == 1


def test_a_pool_read_in_part_keeps_account(tmp_path: Path) -> None:
    data = open_data(DataSettings(name="corpus", documents=[lines(tmp_path / "a.jsonl", {"text": "a"}, {"text": "b"})]))
    next(iter(data.pools["documents"]()))
    assert data.accounts[0].used == 1


def test_rows_of_another_benchmark_are_named(tmp_path: Path) -> None:
    path = lines(tmp_path / "x.jsonl", {"text": "a"})
    with pytest.raises(BadRecord, match="line 1 has no text under `question`; it has: text") as error:
        open_data(DataSettings(name="nq_open", path=path)).pool("questions")
    assert "are these the original files?" in error.value.hint
    data = open_data(DataSettings(name="nq_open", path=path), "skip", tmp_path)
    with pytest.raises(KinjError, match="nothing to read"):
        data.pool("questions")
