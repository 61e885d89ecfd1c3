"""Which file each group uses, who wins over whom, and where every value is said to come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinj.config import Loaded, load
from kinj.config.build import flatten
from kinj.config.errors import SettingsError


def settings(*overrides: str, command: str = "train", **more: object) -> Loaded:
    return load(command, overrides, **{"environ": {}, **more})  # type: ignore[arg-type]


@pytest.fixture
def run_yaml(tmp_path: Path) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text("# mine\ndefaults: {train: pit}\noptim:\n  lr: 2e-3\n  sam.rho: 0.1\n")
    return path


def test_bare_command_uses_the_default_choices() -> None:
    loaded = settings()
    assert loaded.settings.model.name == "tiny"
    assert loaded.settings.train.order == ["inject"]
    assert loaded.choices["train"] == "inject"
    assert loaded.changed() == []
    assert loaded.warnings == []


def test_every_leaf_has_an_origin() -> None:
    loaded = settings("experiment=demo", command="sweep")
    assert set(loaded.origins) == set(flatten(loaded.settings))
    assert loaded.origins["optim.lr"].startswith("conf/optim/adamw.yaml:")
    assert loaded.origins["optim.warmup_steps"] == "default"


def test_layers_win_in_the_documented_order(run_yaml: Path) -> None:
    """Schema, group file, experiment, -c, environment, key=value, flag: each beats the one before it."""
    key, experiment = "train.checkpoint_every", ["experiment=smoke"]
    run_yaml.write_text("train:\n  checkpoint_every: 7\n")
    environ, override, flag = {"KINJ__TRAIN__CHECKPOINT_EVERY": "8"}, [f"{key}=9"], [("--flag", key, 10)]
    layers = [
        (load("train", environ={}), None, "default"),
        (load("train", experiment, environ={}), 5, "conf/experiment/smoke.yaml:"),
        (load("train", experiment, (), [run_yaml], {}), 7, f"{run_yaml}:2"),
        (load("train", experiment, (), [run_yaml], environ), 8, "environment KINJ__TRAIN__CHECKPOINT_EVERY"),
        (load("train", experiment + override, (), [run_yaml], environ), 9, "command line"),
        (load("train", experiment + override, flag, [run_yaml], environ), 10, "--flag"),
    ]
    for loaded, value, origin in layers:
        assert loaded.settings.train.checkpoint_every == value
        assert loaded.origins[key].startswith(origin)


def test_group_file_beats_schema_and_experiment_beats_group_file() -> None:
    assert settings("model=scratch").origins["model.size"] == "conf/model/scratch.yaml:3"
    assert settings("experiment=smoke").settings.train.stages["inject"].steps == 30


def test_choice_on_the_command_line_beats_file_beats_experiment_beats_default(run_yaml: Path) -> None:
    assert settings("experiment=base").choices["train"] is None
    assert settings("experiment=base", files=[run_yaml]).choices["train"] == "pit"
    assert settings("train=cpt", "experiment=base", files=[run_yaml]).choices["train"] == "cpt"
    assert settings("train=cpt", "train=mixed").choices["train"] == "mixed"


def test_later_file_wins_for_values_and_choices(run_yaml: Path, tmp_path: Path) -> None:
    second = tmp_path / "second.yaml"
    second.write_text("defaults: {train: cpt}\noptim.lr: 4e-3\n")
    loaded = settings(files=[run_yaml, second])
    assert (loaded.settings.optim.lr, loaded.choices["train"]) == (4e-3, "cpt")
    loaded = settings(files=[second, run_yaml])
    assert (loaded.settings.optim.lr, loaded.choices["train"]) == (2e-3, "pit")


def test_a_file_may_name_an_experiment(run_yaml: Path) -> None:
    run_yaml.write_text("defaults: {experiment: smoke}\ntrain.checkpoint_every: 6\n")
    loaded = settings(files=[run_yaml])
    assert loaded.settings.train.stages["inject"].steps == 30
    assert loaded.settings.train.checkpoint_every == 6


def test_dotted_and_nested_keys_are_the_same(run_yaml: Path) -> None:
    loaded = settings(files=[run_yaml])
    assert loaded.settings.optim.sam.rho == 0.1
    assert loaded.origins["optim.sam.rho"] == f"{run_yaml}:5"


@pytest.mark.parametrize("value", ["Qwen/Qwen2.5-1.5B", "./model", "/models/x"])
def test_model_outside_the_choices_is_a_path_or_hub_id(value: str) -> None:
    loaded = settings(f"model={value}")
    assert loaded.settings.model.name == value
    assert loaded.origins["model.name"] == "command line"


def test_model_may_be_an_existing_folder_without_slash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert settings("model=mine").settings.model.name == "mine"


def test_changed_lists_what_differs_with_its_origin() -> None:
    changed = settings("optim.lr=1e-4", "optim.clip=1.0").changed()
    assert changed == [("optim.lr", 1e-4, "command line")]


def test_environment_of_the_process_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINJ__SEED", "5")
    assert load("train").settings.seed == 5


def test_override_adds_values_and_choices_on_top() -> None:
    loaded = settings("optim.lr=1e-4", flags=[("--lr", "optim.lr", 1e-5)])
    other = loaded.override({"optim.lr": 1e-2, "train": "pit", "data.documents": ["a", "b"]})
    assert other.settings.optim.lr == 1e-2
    assert other.settings.train.order == ["teach", "documents"]
    assert other.settings.data.documents == ["a", "b"]
    assert other.origins["optim.lr"] == "sweep"


def test_over_a_run_the_users_own_settings_win(tmp_path: Path) -> None:
    from kinj.config import to_yaml

    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(settings("train=pit", "optim.lr=3e-3", "eval.limit=7").settings))
    loaded = settings("eval.limit=9", command="eval").over(path)
    assert loaded.settings.train.order == ["teach", "documents"]
    assert (loaded.settings.optim.lr, loaded.settings.eval.limit) == (3e-3, 9)
    assert loaded.origins["optim.lr"].startswith(str(path))
    assert loaded.warnings == []


def test_overrides_can_be_typed_again() -> None:
    loaded = settings("optim.lr=1e-4", flags=[("--data", "data.documents", ["a", "b, c"])])
    assert loaded.overrides() == ["optim.lr=1e-4", 'data.documents=[a, "b, c"]']
    again = settings(*loaded.overrides())
    assert again.settings == loaded.settings


def test_stages_are_created_by_name_and_keep_free_names() -> None:
    loaded = settings("train.stages.extra.steps=3", "train.stages.extra.data.replay={}", "train.order=[inject, extra]")
    assert loaded.settings.train.stages["extra"].steps == 3
    assert list(loaded.settings.train.stages["extra"].data) == ["replay"]


def test_null_choice_uses_the_schema_alone() -> None:
    assert settings("optim=null", "train=inject").origins["optim.lr"] == "default"


def test_unknown_environment_key_is_a_problem() -> None:
    with pytest.raises(SettingsError, match=r"environment KINJ__OPTIM__LRR +no such setting; did you mean optim\.lr"):
        load("train", environ={"KINJ__OPTIM__LRR": "1"})
