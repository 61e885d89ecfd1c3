"""Settings and commands around methods that a language model writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from kinj.config import load
from kinj.config.errors import USAGE, SettingsError
from kinj.config.names import METHODS, WRITTEN
from kinj.config.prompts import shipped

Kinj = Callable[..., Any]


@pytest.mark.parametrize("name", WRITTEN)
def test_show_prompt_prints_the_file(name: str, kinj: Kinj) -> None:
    text = shipped(name).read_text(encoding="utf-8")
    assert kinj("show", "prompt", name).stdout == text
    found = json.loads(kinj("show", "prompt", name, "--json").stdout)
    assert (found["name"], found["prompt"]) == (name, text)
    assert "{document}" in yaml.safe_load(text).get("ask", "{document}")


def test_show_prompt_lists_them(kinj: Kinj) -> None:
    assert [line.split()[0] for line in kinj("show", "prompt").stdout.splitlines()] == [*WRITTEN, "judge"]


def test_no_such_prompt(kinj: Kinj) -> None:
    result = kinj("show", "prompt", "formatting")
    assert result.exit_code == USAGE
    assert "there is no prompt `formatting`" in result.stderr
    assert "paraphrase" in result.stderr


def test_methods_that_need_a_language_model_say_so() -> None:
    assert {name for name, about in METHODS.items() if "written by a language model" in about} == set(WRITTEN)


ASKING = ["data=corpus", "augment.method=[qa]", "augment.llm.model=tiny"]
SILENT = [
    (
        "augment",
        ["data=corpus", "augment.llm.in_flight=2"],
        "no method in augment.method is written by a language model",
    ),
    ("augment", [*ASKING, "augment.structured.forms=[profile]"], "augment.method does not name structured"),
    ("augment", [*ASKING, "augment.llm.timeout=3"], "the model is on this machine"),
    ("augment", [*ASKING, "augment.llm.retries=1"], "the model is on this machine"),
    ("train", ["augment.llm.in_flight=2"], "made before training"),
    ("train", ["augment.qa.pairs=2"], "made before training"),
]


@pytest.mark.parametrize(("command", "typed", "why"), SILENT)
def test_settings_without_effect(command: str, typed: list[str], why: str) -> None:
    (warning,) = load(command, typed, environ={}).warnings
    assert warning.startswith(typed[-1].partition("=")[0])
    assert why in warning


@pytest.mark.parametrize("more", [[], ["augment.llm.url=http://h/v1", "augment.llm.timeout=3"], ["augment.qa.pairs=2"]])
def test_settings_with_an_effect(more: list[str]) -> None:
    assert load("augment", [*ASKING, *more], environ={}).warnings == []


def test_training_does_not_ask_a_language_model() -> None:
    with pytest.raises(SettingsError) as caught:
        load("train", ["train.stages.inject.data.documents.augment=[formatting, qa]"], environ={})
    (problem,) = caught.value.problems
    assert problem.key == "train.stages.inject.data.documents.augment"
    assert "qa is written by a language model; write the views first (kinj augment)" in problem.text


@pytest.mark.parametrize("typed", ["augment.llm.key_env=sk-Secret42", "augment.llm.url=https://me:sk-Secret42@host/v1"])
def test_a_key_in_the_settings_is_refused_and_not_shown(typed: str, kinj: Kinj) -> None:
    for more in ([], ["--dry-run"], ["--json"], ["--debug"]):
        result = kinj("augment", "pyproject.toml", "--method", "qa", typed, *more)
        assert result.exit_code == USAGE
        assert "Secret42" not in result.stdout + result.stderr
        assert "augment.llm." in result.stderr
