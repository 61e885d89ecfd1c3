"""The Wiki2023 example: five arms with equal exposures, one tokenizer, and the whole path on files in the original schema."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from kinj.cli.main import app
from kinj.cli.pipeline import training_texts
from kinj.config import Loaded, load
from kinj.data import open_data
from kinj.models.codec import Codec
from kinj.models.scratch import train_tokenizer

EXAMPLE = Path(__file__).parents[2] / "examples" / "wiki2023"
YAML, SMOKE = str(EXAMPLE / "wiki2023.yaml"), str(EXAMPLE / "smoke.yaml")
README = (EXAMPLE / "README.md").read_text(encoding="utf-8")
ARMS = ["cpt", "cpt_it", "mix_all", "pit", "pit_plus_plus"]
NAMES = ["Ada Kern", "Jonas Vale", "Mira Sol", "Tomas Reed", "Lena Fox", "Paul Stern", "Nora Field", "Ivan Wood"]
PLACES = ["Lisbon", "Oslo", "Cairo", "Quito", "Hanoi", "Dublin", "Turin", "Perth"]


def write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def originals(tmp_path: Path) -> str:
    """A folder with invented films in the four files and the schema of the original."""
    folder = tmp_path / "wiki2023_film"
    folder.mkdir()
    for split, first, count in (("test", 100, 6), ("train", 200, 14)):
        documents, questions = [], []
        for number in range(count):
            key, title = first + number, f"The {split.title()} Film {number}"
            name, place = NAMES[number % len(NAMES)], PLACES[(number * 3 + first) % len(PLACES)]
            text = f"{title} is a 2023 drama film directed by {name}. It was shot in {place} and lasts {90 + number} minutes."
            documents.append({"wiki_id": key, "title": title, "text": text})
            asked = {f'Who directed "{title}"?': name, f'Where was "{title}" shot?': place}
            questions += [{"wiki_id": key, "question": q, "answer": a} for q, a in asked.items()]
        write(folder / f"film_{split}_doc.jsonl", documents)
        write(folder / f"film_{split}_qa.jsonl", questions)
    return str(folder)


def kinj(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def arms(loaded: Loaded) -> dict[str, Any]:
    """Settings of every arm."""
    return {name: loaded.override(arm, "train").settings for name, arm in loaded.settings.sweep.arms.items()}


def exposures(settings: Any) -> dict[str, float]:
    """Passes over every pool."""
    found: defaultdict[str, float] = defaultdict(float)
    for stage in (settings.train.stages[name] for name in settings.train.order):
        for name, source in stage.data.items():
            if source.per is None:
                found[name] += stage.epochs * source.weight
    return dict(found)


def test_arms_differ_in_order_at_equal_exposures() -> None:
    loaded = load("sweep", files=[YAML], environ={})
    assert loaded.warnings == []
    found = {name: exposures(settings) for name, settings in arms(loaded).items()}
    both = {"documents": 16, "train_documents": 2, "train_questions": 2}
    assert list(found) == ARMS
    assert found["cpt"] == {"documents": 16}
    assert found["cpt_it"] == found["mix_all"] == found["pit"] == both
    assert found["pit_plus_plus"] == both | {"train_questions": 4}


def test_arms_are_those_of_the_paper() -> None:
    def pools(settings: Any) -> list[set[str]]:
        return [set(settings.train.stages[name].data) for name in settings.train.order]

    found = {name: pools(settings) for name, settings in arms(load("sweep", files=[YAML], environ={})).items()}
    d, other, asked = "documents", "train_documents", "train_questions"
    assert found["cpt"] == [{d, asked}]
    assert found["cpt_it"] == [{d, other}, {asked}]
    assert found["mix_all"] == [{d, other, asked}]
    assert found["pit"] == [{other, asked}, {d}]
    assert found["pit_plus_plus"] == [{asked}, {other, asked}, {d}]


def test_all_arms_share_one_tokenizer(originals: str) -> None:
    loaded = load("sweep", [f"data.path={originals}"], files=[YAML], environ={})
    data = open_data(loaded.settings.data)
    texts = [list(training_texts(settings, data)) for settings in arms(loaded).values()]
    assert len(texts[0]) == 6 + 14 + 28  # every document and training question once, no test question
    assert all(other == texts[0] for other in texts)


@pytest.mark.slow
@pytest.mark.usefixtures("trials_here")
def test_smoke_goes_the_whole_way(originals: str, tmp_path: Path) -> None:
    done = kinj("sweep", "-c", YAML, "-c", SMOKE, f"data.path={originals}", "-o", str(tmp_path / "out"))
    assert done.exit_code == 0, done.stderr
    found = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert [group["arm"] for group in found["groups"]] == ARMS
    assert found["measure"] == {"probe": "wiki2023", "name": "ranked_first"}
    for group in found["groups"]:
        measures = group["measures"]["wiki2023"]
        assert {"ranked_first", "ranked_first_no_question", "exact_match", "f1", "contains"} <= set(measures)
        assert measures["ranked_first"]["n"] == 12
        assert measures["ranked_first"]["low"] <= measures["ranked_first"]["value"] <= measures["ranked_first"]["high"]
    main = [row for row in found["comparisons"] if row["measure"] == "ranked_first"]
    assert [row["arms"] for row in main] == load("sweep", files=[YAML], environ={}).settings.sweep.compare
    assert all(row["clusters"] == 6 and row["low"] is not None for row in main)
    assert "PIT" in done.stdout
    assert (tmp_path / "out" / "report.html").exists()


def test_the_same_file_takes_another_model(originals: str, tmp_path: Path) -> None:
    typed = ["model=Qwen/Qwen2.5-1.5B", "optim.lr=3e-5", "optim.batch_tokens=32768"]
    done = kinj("sweep", "-c", YAML, f"data.path={originals}", *typed, "--dry-run", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["trials"] == ARMS
    made = arms(load("sweep", [f"data.path={originals}", *typed], files=[YAML], environ={}))
    assert {settings.model.name for settings in made.values()} == {"Qwen/Qwen2.5-1.5B"}
    assert {stage.optim.get("lr") for settings in made.values() for stage in settings.train.stages.values()} == {None}


@pytest.mark.slow
def test_commands_of_the_readme_are_right(originals: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLE.parents[1])
    commands = re.findall(r"^kinj (sweep .*)$", README, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        words = command.replace("FOLDER", originals).split()
        done = kinj(*words, "--dry-run", "-o", str(tmp_path / "out"))
        assert done.exit_code == 0, done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.shared
def test_real_files_have_the_size_that_the_file_says(shared_data: Path) -> None:
    loaded = load("sweep", [f"data.path={shared_data / 'wiki2023_film'}"], files=[YAML], environ={})
    settings, data = arms(loaded)["pit"], open_data(loaded.settings.data)
    texts = list(training_texts(settings, data))
    assert len(texts) == 256 + 1720 + 11603
    codec = Codec(train_tokenizer(texts, settings.model.vocabulary), settings.model, settings.model.context)
    rows = codec.documents([record.text for record in data.pool("documents")])  # type: ignore[union-attr]
    assert sum(len(row) for parts in rows for row in parts) == pytest.approx(37_200, abs=100)
    assert max(len(parts) for parts in rows) == 1
    pairs = [(record.prompt, record.answers[0]) for record in data.pool("train_questions")]  # type: ignore[union-attr]
    assert sum(len(row) for row in codec.questions(pairs)) == pytest.approx(329_800, abs=500)
    assert len(data.pool("questions")) == 1743


@pytest.mark.shared
def test_real_files_pass_a_dry_run(shared_data: Path, tmp_path: Path) -> None:
    done = kinj("sweep", "-c", YAML, f"data.path={shared_data / 'wiki2023_film'}", "--dry-run", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["trials"] == ARMS
