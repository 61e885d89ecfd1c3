"""What holds for every law, from the folder of a sweep to the files and the words of the command."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from law_plants import capacities, courses, exposures, infusions, outcomes
from typer.testing import CliRunner

from kinj.cli.main import app
from kinj.config import load, to_yaml
from kinj.config.errors import UsageError
from kinj.config.names import LAWS as NAMES
from kinj.report.law import law_plot, show_law
from kinj.sweep.laws.base import Law, Row
from kinj.sweep.laws.registry import LAWS
from kinj.sweep.laws.rows import read_rows
from kinj.sweep.laws.run import fit_law
from kinj.sweep.laws.study import study
from kinj.sweep.ledger import FileLedger
from tests.report.conftest import write_law

ROOT = Path(__file__).resolve().parents[2]
HEADINGS = ["What it says", "What the sweep must hold", "When it does not help", "How it was checked",
            "Settings to start from", "Origin of the idea"]  # fmt: skip
CASES: dict[str, Callable[[random.Random], list[Row]]] = {
    "collapse": lambda rng: infusions(rng, budgets=(1e6,), seeds=3),
    "forgetting": lambda rng: infusions(rng, budgets=(1e6,), seeds=3, retained=True),
    "plateau": lambda rng: courses(rng, seeds=3),
    "capacity": lambda rng: capacities(rng, seeds=3),
    "efficiency": lambda rng: outcomes(rng, seeds=4, people=60),
    "exposure": lambda rng: exposures(rng, seeds=3),
}


def test_table_is_complete() -> None:
    assert list(CASES) == list(LAWS) == list(NAMES)


@pytest.mark.parametrize("name", CASES)
def test_every_law_has_a_card(name: str) -> None:
    lines = (ROOT / "docs" / "laws" / f"{name}.md").read_text(encoding="utf-8").splitlines()
    assert [line[3:] for line in lines if line.startswith("## ")] == HEADINGS


@pytest.mark.parametrize("name", CASES)
@given(order=st.randoms(use_true_random=False))
def test_the_order_of_the_trials_changes_nothing(name: str, order: Any) -> None:
    law, rows = LAWS[name](), CASES[name](random.Random(0))
    estimate = law.estimate(law.points(rows))
    order.shuffle(rows)
    assert law.estimate(law.points(rows)) == pytest.approx(estimate)


@pytest.mark.parametrize("name", CASES)
def test_it_is_found_where_it_was_planted_and_says_so_in_json(name: str) -> None:
    rows = CASES[name](random.Random(5))
    result = study(LAWS[name](), rows)
    assert result["found"]
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert result["r2"] > 0.5
    # The planted plateau is exactly at the entropy in every seed, which leaves its level without an interval.
    known = [one for one in result["parameters"] if (name, one["name"]) != ("plateau", "level")]
    assert all(one["low"] <= one["value"] <= one["high"] for one in known)
    for line in result["lines"]:
        assert all(point["low"] is None or point["low"] <= point["y"] <= point["high"] for point in line["curve"])
    assert study(LAWS[name](), rows[::-1]) == result


@pytest.mark.parametrize("name", CASES)
def test_one_seed_says_nothing_about_others(name: str) -> None:
    with pytest.raises(UsageError, match="needs 2 seeds or more, and this sweep has 1"):
        study(LAWS[name](), [row for row in CASES[name](random.Random(0)) if row.unit == 0])


@pytest.mark.parametrize("name", CASES)
def test_a_sweep_without_what_it_needs_is_refused_with_how_many_are_needed(name: str) -> None:
    empty = [
        replace(row, dose=0.0, measure=None, measures={}, course=(), outcomes=())
        for row in CASES[name](random.Random(0))
    ]
    with pytest.raises(UsageError, match=f"the law `{name}` needs [0-9] .*, and this sweep has 0"):
        study(LAWS[name](), empty)


ALIKE = {
    "exposure": (lambda row: replace(row, measure=0.0), "twice as many exposures add 0.0 (no interval) points"),
    "efficiency": (lambda row: replace(row, outcomes=[(d, 0.0) for d, _ in row.outcomes]), "does not rise with exposures"),
    "capacity": (lambda row: replace(row, measures={"capacity.bits_per_person/sentences": row.dose * 1e-3}), "(no interval) more"),
}  # fmt: skip


@pytest.mark.parametrize("name", ALIKE)
def test_seeds_that_are_all_alike_make_no_certainty(name: str) -> None:
    alike, phrase = ALIKE[name]
    result = study(LAWS[name](), [alike(row) for row in CASES[name](random.Random(0))])
    assert not result["found"]
    assert phrase in result["answer"]
    assert result["parameters"]
    assert all(one["low"] is None and one["high"] is None for one in result["parameters"])
    assert all(point["low"] is None for line in result["lines"] for key in ("points", "curve") for point in line[key])
    assert any("which is chance and no certainty" in notice for notice in result["notices"])
    assert law_plot(result).startswith("<svg")
    show_law(result)


def write_sweep(folder: Path, doses: Sequence[int] = (1, 2, 4, 8), seeds: int = 3, **space: Sequence[Any]) -> Path:
    """A finished sweep over the passes through four people, with accuracies that grow by 10 points for twice the dose."""
    groups = []
    for dose in doses:
        trials = []
        for seed in range(seeds):
            name = f"{dose}-{seed}"
            trials.append({"trial": name, "seed": seed, "data_seed": seed, "done": True})
            write_trial(folder / "trials" / name, dose, 0.1 * (1 + doses.index(dose)) + 0.002 * seed * dose)
        settings = {"train.stages.inject.epochs": dose}
        row = {"name": f"epochs={dose}", "arm": None, "settings": settings, "trials": trials}
        groups.append({**row, "measures": {}, "cost": {}})
    varied = {"train.stages.inject.epochs": list(doses), "seed": list(range(seeds)), "data.seed": list(range(seeds))}
    measure = {"probe": "biographies", "name": "recall"}
    results = {"groups": groups, "space": varied, "measure": measure, "data": "biographies"}
    results |= {"model": "tiny", "recipe": "inject", "comparisons": [], "failures": [], "notices": []}
    results |= {"not_measured": {}, "prompt_overlap": {}, "reference": None}
    (folder / "results.json").write_text(json.dumps(results))
    (folder / "sweep.yaml").write_text("data: {biographies: {people: 4}}\n")
    return folder


def write_trial(folder: Path, dose: int, accuracy: float) -> None:
    folder.mkdir(parents=True)
    measures = {"recall": {"value": accuracy, "n": 2}}
    (folder / "results.json").write_text(json.dumps({"probes": {"biographies": {"measures": measures}}}))
    (folder / "summary.json").write_text(json.dumps({"parameters": 1000, "tokens": 500}))
    rows = [("documents", f"p{n}", fact, dose, 2, 10 * dose) for n in range(4) for fact in ("city", "date")]
    rows.append(("replay", "other", "city", 99, 1, 100))
    columns = dict(
        zip(("source", "document", "relation", "exposures", "views", "tokens"), zip(*rows, strict=True), strict=True)
    )
    pq.write_table(pa.table(columns), folder / "doses.parquet")
    lines = [
        {"step": 5, "loss": 1.0},
        {"step": 5, "probe": "generalization", "measure": "attribute_loss/familiar", "value": 6.0},
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_rows_hold_what_the_runs_counted(tmp_path: Path) -> None:
    rows = read_rows(write_sweep(tmp_path), LAWS["plateau"]())
    assert len(rows) == 12
    row = next(row for row in rows if row.dose == 4 and row.unit == 1)
    assert (row.people, row.views, row.tokens, row.fact_tokens, row.parameters) == (4, 2, 500, 160, 1000)
    assert row.measure == row.measures["biographies.recall"]
    assert list(row.course) == [(5, 6.0)]
    assert (row.series, row.cell) == ("", "epochs=4")


def test_a_law_says_what_was_pruned(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path)
    assert not any("pruned" in notice for notice in fit_law(folder, "exposure")["notices"])
    results = json.loads((folder / "results.json").read_text())
    (folder / "results.json").write_text(json.dumps(results | {"pruned": [{"trial": "16-0"}]}))
    assert "pruned trials are left out (1)" in fit_law(folder, "exposure")["notices"][-1]
    assert "pruned trials" in (folder / "laws" / "exposure.json").read_text()


def test_command_fits_a_law_to_a_sweep_that_is_there(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path)
    done = CliRunner().invoke(app, ["sweep", str(folder), "--law", "exposure", "--at", "16", "--at", "1k"])
    assert done.exit_code == 0, done.stderr
    assert "<h2>Laws</h2>" in (folder / "report.html").read_text(encoding="utf-8")
    assert "twice as many exposures add 10." in done.stdout
    assert "16 exposures (views × repetitions): " in done.stdout
    assert "decades outside what was measured (1 to 8): no advice" in done.stdout
    found = json.loads((folder / "laws" / "exposure.json").read_text())
    assert found["found"]
    assert (folder / "laws" / "exposure.svg").read_text().startswith("<svg")
    as_json = CliRunner().invoke(app, ["sweep", str(folder), "--law", "exposure", "--at", "16", "--at", "1k", "--json"])
    assert json.loads(as_json.stdout)["law"] == found


EPOCHS = "train.stages.inject.epochs"
MULTIPLEXED = ["--multiplex", "augment.views=1,2,3,4"]


@pytest.mark.parametrize(
    ("law", "typed", "phrase"),
    [
        ("exposure", [f"{EPOCHS}=1,2,3,4"], "the law `exposure` needs 2 seeds or more, and this sweep has 1"),
        ("exposure", [f"{EPOCHS}=1,2,3", "seed=0,1"], "needs 4 settings beside seeds or more, and this sweep has 3"),
        ("capacity", [f"{EPOCHS}=1,2", "data.seed=0,1"], "needs 3 settings beside seeds or more, and this sweep has 2"),
        ("efficiency", ["optim.lr=1e-3"], "needs 2 seeds or more, and this sweep has 1"),
        ("efficiency", ["seed=0,1"], ""),
        ("collapse", [f"{EPOCHS}=1,2,3,4", "seed+data.seed=0,1"], ""),
        ("exposure", [*MULTIPLEXED, "seed=0,1"], ""),
    ],
)
def test_too_little_for_a_law_is_said_before_anything_runs(law: str, typed: list[str], phrase: str) -> None:
    done = CliRunner().invoke(app, ["sweep", *typed, "--law", law, "--dry-run"])
    assert done.exit_code == (2 if phrase else 0), done.stderr
    assert phrase in done.stderr


@pytest.mark.usefixtures("entries")
@pytest.mark.slow
def test_a_sweep_that_grew_says_which_laws_are_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kinj.cli.sweeping.TRIAL", "sweep_entries:good")
    shared = ["model=scratch", "model.tokenizer=train", "-o", str(tmp_path / "s"), "--workers", "1"]
    assert CliRunner().invoke(app, ["sweep", "seed=0,1", *shared]).exit_code == 0
    write_law(tmp_path / "s", trials=2)
    said = "The law “exposure” was fitted to 2 trials, and 3 have finished now. Fit it anew: kinj sweep"
    assert "The law" not in CliRunner().invoke(app, ["sweep", "seed=0,1", *shared]).stderr
    assert said in CliRunner().invoke(app, ["sweep", "seed=0..2", *shared]).stderr
    assert said in CliRunner().invoke(app, ["sweep", "seed=0..2", *shared, "--json"]).stderr
    assert said in (tmp_path / "s" / "report.html").read_text(encoding="utf-8")


def test_a_law_is_fitted_to_what_has_finished_of_a_sweep_that_was_cut_short(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path)
    kept = [row.cell for row in read_rows(folder, LAWS["exposure"]())]
    (folder / "sweep.yaml").write_text(to_yaml(load("sweep", ["data.biographies.people=4"], environ={}).settings))
    for trial in sorted((folder / "trials").iterdir()):
        dose, seed = trial.name.split("-")
        (trial / "overrides.txt").write_text(f"seed={seed}\ntrain.stages.inject.epochs={dose}\n")
        (trial / "events.jsonl").write_text('{"kind": "finished"}\n')
        about = {"low": None, "high": None, "n": 2, "clusters": 2, "unit": "share", "direction": 1, "covers": ""}
        content = json.loads((trial / "results.json").read_text())
        content["probes"]["biographies"]["measures"]["recall"] |= about
        (trial / "results.json").write_text(json.dumps(content))
    (folder / "results.json").unlink()
    FileLedger(folder).plan(dict.fromkeys((trial.name for trial in (folder / "trials").iterdir()), True))
    assert sorted(row.cell for row in read_rows(folder, LAWS["exposure"]())) == sorted(
        f"train.stages.inject.{cell}" for cell in kept
    )
    done = CliRunner().invoke(app, ["sweep", str(folder), "--law", "exposure"])
    assert done.exit_code == 0, done.stderr
    assert "12 of 12 done" in (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "phrase"),
    [
        (["--law", "exposur"], "law must be one of"),
        (["--law", "plateau"], "the law `plateau` needs 4 numbers of people"),
        (["--law", "exposure", "--at", "many"], "at holds numbers such as 200 or 1.5M, got many"),
        ([], "name what to do with it"),
        ([], "join it: --worker"),
    ],
)
def test_bad_commands_say_what_is_wrong(tmp_path: Path, arguments: list[str], phrase: str) -> None:
    done = CliRunner().invoke(app, ["sweep", str(write_sweep(tmp_path / "s")), *arguments])
    assert done.exit_code == 2
    assert phrase in done.stderr


def test_a_folder_without_a_sweep_and_runs_without_documents_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = CliRunner().invoke(app, ["sweep", str(tmp_path / "empty"), "--law", "exposure"])
    assert done.exit_code == 2
    assert "holds no trials yet" in done.stderr
    folder = write_sweep(tmp_path / "sweep")
    table = pq.read_table(folder / "trials" / "1-0" / "doses.parquet")
    pq.write_table(table.slice(8), folder / "trials" / "1-0" / "doses.parquet")
    done = CliRunner().invoke(app, ["sweep", str(folder), "--law", "exposure"])
    assert done.exit_code == 2
    assert "names no document of a source `documents`" in done.stderr


def test_settings_that_are_no_size_and_no_dose_make_curves_of_their_own(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path)
    results = json.loads((folder / "results.json").read_text())
    for group, lr, rate in zip(results["groups"], (1, 2, 1, 2), (1, 2, 3, 4), strict=True):
        group["settings"] |= {"optim.lr": lr, "optim.weight_decay": rate}
    results["space"] |= {"optim.lr": [1, 2], "optim.weight_decay": [1, 2, 3, 4]}
    (folder / "results.json").write_text(json.dumps(results))
    law: Law = LAWS["exposure"]()
    assert {row.series for row in read_rows(folder, law)} == {""}  # both follow from the epochs
    for group in results["groups"]:
        group["settings"]["train.stages.inject.epochs"] = 1
    (folder / "results.json").write_text(json.dumps(results))
    assert {row.series for row in read_rows(folder, law)} == {
        f"optim.lr={2 - n % 2}, optim.weight_decay={n}" for n in (1, 2, 3, 4)
    }
