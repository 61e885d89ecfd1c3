"""Contexts over small data sets, and answers made by hand."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from kinj.config.schema import BiographySettings, DataSettings, Settings, SourceSettings, StageSettings, TrainSettings
from kinj.data.base import DataSet
from kinj.data.biographies import data_set
from kinj.data.records import Question, Record
from kinj.eval.base import Context
from kinj.models.requests import Request, Response


def respond(request: Request, text: str | None = None, logprob: float = -1.0, tokens: int = 1) -> Response:
    return Response(request=request, text=text, logprob=logprob, tokens=tokens)


def perfectly(requests: Iterable[Request]) -> list[Response]:
    """Every question answered with its first accepted answer, every first candidate ranked first."""
    answers = []
    for request in requests:
        question = request.meta.get("question")
        right = question is not None and request.continuation == question.answers[0]
        text = question.answers[0] if request.kind == "generate" else None
        answers.append(respond(request, text, -1.0 if right else -9.0))
    return answers


@pytest.fixture
def settings() -> Settings:
    data = DataSettings(biographies=BiographySettings(people=6, teachers=2))
    stage = StageSettings(
        data={"documents": SourceSettings(), "replay": SourceSettings(), "off": SourceSettings(weight=0)}, epochs=1
    )
    return Settings(data=data, train=TrainSettings(order=["inject"], stages={"inject": stage}))


@pytest.fixture
def people(settings: Settings, tmp_path: Path) -> Context:
    """A run about six generated people."""
    return Context(settings=settings, data=data_set(settings.data), run=tmp_path / "run")


@pytest.fixture
def with_pools(settings: Settings, tmp_path: Path) -> Callable[..., Context]:
    """A run over given pools, of a model that kinj does not ship: `with_pools("corpus", questions=[...])`."""
    settings.model.name = "scratch"

    def make(name: str, **pools: list[Record]) -> Context:
        return Context(
            settings=settings,
            data=DataSet(name, {pool: lambda found=found: found for pool, found in pools.items()}),
            run=tmp_path / "run",
        )

    return make


def ask_about(document: str, prompt: str, *answers: str, **more: object) -> Question:
    return Question(id=f"{document}:{prompt}", document=document, prompt=prompt, answers=list(answers), **more)
