"""Every probe runs on models that fill gaps."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from kinj.config.schema import ModelSettings
from kinj.data.records import Document
from kinj.eval.base import Context
from kinj.eval.registry import names
from kinj.eval.run import evaluate
from kinj.models.loading import load_model
from tests.eval.conftest import ask_about
from tests.gap_models import FACTS, NAMES, QUESTIONS, TOWNS, save


@pytest.mark.parametrize("kind", ["t5", "bert"])
def test_probes_of_people_run(kind: str, people: Context, tmp_path: Path) -> None:
    people.settings.eval.limit = 4
    model = load_model(ModelSettings(name=str(save(kind, tmp_path / kind))), max_tokens=96 if kind == "bert" else None)
    # Of other data, of the record of a run, or (for so small a BERT) with texts longer than it reads.
    others = {
        "wiki2023",
        "qa",
        "wikidyk",
        "formats",
        "cloze",
        "dose",
        "tofu",
        *(["capacity", "backward"] if kind == "bert" else []),
    }
    asked = [name for name in names() if name not in others]
    found = evaluate(people.settings, model, people, asked, tmp_path / "out")
    assert "gaps" in found["probes"]["sharpness"]["not_measured"]
    assert "both sides" in found["probes"]["linear"]["not_measured"]
    check(found, [name for name in asked if name not in ("sharpness", "linear")])


@pytest.mark.parametrize("kind", ["t5", "bert"])
def test_probes_of_a_corpus_run(kind: str, with_pools: Any, tmp_path: Path) -> None:
    documents = [Document(id=name, text=text) for name, text in zip(NAMES, FACTS, strict=True)]
    questions = [
        ask_about(name, prompt, town, choices=list(TOWNS))
        for name, prompt, town in zip(NAMES, QUESTIONS, TOWNS, strict=True)
    ]
    context = with_pools("corpus", questions=questions, text=documents, documents=documents)
    model = load_model(ModelSettings(name=str(save(kind, tmp_path / kind))))
    found = evaluate(context.settings, model, context, ["qa", "retention"], tmp_path / "out")
    check(found, ["qa", "retention"])
    assert any("at most 10 tokens" in notice for notice in found["notices"]) == (kind == "bert")
    again = values(evaluate(context.settings, model, context, ["qa"], None))
    context.settings.eval.batch_tokens = 1
    assert values(evaluate(context.settings, model, context, ["qa"], None)) == pytest.approx(again, rel=1e-4)


def values(found: dict[str, Any]) -> dict[str, float]:
    return {name: measure["value"] for name, measure in found["probes"]["qa"]["measures"].items()}


@pytest.mark.parametrize("kind", ["t5", "bert"])
def test_blanks_of_documents_are_asked(kind: str, with_pools: Any, tmp_path: Path) -> None:
    towns = ("Rome", "Oslo", "Lima", "Bonn", "Riga")
    documents = [Document(id=town, text=f"Ada{n} lives in {town}.") for n, town in enumerate(towns)]
    context = with_pools("corpus", documents=documents)
    model = load_model(ModelSettings(name=str(save(kind, tmp_path / kind))), max_tokens=96)
    found = evaluate(context.settings, model, context, ["cloze"], tmp_path / "out")
    check(found, ["cloze"])
    assert found["probes"]["cloze"]["measures"]["known_written"]["n"] == 5


def check(found: dict[str, Any], asked: list[str]) -> None:
    for name in asked:
        measures = found["probes"][name]["measures"]
        assert measures, name
        assert all(math.isfinite(measure["value"]) for measure in measures.values()), name
