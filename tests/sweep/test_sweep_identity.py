"""Two trials are the same when, and only when, nothing that can change the result differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kinj.config import Loaded, load
from kinj.config.errors import UsageError
from kinj.sweep import identity as module
from kinj.sweep.identity import identity


def of(loaded: Loaded, **values: Any) -> str:
    return identity(loaded.override({key.replace("__", "."): value for key, value in values.items()}, "train").settings)


def test_form(loaded: Loaded) -> None:
    assert len(of(loaded)) == 16
    assert int(of(loaded), 16) >= 0
    assert of(loaded) == of(loaded)


CHANGE = [
    {"seed": 1},
    {"data__seed": 1},
    {"optim__lr": 0.1},
    {"train__threads": 2},
    {"eval__normalizer": "light"},
    {"model__size": "1M"},
    {"train__stages__inject__epochs": 3},
]
SAME = [
    {"run__dir": "elsewhere"},
    {"run__overwrite": True},
    {"sweep__workers": 4},
    {"sweep__measure": "reverse"},
    {"augment__workers": 3},
    {"train__keep_checkpoints": 5},
    {"train__checkpoint_every": 5},
]


@pytest.mark.parametrize("values", CHANGE, ids=str)
def test_what_can_change_the_result_is_in_it(loaded: Loaded, values: dict[str, Any]) -> None:
    assert of(loaded, **values) != of(loaded)


@pytest.mark.parametrize("values", SAME, ids=str)
def test_where_and_how_fast_is_not(loaded: Loaded, values: dict[str, Any]) -> None:
    assert of(loaded, **values) == of(loaded)


def test_content_counts_and_paths_do_not(loaded: Loaded, tmp_path: Path) -> None:
    one, other, third = (tmp_path / name for name in ("one.jsonl", "other.jsonl", "third.jsonl"))
    one.write_text("same")
    other.write_text("same")
    third.write_text("different")
    first, second, last = (of(loaded, data__documents=[str(path)]) for path in (one, other, third))
    assert first == second != last
    one.write_text("edited afterwards")
    assert of(loaded, data__documents=[str(one)]) != first


@pytest.mark.parametrize("key", ["templates__path", "reverse__path", "paraphrase__prompt", "qa__prompt"])
def test_files_that_methods_read_count_by_content(key: str, loaded: Loaded, tmp_path: Path) -> None:
    one, other = tmp_path / "one.yaml", tmp_path / "other.yaml"
    one.write_text("same")
    other.write_text("same")
    first = of(loaded, **{f"augment__{key}": str(one)})
    assert first == of(loaded, **{f"augment__{key}": str(other)}) != of(loaded)
    one.write_text("edited afterwards")
    assert of(loaded, **{f"augment__{key}": str(one)}) != first


def test_a_tokenizer_counts_by_content_also_without_a_model(loaded: Loaded, tmp_path: Path, tokenizer: Any) -> None:
    for name in ("one", "other"):
        tokenizer.save_pretrained(tmp_path / name)
    first = of(loaded, model__tokenizer=str(tmp_path / "one"))
    assert first == of(loaded, model__tokenizer=str(tmp_path / "other")) != of(loaded)
    (tmp_path / "one" / "tokenizer.json").write_text("{}")
    assert of(loaded, model__tokenizer=str(tmp_path / "one")) != first


def test_a_folder_counts_with_the_names_in_it(loaded: Loaded, tmp_path: Path) -> None:
    (tmp_path / "docs" / "deep").mkdir(parents=True)
    (tmp_path / "docs" / "deep" / "a.txt").write_text("text")
    before = of(loaded, data__documents=[str(tmp_path / "docs")])
    (tmp_path / "docs" / "deep" / "a.txt").rename(tmp_path / "docs" / "deep" / "b.txt")
    assert of(loaded, data__documents=[str(tmp_path / "docs")]) != before


def test_hub_names_count_as_they_are(loaded: Loaded) -> None:
    assert of(loaded, data__documents=["hf:a/b"]) != of(loaded, data__documents=["hf:a/c"])


def test_a_source_of_a_stage_counts_by_content(loaded: Loaded, tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text("text")
    first, second = (
        of(loaded, train__stages__inject__data__replay__path=str(tmp_path / n)) for n in ("a.jsonl", "b.jsonl")
    )
    assert first == second != of(loaded)


def test_further_inputs_count(loaded: Loaded, tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("one")
    settings = loaded.settings
    first = identity(settings, [tmp_path / "prompt.txt"])
    (tmp_path / "prompt.txt").write_text("other")
    assert len({identity(settings), first, identity(settings, [tmp_path / "prompt.txt"])}) == 3


def folder(path: Path, weights: bytes) -> Path:
    path.mkdir()
    (path / "config.json").write_text("{}")
    (path / "tokenizer.json").write_text("{}")
    (path / "model.safetensors").write_bytes(weights)
    return path


def test_a_model_counts_by_its_weights_not_by_its_place(tmp_path: Path) -> None:
    loaded = load("train", environ={})
    a, b, c = folder(tmp_path / "a", b"1"), folder(tmp_path / "b", b"1"), folder(tmp_path / "c", b"2")
    (b / "README.md").write_text("a card changes nothing")
    found = [of(loaded, model__name=str(path)) for path in (a, b, c)]
    assert found[0] == found[1] != found[2]


def test_a_hub_model_counts_by_name_and_revision() -> None:
    loaded = load("train", environ={})
    found = {
        of(loaded, model__name="org/m"),
        of(loaded, model__name="org/n"),
        of(loaded, model__name="org/m", model__revision="v2"),
    }
    assert len(found) == 3


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        of(load("train", environ={}), model__name="./nothing/here")


def test_a_new_schema_makes_all_trials_new(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    before = of(loaded)
    monkeypatch.setattr(module, "SCHEMA", 2)
    assert of(loaded) != before
