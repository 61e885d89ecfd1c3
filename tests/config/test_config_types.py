"""What a typed string becomes: the schema decides, not the looks of the value."""

from __future__ import annotations

from typing import Any

import pytest

from kinj.config import load
from kinj.config.build import flatten

TYPED: list[tuple[str, Any]] = [
    ("optim.lr=1e-4", 1e-4),
    ("optim.lr=1", 1.0),
    ("optim.lr=.5", 0.5),
    ("optim.lr=1_000.5", 1000.5),
    ("optim.lr=2E-3", 2e-3),
    ("seed=1_000", 1000),
    ("seed=-3", -3),
    ("seed=007", 7),
    ("run.overwrite=on", True),
    ("run.overwrite=Yes", True),
    ("run.overwrite=off", False),
    ("train.checkpoint_every=null", None),
    ("train.checkpoint_every=~", None),
    ("train.checkpoint_every=", None),
    ("run.dir=null", None),
    ("run.dir='null'", "null"),
    ('run.dir="None"', "None"),
    ("run.dir=007", "007"),
    ("run.dir=on", "on"),
    ("run.dir=1e3", "1e3"),
    ("run.dir=2024-01-01", "2024-01-01"),
    ("run.dir=12:30", "12:30"),
    ("run.dir=a=b", "a=b"),
    ("run.dir=[a", "[a"),
    ("optim.sam.include=", ""),
    ("optim.sam.include=^layers\\.\\d+", "^layers\\.\\d+"),
    ("model.prompt=Question: {prompt}", "Question: {prompt}"),
    ("model.tokenizer=# no comment", "# no comment"),
    ("data.documents=[a.jsonl, hf:x/y:train]", ["a.jsonl", "hf:x/y:train"]),
    ("data.documents=a.jsonl", ["a.jsonl"]),
    ("data.documents=[007, on, 'null']", ["007", "on", "null"]),
    ("data.documents=[]", []),
    ("optim.betas=[0, 1e-1]", [0.0, 0.1]),
    ("optim.betas.1=0.99", [0.9, 0.99]),
    ("train.stages.inject.optim.lr=1e-5", 1e-5),
    ("train.stages.inject.optim.sam.every=2", 2),
    ("train.stages.inject.optim.betas=[0.8, 0.9]", [0.8, 0.9]),
    ("sweep.arms.a.optim.lr=1", 1.0),
    ("sweep.arms.a.data.documents=x", ["x"]),
    ("sweep.arms.a.train=pit", "pit"),
]


@pytest.mark.parametrize(("typed", "value"), TYPED, ids=[row[0] for row in TYPED])
def test_typed_string_becomes(typed: str, value: Any) -> None:
    key = typed.partition("=")[0].removesuffix(".1")
    found = flatten(load("show", [typed], environ={}).settings)[key]
    assert found == value
    assert type(found) is type(value)


def test_mapping_on_the_command_line_is_several_settings() -> None:
    sam = load("train", ["optim.sam={rho: 0.1, every: 2}"], environ={}).settings.optim.sam
    assert (sam.rho, sam.every) == (0.1, 2)


def test_optim_of_a_stage_is_merged_and_typed() -> None:
    from kinj.config.check import stage_optim

    typed = ["train.stages.inject.optim={lr: 1e-5, sam: {rho: 0.1}}", "optim.sam.every=3", "optim.clip=2"]
    settings = load("train", typed, environ={}).settings
    optim = stage_optim(settings, "inject")
    assert (optim.lr, optim.sam.rho, optim.sam.every, optim.clip) == (1e-5, 0.1, 3, 2.0)
    assert settings.optim.lr != 1e-5
    assert type(optim.sam).__name__ == "SamSettings"


def test_optim_of_a_stage_made_in_code_is_checked() -> None:
    from kinj.config.check import stage_optim
    from kinj.config.errors import UsageError
    from kinj.config.schema import Settings, StageSettings, TrainSettings

    for wrong in ({"lrr": 1}, {"lr": "fast"}, {"lr": -1.0}):
        settings = Settings(train=TrainSettings(stages={"a": StageSettings(optim=wrong)}, order=["a"]))
        with pytest.raises(UsageError, match=r"train\.stages\.a\.optim: "):
            stage_optim(settings, "a")
    assert stage_optim(Settings(train=TrainSettings(stages={"a": StageSettings()})), "a").lr == Settings().optim.lr
