"""Settings that the model or the machine makes idle are told in a notice."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from kinj.config.schema import ModelSettings, OptimSettings, SamSettings, Settings, SpanObjectiveSettings, StageSettings
from kinj.models.codec import Codec
from kinj.models.loading import LanguageModel, load_model
from kinj.train.processes import ALONE, Processes
from kinj.train.unread import unread_by_model, unread_here, unread_of_sam
from tests.gap_models import save

CPU = torch.device("cpu")


def settings(objective: str, **changed: Any) -> Settings:
    made = Settings()
    stage = StageSettings(objective=objective, epochs=1, span=SpanObjectiveSettings(**changed))
    made.train.stages, made.train.order = {"one": stage}, ["one"]
    return made


@pytest.mark.parametrize("kind", ["t5", "bert"])
@pytest.mark.parametrize("key", ["sentinel", "separator", "request"])
def test_models_that_fill_gaps_have_their_own_marks(kind: str, key: str, tmp_path: Path) -> None:
    codec = load_model(ModelSettings(name=str(save(kind, tmp_path)))).codec
    (said,) = unread_by_model("one", settings("span", **{key: "[?]"}), codec)
    assert said.startswith(f"train.stages.one.span.{key} has no effect: ")
    assert list(unread_by_model("one", settings("span", words=3), codec)) == []
    assert list(unread_by_model("one", settings("auto", **{key: "[?]"}), codec)) == []  # kinj.config.inert tells


def test_a_request_needs_a_chat_template(language_model: LanguageModel) -> None:
    (said,) = unread_by_model("one", settings("span", request="Which?"), language_model.codec)
    assert said.startswith("train.stages.one.span.request has no effect: the tokenizer has no chat template")
    assert list(unread_by_model("one", settings("span", separator="Which?"), language_model.codec)) == []
    made = settings("masked")
    made.train.stages["one"].masked.request = "In full?"
    assert len(list(unread_by_model("one", made, language_model.codec))) == 1


def test_a_chat_template_takes_the_place_of_the_prompt(language_model: LanguageModel) -> None:
    made = settings("auto")
    made.model = dataclasses.replace(made.model, prompt="Q: {prompt}")
    codec = Codec(language_model.tokenizer, made.model, 128)
    assert list(unread_by_model("one", made, codec)) == []
    codec.chat = True
    assert ["model.prompt" in said for said in unread_by_model("one", made, codec)] == [True]


@pytest.mark.parametrize(
    ("sam", "said"),
    [
        ({}, []),
        ({"rho": 0.1, "start_step": 3, "fraction": 0.25}, []),
        ({"start_step": 9, "fraction": 0.01}, []),  # SAM is off: kinj.config.inert tells
        (
            {"rho": 0.1, "start_step": 4},
            ["stage `one`: SAM will not act: optim.sam.start_step is 4, and the stage has 4 steps"],
        ),
        (
            {"rho": 0.1, "fraction": 0.1},
            ["stage `one`: optim.sam.fraction is 0.1, and the first pass of SAM reads 25%"],
        ),
        ({"rho": 0.1, "fraction": 0.1, "variant": "momentum"}, []),
    ],
)
def test_sam_in_a_stage_too_short_or_with_too_few_rows(sam: dict[str, Any], said: list[str]) -> None:
    found = list(unread_of_sam("one", OptimSettings(sam=SamSettings(**sam)), steps=4, rows=[4, 4, 4]))
    assert [text[: len(start)] for text, start in zip(found, said, strict=True)] == said
    assert list(unread_of_sam("one", OptimSettings(sam=SamSettings(rho=0.1)), steps=4, rows=[])) == []


@pytest.mark.parametrize(
    ("sam", "processes", "said"),
    [
        ({"rho": 1.0, "scope": "rank"}, ALONE, ["optim.sam.scope"]),
        ({"rho": 1.0, "scope": "rank"}, Processes(0, 2), []),
        ({"rho": 1.0, "offload": True}, ALONE, ["optim.sam.offload"]),
        ({"scope": "rank"}, ALONE, []),
    ],
)
def test_one_process_and_one_memory(sam: dict[str, Any], processes: Processes, said: list[str]) -> None:
    made = settings("auto")
    made.optim = OptimSettings(sam=SamSettings(**sam))

    assert [text.split("=")[0].split(" ")[0] for text in unread_here(made, processes, CPU)] == said
