"""Every YAML file that ships: it parses, composes, says what it is, and names only what exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinj.config import conf_root, load, tree
from kinj.config.check import stage_optim
from kinj.config.errors import KinjError
from kinj.config.names import DATA, GROUPS

FILES = sorted(path for path in conf_root().rglob("*.yaml") if path.parent.name != "prompts")


@pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.name}/{path.stem}" for path in FILES])
def test_shipped_file_composes(path: Path) -> None:
    group = path.parent.name
    compares = group == "experiment" and "\n  arms:" in path.read_text()
    command = "sweep" if compares else "augment" if group == "augment" else "train"
    loaded = load(command, [f"{group}={path.stem}"], environ={})
    assert loaded.choices[group] == path.stem
    assert loaded.warnings == []
    for stage in loaded.settings.train.stages:
        assert stage_optim(loaded.settings, stage).lr > 0


@pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.name}/{path.stem}" for path in FILES])
def test_shipped_file_says_what_it_is(path: Path) -> None:
    about = tree.describe(path.parent.name, path.stem)
    assert about.endswith(".")
    assert 20 < len(about) < 160
    assert path.read_text(encoding="utf-8").startswith("# ")


def test_groups_are_the_folders_and_defaults_exist() -> None:
    assert {path.name for path in conf_root().iterdir()} - {"experiment", "prompts"} == set(GROUPS)
    for group, choice in GROUPS.items():
        assert choice in tree.choices(group)


def test_data_sets_are_those_with_a_file() -> None:
    assert tree.choices("data") == sorted(DATA)
    for name in DATA:
        assert load("show", [f"data={name}"], environ={}).settings.data.name == name


def test_recipes_carry_their_own_name() -> None:
    for name in tree.choices("train"):
        assert load("train", [f"train={name}"], environ={}).settings.train.recipe == name


def test_order_of_the_pit_recipes_is_the_papers() -> None:
    def sources(recipe: str) -> list[list[str]]:
        train = load("train", [f"train={recipe}"], environ={}).settings.train
        return [sorted(train.stages[name].data) for name in train.order]

    both = ["train_documents", "train_questions"]
    assert sources("pit") == [both, ["documents"]]
    assert sources("pit_plus_plus") == [["train_questions"], both, ["documents"]]
    assert sources("cpt") == [["documents"]]
    assert sources("cpt_it") == [["documents", "train_documents"], ["train_questions"]]
    assert sources("mixed") == [["documents", *both]]


def test_questions_alone_learn_at_a_sixth_of_the_rate() -> None:
    for recipe in ("cpt_it", "pit_plus_plus"):
        settings = load("train", [f"train={recipe}"], environ={}).settings
        assert stage_optim(settings, "questions").lr_scale == pytest.approx(1 / 6, rel=0.01)


def test_missing_tree_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "PACKAGE", tmp_path / "kinj")
    tree.conf_root.cache_clear()
    try:
        with pytest.raises(KinjError, match="the shipped settings are missing"):
            tree.conf_root()
    finally:
        tree.conf_root.cache_clear()


def test_shown_paths_are_relative_to_the_tree(tmp_path: Path) -> None:
    assert tree.shown(tree.choice_file("optim", "adamw")) == "conf/optim/adamw.yaml"
    assert tree.shown(tmp_path / "x.yaml") == str(tmp_path / "x.yaml")
