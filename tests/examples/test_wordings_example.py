"""The example on wordings: the same people read equally often in every arm, and the whole path in small."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kinj.cli.main import app
from kinj.cli.pipeline import augmenter
from kinj.config import load
from kinj.data import open_data
from kinj.data.records import Document, Question

EXAMPLE = Path(__file__).parents[2] / "examples" / "wordings"
LADDER, CELEBRITIES, RATIO, SMOKE = (
    str(EXAMPLE / f"{name}.yaml") for name in ("wordings", "celebrities", "ratio", "smoke")
)
RUNGS = ["single", "full_name", "permute", "multi", "both"]
SMALL = ["data.biographies.people=6", "data.biographies.teachers=6"]


def arms(file: str, *more: str) -> dict[str, Any]:
    loaded = load("sweep", list(more), files=[file], environ={})
    assert loaded.warnings == []
    return {name: loaded.override(arm, "train").settings for name, arm in loaded.settings.sweep.arms.items()}


def views_of(settings: Any) -> dict[str, list[Document]]:
    """The texts about each person that the stage shows."""
    source = settings.train.stages["teach"].data["documents"]
    records = open_data(settings.data).pool("documents")
    if source.augment:
        records = augmenter(settings)(records, source.augment, source.views)
    found: dict[str, list[Document]] = {}
    for record in records:
        assert isinstance(record, Document)
        found.setdefault(record.origin, []).append(record)
    return found


@pytest.mark.parametrize("file", [LADDER, CELEBRITIES])
def test_rungs_are_those_of_the_paper(file: str) -> None:
    found = {name: views_of(settings) for name, settings in arms(file, *SMALL).items() if name in RUNGS}
    counts = {name: {len(views) for views in people.values()} for name, people in found.items()}
    assert counts == {"single": {1}, "full_name": {1}} | {name: {5} for name in RUNGS[2:]}
    for person, (single,) in found["single"].items():
        assert single.text.count(single.title or "") == 1
        assert found["full_name"][person][0].text.count(single.title or "") == 6
        assert len({view.text for view in found["multi"][person]}) == 5
        assert len({order_of(view) for view in found["permute"][person]}) > 1
        assert len({order_of(view) for view in found["multi"][person]}) == 1
        assert len({order_of(view) for view in found["both"][person]}) > 1


def order_of(document: Document) -> tuple[str, ...]:
    """The attributes in the order in which a text gives them."""
    return tuple(fact.relation for fact in sorted(document.facts, key=lambda fact: fact.start))


@pytest.mark.parametrize("file", [LADDER, CELEBRITIES])
def test_everybody_is_read_equally_often_in_every_arm(file: str) -> None:
    found = {
        sum(
            train.stages[name].epochs * train.stages[name].data["documents"].weight
            for name in train.order
            if "documents" in train.stages[name].data
        )
        for train in (settings.train for settings in arms(file).values())
    }
    assert len(found) == 1


def test_ratios_differ_in_nothing_else_and_take_equally_many_steps() -> None:
    stages = [settings.train.stages["teach"] for settings in arms(RATIO).values()]
    assert [stage.data["train_questions"].share for stage in stages] == [0.1, 0.3, 0.6, 0.8]
    assert {stage.steps for stage in stages} == {stages[0].steps}
    assert {stage.data["documents"].weight for stage in stages} == {1}


@pytest.mark.parametrize("file", [LADDER, CELEBRITIES, RATIO])
def test_nobody_is_asked_about_in_training(file: str) -> None:
    for settings in arms(file, *SMALL).values():
        data = open_data(settings.data)
        tested = {record.document for record in data.pool("questions")}  # type: ignore[union-attr] # questions only
        for stage in (settings.train.stages[name] for name in settings.train.order):
            for pool in stage.data:
                asked = {record.document for record in data.pool(pool) if isinstance(record, Question)}
                assert not asked & tested


@pytest.mark.slow
@pytest.mark.parametrize("file", [LADDER, CELEBRITIES, RATIO])
@pytest.mark.usefixtures("trials_here")
def test_smoke_goes_the_whole_way(file: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["sweep", "-c", file, "-c", SMOKE, "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.stderr
    found = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert [group["arm"] for group in found["groups"]] == list(arms(file))
    assert all(group["measures"]["biographies"]["recall"]["n"] for group in found["groups"])
    assert (tmp_path / "out" / "plot.svg").exists()


@pytest.mark.slow
def test_commands_of_the_readme_are_right(try_commands: Callable[[Path], int]) -> None:
    assert try_commands(EXAMPLE) > 3
