"""`hf:` sources through `datasets`, on folders made here: no network."""

from __future__ import annotations

from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kinj.config.errors import UsageError
from kinj.config.schema import DataSettings, FieldSettings
from kinj.data import open_data
from kinj.data.files import read_documents, read_questions
from kinj.data.hub import split_name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set as the Hub lays it out: Parquet files named after their split."""
    root = tmp_path_factory.mktemp("hub")
    (root / "data").mkdir()
    for split, words in {"train": ["a", "b", "c"], "test": ["d"]}.items():
        rows = [{"key": number, "body": word, "extra": {"n": [number]}} for number, word in enumerate(words)]
        pq.write_table(pa.Table.from_pylist(rows), root / "data" / f"{split}-00000-of-00001.parquet")
    return root


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set with configurations, as TOFU has them."""
    root = tmp_path_factory.mktemp("tofu")
    pair = {"question": "Who?", "answer": "Me."}
    perturbed = {
        **pair,
        "paraphrased_question": "Whom?",
        "paraphrased_answer": "I.",
        "perturbed_answer": ["You.", "He."],
    }
    options = {f"option{number}": word for number, word in enumerate(["Me.", "You."], start=1)}
    tables = {"full": pair, "retain_perturbed": perturbed, "world_facts": {**pair, **options}}
    head = ["---", "configs:"]
    for name, row in tables.items():
        (root / name).mkdir()
        pq.write_table(pa.Table.from_pylist([row]), root / name / "train.parquet")
        head += [f"- config_name: {name}", "  data_files:", "  - split: train", f"    path: {name}/train.parquet"]
    (root / "README.md").write_text("\n".join([*head, "---", ""]))
    return root


def test_names_with_and_without_a_split() -> None:
    assert split_name("hf:owner/name") == ("owner/name", None)
    assert split_name("hf:owner/name:test") == ("owner/name", "test")
    assert split_name("hf:/odd:folder/name") == ("/odd:folder/name", None)


def test_streams_a_folder_in_the_layout_of_the_hub(folder: Path) -> None:
    fields = FieldSettings(text="body", id="key")
    read = list(read_documents(f"hf:{folder}", fields))
    assert [(d.id, d.text, d.meta) for d in read] == [
        (str(n), word, {"extra": {"n": [n]}}) for n, word in enumerate("abc")
    ]
    assert [d.text for d in read_documents(f"hf:{folder}:test", fields)] == ["d"]


def test_nothing_is_read_beyond_what_is_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}
    real = datasets.load_dataset

    def spy(*arguments: object, **options: object) -> object:
        seen.update(options)
        return real(*arguments, **options)

    monkeypatch.setattr(datasets, "load_dataset", spy)
    next(read_documents(f"hf:{folder}", FieldSettings(text="body")))
    assert seen == {"streaming": True}


def test_bad_rows_are_named(folder: Path) -> None:
    with pytest.raises(Exception, match=rf"hf:{folder} row 1 has no field `text`; it has: key, body, extra"):
        list(read_documents(f"hf:{folder}"))


def test_saved_to_disk(tmp_path: Path) -> None:
    table = datasets.Dataset.from_list([{"prompt": "p", "answers": ["a"]}])
    table.save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"dev": table}).save_to_disk(tmp_path / "several")
    for source in (f"hf:{tmp_path}/one", f"hf:{tmp_path}/several", f"hf:{tmp_path}/several:dev"):
        assert [question.answers for question in read_questions(source)] == [["a"]]
    with pytest.raises(UsageError, match="has no splits"):
        list(read_questions(f"hf:{tmp_path}/one:dev"))
    (tmp_path / "one" / "state.json").write_text("{")
    with pytest.raises(UsageError, match="is damaged"):
        list(read_questions(f"hf:{tmp_path}/one"))


def test_problems_say_what_to_do(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no split `dev`; it has: train, test"):
        list(read_documents(f"hf:{folder}:dev"))
    with pytest.raises(UsageError, match="there is no folder"):
        list(read_documents(f"hf:{tmp_path}/none"))
    with pytest.raises(UsageError, match="cannot be loaded") as error:
        list(read_documents(f"hf:{tmp_path}"))
    assert "Hub's layout" in error.value.hint


def test_a_name_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError("Couldn't reach the Hub\nmore")

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    monkeypatch.setattr(datasets, "get_dataset_config_names", refuse)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UsageError, match="hf:owner/name cannot be loaded: Couldn't reach the Hub\n") as error:
        list(read_documents("hf:owner/name"))
    assert "HF_HUB_OFFLINE is set" in error.value.hint
    assert "hf download owner/name --repo-type dataset --local-dir FOLDER" in error.value.hint
    with pytest.raises(UsageError, match="cannot be loaded"):
        open_data(DataSettings(name="tofu", path="hf:locuslab/TOFU"))


def test_a_stream_that_breaks_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> object:
        yield {"text": "a"}
        raise OSError("connection reset")

    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: {"train": broken()})
    with pytest.raises(UsageError, match="broke off: connection reset"):
        list(read_documents(f"hf:{folder}"))


def test_benchmark_with_configurations(configured: Path) -> None:
    data = open_data(DataSettings(name="tofu", path=f"hf:{configured}"))
    assert sorted(data.pools) == ["questions", "seen_questions", "train_questions", "world_facts"]
    assert [len(data.pool(name)) for name in sorted(data.pools)] == [1, 1, 1, 1]


def test_benchmark_with_one_table(tmp_path: Path) -> None:
    answers = {"text": ["x", "x", "y"], "answer_start": [0, 0, 2]}
    rows = [{"id": f"q{n}", "title": "T", "context": "x y", "question": f"{n}?", "answers": answers} for n in range(2)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "validation.parquet")
    for path in (f"hf:{tmp_path}:validation", str(tmp_path / "validation.parquet"), str(tmp_path)):
        data = open_data(DataSettings(name="squad", path=path))
        assert len(data.pool("documents")) == 1
        assert [(q.id, q.answers) for q in data.pool("questions")] == [("q0", ["x", "y"]), ("q1", ["x", "y"])]
