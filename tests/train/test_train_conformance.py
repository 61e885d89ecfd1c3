"""One table of all recipes: each trains, resumes to the same bytes, and says clearly what it cannot use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kinj.config import load, tree
from kinj.config.errors import KinjError
from kinj.config.names import OBJECTIVES
from kinj.config.schema import Settings, StageSettings
from kinj.data.base import DataSet
from kinj.data.records import Document, Question, Record
from kinj.data.rundir import RunDir
from kinj.models.loading import LanguageModel, load_model
from kinj.train.objectives import registry
from kinj.train.run import TrainResult, train
from tests.train.test_train_run import StopError, digest, fresh, stop_after

RECIPES: dict[str, list[str]] = {
    "cpt": ["auto"],
    "cpt_it": ["auto", "auto"],
    "inject": ["auto"],
    "mixed": ["auto"],
    "mixed_ratio": ["auto"],
    "pit": ["auto", "auto"],
    "pit_plus_plus": ["auto", "auto", "auto"],
    "pit_minus_minus": ["auto", "auto", "auto"],
    "masked": ["masked"],
    "span": ["span"],
    "path": ["path"],
    "distill": ["distill"],
    "gradual": ["auto", "auto", "auto"],
    "refusal": ["auto", "auto"],
    "curriculum": ["auto", "auto", "auto"],
    "warmup": ["auto", "auto"],
    "skewed": ["auto"],
}
"""Every shipped recipe, with the objectives of its stages in order."""


def texts(letter: str) -> list[Record]:
    made: list[Record] = []
    for i in range(4):
        text = f"Person {letter}{i} was born in town {i % 3}. They work in city {i}."
        made.append(Document(id=f"{letter}{i}", text=text, title=f"Person {letter}{i}"))
    return made


def asked(letter: str) -> list[Record]:
    return [
        Question(
            id=f"q{letter}{i}",
            document=f"{letter}{i}",
            prompt=f"Where was {letter}{i} born?",
            answers=[f"town {i % 3}"],
        )
        for i in range(4)
    ]


def pools() -> DataSet:
    return DataSet(
        "test",
        {
            "documents": lambda: texts("D"),
            "train_documents": lambda: texts("T"),
            "train_questions": lambda: asked("T"),
            "replay": lambda: [*texts("R"), *asked("R")],
        },
    )


def small(recipe: str, *overrides: str) -> Settings:
    """A recipe with short stages, one of them with SAM where it has several."""
    given = ["optim.batch_tokens=100", "optim.lr=2e-3", "train.checkpoint_every=2", "train.keep_checkpoints=99"]
    settings = load("train", [f"train={recipe}", *given, *overrides], environ={}).settings
    for stage in settings.train.stages.values():
        stage.epochs, stage.steps = None, 3
    settings.train.stages[settings.train.order[-1]].optim = {"sam": {"rho": 0.05}}
    return settings


def asker(_: LanguageModel, questions: Sequence[Question]) -> list[tuple[int, int]]:
    """Knows every class: of the prompts, all, two or none are right, or only a sample."""
    return [((1, 0), (5, 0), (2, 0), (0, 1))[i % 4] for i in range(len(questions))]


def run(settings: Settings, model: LanguageModel, path: Path, tokenizer: Any, **options: Any) -> TrainResult:
    folder = RunDir.create(path, resume=bool(options.get("resume")))
    return train(settings, model, pools(), folder, asker=asker, start_model=lambda: fresh(tokenizer), **options)


def test_the_table_is_complete() -> None:
    assert sorted(RECIPES) == tree.choices("train")


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_is_built_and_says_what_it_needs(name: str) -> None:
    objective = registry.build(name, StageSettings(objective=name))
    assert objective.needs <= {"start_model"}
    assert (objective.loss(None) is not None) == ("start_model" in objective.needs)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_trains_and_resumes_to_the_same_bytes(recipe: str, tmp_path: Path, tokenizer: Any) -> None:
    settings = small(recipe)
    order = settings.train.order
    assert [settings.train.stages[name].objective for name in order] == RECIPES[recipe]
    whole = run(settings, fresh(tokenizer), tmp_path / "whole", tokenizer)
    assert whole.steps == 3 * len(order)
    assert whole.sam_steps == 3
    assert 0 < whole.label_tokens < whole.tokens <= whole.computed_tokens
    with pytest.raises(StopError):
        run(settings, fresh(tokenizer), tmp_path / "cut", tokenizer, progress=stop_after(whole.steps))
    latest = RunDir(tmp_path / "cut").latest_checkpoint()
    assert latest is not None
    run(settings, load_model(type(settings.model)(name=str(latest))), tmp_path / "cut", tokenizer, resume=True)
    assert digest(tmp_path / "cut") == digest(tmp_path / "whole")


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_names_the_source_that_is_empty(recipe: str, tmp_path: Path, tokenizer: Any) -> None:
    settings = small(recipe)
    stage = settings.train.stages[settings.train.order[0]]
    first = next(iter(stage.data))
    data = pools()
    data.pools[first] = list
    with pytest.raises(KinjError, match=f"the source `{first}` of this stage is empty"):
        train(settings, fresh(tokenizer), data, RunDir.create(tmp_path / "run"), asker=asker)
