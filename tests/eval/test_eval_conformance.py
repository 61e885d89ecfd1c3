"""One row per probe; every test runs on every row. A new probe cannot forget its row, nor its card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kinj.config.names import PROBES
from kinj.config.schema import ModelSettings, Settings
from kinj.data.base import DataSet
from kinj.data.biographies import data_set
from kinj.data.records import Question, Record
from kinj.eval import registry
from kinj.eval.asking import NotMeasuredError
from kinj.eval.base import Context, Probe
from kinj.eval.run import evaluate
from kinj.models.codec import Codec
from kinj.models.loading import LanguageModel
from kinj.models.scratch import build_model
from tests.eval.conftest import ask_about

ROOT = Path(__file__).resolve().parents[2]
HEADINGS = ["What it measures", "When it helps", "When it does not help", "Settings to start from", "Cost", "Measured",
            "Known failures", "Origin of the idea"]  # fmt: skip

FILMS = [ask_about(f"film{n}", f'Who directed "Film {n}"?', f"Person Nr{'abcdefghijkl'[n]}") for n in range(12)]
AUTHORS = [
    ask_about(
        f"author{n}", f"Who wrote book {n}?", f"Ada {n}.", choices=[f"Ada {n}.", "Bo.", "Cy."], meta={"split": "retain"}
    )
    for n in range(4)
]
FACTS = [ask_about("1", f"{kind}?", "Ada", kind=kind) for kind in ("reliability", "locality")]
CASES: dict[str, str] = {
    "biographies": "biographies",
    "wiki2023": "wiki2023",
    "wikidyk": "wikidyk",
    "qa": "corpus",
    "retention": "biographies",
    "calibration": "biographies",
    "generalization": "biographies",
    "multihop": "biographies",
    "dose": "biographies",
    "capacity": "biographies",
    "backward": "biographies",
    "cloze": "biographies",
    "formats": "biographies",
    "loss_gap": "biographies",
    "sharpness": "biographies",
    "tofu": "tofu",
    "linear": "biographies",
    "priming": "biographies",
}
"""The data that each probe is shown with."""
QUESTIONS: dict[str, list[Question]] = {"wiki2023": FILMS, "wikidyk": FACTS, "corpus": FILMS, "tofu": AUTHORS}
POOLS = {"tofu": ("seen_questions", "real_authors", "world_facts")}
"""Pools of the questions, where not `questions` alone."""


def pool(records: list[Question]) -> Callable[[], list[Record]]:
    return lambda: list(records)


def bulleted(questions: Sequence[Question]) -> list[Question]:
    """Every question as an item of a list."""
    return [replace(question, prompt=f"* {question.prompt}") for question in questions]


@pytest.fixture
def shown(settings: Settings, tmp_path: Path) -> Callable[[str], Context]:
    """The context of a run that suits a probe."""
    run = tmp_path / "run"
    run.mkdir()
    settings.eval.limit, settings.eval.max_new_tokens, settings.eval.sharpness_steps = 6, 4, 3
    exposures = {"document": ["B0-000000", "B0-000001"], "relation": [None, None], "exposures": [1, 4]}
    pq.write_table(pa.table(exposures), run / "doses.parquet")

    def make(name: str) -> Context:
        data = CASES[name]
        records = (
            data_set(settings.data)
            if data == "biographies"
            else DataSet(data, {name: pool(QUESTIONS[data]) for name in POOLS.get(data, ("questions",))})
        )
        settings.model.name = "tiny" if data == "biographies" else "scratch"
        return Context(settings=settings, data=records, run=run, reformat=bulleted)

    return make


@pytest.fixture
def model(tokenizer: Any) -> LanguageModel:
    """A random model that reads a whole biography, which is long in the words of so small a tokenizer."""
    return LanguageModel(
        build_model(50_000, tokenizer, 512, seed=0),
        tokenizer,
        Codec(tokenizer, ModelSettings(name="scratch"), 512),
        "scratch",
    )


def test_table_is_complete() -> None:
    assert set(CASES) == set(PROBES) == set(registry.PROBES)


@pytest.mark.parametrize("name", CASES)
def test_it_asks_a_model_and_measures_something(
    shown: Callable[[str], Context], model: LanguageModel, tmp_path: Path, name: str
) -> None:
    context = shown(name)
    found = evaluate(context.settings, model, context, [name], tmp_path / "out")
    result: dict[str, Any] = found["probes"][name]
    assert result["measures"]
    for measure in result["measures"].values():
        assert measure["direction"] in (-1, 0, 1)
        assert measure["low"] is None or measure["low"] <= measure["value"] <= measure["high"]
    again = evaluate(context.settings, model, replace(context, notices=[], extras={}), [name])
    assert again["probes"] == found["probes"]


@pytest.mark.parametrize("name", CASES)
def test_data_without_what_it_asks_about_is_not_measured_and_says_what_is_missing(
    settings: Settings, model: LanguageModel, tmp_path: Path, name: str
) -> None:
    settings.model.name = "scratch"
    context = Context(settings=settings, data=DataSet("other", {}), run=tmp_path, reformat=bulleted)
    probe = registry.get(name, context)
    look: Callable[[Context], object] = probe.requests if isinstance(probe, Probe) else partial(probe.measure, model)
    with pytest.raises(NotMeasuredError, match=r"data=|doses\.parquet"):
        look(context)


@pytest.mark.parametrize("name", CASES)
def test_it_has_a_card(name: str) -> None:
    text = (ROOT / "docs" / "probes" / f"{name}.md").read_text(encoding="utf-8")
    found = [line.removeprefix("## ").partition(" (")[0] for line in text.splitlines() if line.startswith("## ")]
    assert found == HEADINGS
