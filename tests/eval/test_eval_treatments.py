"""Measures by treatment: the same probe over the documents of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from kinj.config import load, to_yaml
from kinj.data import open_data
from kinj.data.base import DataSet
from kinj.data.biographies.people import Population
from kinj.data.biographies.text import biography
from kinj.data.records import Question
from kinj.data.treatments import read_treatments, write_treatments
from kinj.eval.asking import NotMeasuredError
from kinj.eval.base import Context, Measure
from kinj.eval.overlap import training_texts, words
from kinj.eval.probes.biographies import Biographies
from kinj.eval.table import treatment_lines
from kinj.eval.treatments import by_treatment
from kinj.models.requests import Request, Response


def answered(document: str, right: bool) -> Response:
    meta = {"relation": "born"}
    question = Question(
        id=f"q-{document}", document=document, prompt="Where?", answers=["Rome"], kind="forward", meta=meta
    )
    request = Request(kind="generate", prompt="Where?", meta={"question": question, "normalizer": "squad"})
    return Response(request=request, text="Rome" if right else "Oslo")


ASKED = [
    answered("a", True),
    answered("b", False),
    answered("c", True),
    answered("stranger", True),
    answered("d", True),
]
TREATMENTS = {"a": 0, "b": 0, "c": 1, "d": 1, "never asked": 2}


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """That of a run with three treatments."""
    chosen = load("train", ["train.multiplex=['augment.views=1,2,5']"], environ={}).settings
    write_treatments(tmp_path, TREATMENTS)
    (tmp_path / "config.yaml").write_text(to_yaml(chosen))
    return Context(settings=chosen, data=DataSet("test", {}), run=tmp_path)


def test_each_treatment_has_the_measures_of_its_documents(context: Context) -> None:
    found = by_treatment(Biographies(), ASKED, None, context)
    values = [{name: (m["value"], m["n"]) for name, m in one["measures"].items() if name == "recall"} for one in found]
    assert values == [{"recall": (0.5, 2)}, {"recall": (1.0, 2)}, {}]


def test_changes_are_paired_within_a_treatment(context: Context) -> None:
    before = [answered(r.request.meta["question"].document, False) for r in ASKED]
    first = by_treatment(Biographies(), ASKED, before, context)[0]["measures"]
    assert first["recall_change"]["value"] == 0.5


def test_a_probe_about_other_documents_says_nothing_by_treatment(context: Context) -> None:
    assert by_treatment(Biographies(), ASKED[3:4], None, context) == []
    assert by_treatment(Biographies(), ASKED, None, replace(context, run=None)) == []


class Wanting:
    """A probe that finds too little in every group."""

    name = "wanting"

    def requests(self, context: object) -> list[Request]:
        raise AssertionError("only its summary is wanted here")

    def summarise(self, responses: Sequence[Response], baseline: Sequence[Response] | None = None) -> list[Measure]:
        raise NotMeasuredError("too little")


def test_what_cannot_be_measured_in_a_group_is_left_out(context: Context) -> None:
    stated = Response(request=Request(kind="rolling", prompt="x", meta={"fact": ("a", "born")}))
    assert by_treatment(Wanting(), [stated], None, context) == [
        {"settings": {"augment.views": views}, "measures": {}} for views in ("1", "2", "5")
    ]


def test_the_terminal_has_a_line_for_each_treatment(context: Context) -> None:
    results = {
        "probes": {"biographies": {"treatments": by_treatment(Biographies(), ASKED, None, context)}, "other": {}}
    }
    lines = treatment_lines(results)
    assert lines[0].startswith("biographies, augment.views=1: recall 50.0 % [")
    assert lines[2] == "biographies, augment.views=5: not measured"


def test_the_record_of_treatments_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_treatments(tmp_path, TREATMENTS)
    assert read_treatments(tmp_path) == TREATMENTS
    assert read_treatments(tmp_path / "elsewhere") == read_treatments(None) == {}


def test_texts_of_every_treatment_count_as_training_texts(tmp_path: Path) -> None:
    entries = ["data.biographies.people=4", "train.multiplex=['data.biographies.views=2,5']"]
    chosen = load("train", [*entries, "train.stages.inject.data.replay.weight=0"], environ={}).settings
    (tmp_path / "config.yaml").write_text(to_yaml(chosen))
    found = training_texts(Context(settings=chosen, data=open_data(chosen.data), run=tmp_path))
    fifth = biography(Population("B0", 4).person(0), 4, seed=0)
    assert words(fifth.text) in found.texts
    assert found.sources == ["documents"] * 3
