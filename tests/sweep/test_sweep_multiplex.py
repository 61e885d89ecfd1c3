"""A multiplexed sweep: its trials, its rows, and what the treatments do to each other, on results made by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from kinj.config import Loaded, load
from kinj.config.errors import UsageError
from kinj.data.treatments import write_treatments
from kinj.report.multiplex import check_grids, check_lines
from kinj.report.sweep import write_sweep_report
from kinj.report.tables import show_sweep
from kinj.sweep.laws.registry import LAWS
from kinj.sweep.laws.rows import read_rows
from kinj.sweep.multiplex import with_controls
from kinj.sweep.outcome import Replicate, TrialResult
from kinj.sweep.results import collect
from kinj.sweep.run import enter, plan
from kinj.sweep.snapshot import table_of
from kinj.sweep.space import Trial, grid

KEY = "train.stages.inject.data.documents.weight"
PEOPLE, QUESTIONS = 12, 5

Accuracy = Callable[[Trial, int], float]
"""What share of the questions about a treatment's documents a trial answers."""


def settings_of(*more: str, alone: bool = True) -> Loaded:
    multiplexed = ["train.multiplex=['data.biographies.views=1,2,5']", f"sweep.alone={str(alone).lower()}"]
    return load("sweep", [*multiplexed, *more], environ={})


def trials_of(loaded: Loaded, seeds: Sequence[int] = (0, 1, 2)) -> list[Trial]:
    return with_controls(
        grid({"seed": list(seeds)}), loaded.settings, lambda trial: loaded.override(trial.overrides, "train").settings
    )


def write(folder: Path, right: Sequence[float], seed: int) -> None:
    """A finished trial that answers so large a share of the questions about each treatment's people."""
    treated = {f"p{n}": (n + seed) % len(right) for n in range(PEOPLE)}
    known = [round(share * QUESTIONS) for share in right]
    rows = [
        {"id": f"{name}.{q}", "document": name, "kind": "forward", "scores": {"exact_match": float(q < known[t])}}
        for name, t in treated.items()
        for q in range(QUESTIONS)
    ]  # fmt: skip

    def measure(of: int | None) -> dict[str, Any]:
        chosen = [r["scores"]["exact_match"] for r in rows if of is None or treated[r["document"]] == of]  # type: ignore[index]  # a table of both
        about = {
            "n": len(chosen),
            "clusters": len(chosen),
            "unit": "share",
            "direction": 1,
            "covers": "other questions",
        }
        value = sum(chosen) / len(chosen)
        return {"measures": {"recall": {"value": value, "low": value - 0.05, "high": value + 0.05, **about}}}

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "predictions").mkdir()
    (folder / "predictions/biographies.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    probes = {
        "biographies": measure(None) | {"treatments": [measure(t) for t in range(len(right))]},
        "retention": {"measures": {"known_replayed": measure(None)["measures"]["recall"]}},
    }
    (folder / "results.json").write_text(json.dumps({"schema": 1, "probes": probes, "notices": []}))
    (folder / "summary.json").write_text(json.dumps({"parameters": 10, "tokens": 90, "passes": 30, "seconds": 3.0}))
    (folder / "config.yaml").touch()
    (folder / "events.jsonl").write_text('{"kind": "finished"}\n')
    write_treatments(folder, treated)


def swept(folder: Path, loaded: Loaded, accuracy: Accuracy, seeds: Sequence[int] = (0, 1, 2)) -> dict[str, Any]:
    """The table of a sweep all of whose trials are done."""
    chosen = trials_of(loaded, seeds)
    _, planned = plan(chosen, lambda trial: loaded.override(trial.overrides, "train").settings, folder)
    for one in planned:
        write(one.folder, [accuracy(one.trial, number) for number in range(3)], one.settings.seed)
    return collect(planned, loaded.settings, {})


def fair(trial: Trial, treatment: int) -> float:
    """Nobody helps anybody: 20, 40 or 80 % by the treatment, and nothing of those who are missing."""
    kind = trial.control.kind if trial.control else "together"
    if kind == "without" and trial.control and trial.control.number == treatment:
        return 0.0
    own = trial.control.number if kind == "alone" and trial.control else treatment
    return (0.2, 0.4, 0.8)[own] + 0.2 * (trial.point["seed"] == 1)


def spilling(trial: Trial, treatment: int) -> float:
    """Treatment 2 gives treatment 0 forty points wherever it is present."""
    helped = treatment == 0 and (trial.control is None or (trial.control.kind, trial.control.number) == ("without", 1))
    return fair(trial, treatment) + 0.4 * helped


def test_the_trials_of_a_seed_are_one_together_and_two_beside_it_for_each_treatment() -> None:
    found = trials_of(settings_of(), seeds=[0])
    assert [str(trial) for trial in found] == [
        "together, seed=0",
        *(f"{kind} treatment {n}, seed=0" for n in range(3) for kind in ("alone", "without")),
    ]
    assert found[3].values == {"train.multiplex": ["data.biographies.views=2,2,2"]}
    assert found[4].values == {"train.multiplex": ["data.biographies.views=1,2,5", f"{KEY}=1,0,1"]}
    assert trials_of(settings_of(alone=False), seeds=[0]) == grid({"seed": [0]})


def test_weights_that_are_multiplexed_stay_where_one_group_is_left_out() -> None:
    loaded = load("sweep", [f"train.multiplex=['{KEY}=1,3,0.5']", "sweep.alone=true"], environ={})
    without = [one.values["train.multiplex"] for one in trials_of(loaded, [0]) if one.arm == "without"]
    assert without == [[f"{KEY}=0,3,0.5"], [f"{KEY}=1,0,0.5"], [f"{KEY}=1,3,0"]]


def test_a_key_is_varied_in_one_way() -> None:
    with pytest.raises(UsageError, match="is multiplexed, and an arm or the grid sets it too"):
        with_controls(
            grid({"data.biographies.views": [1, 2]}), settings_of().settings, lambda _: settings_of().settings
        )


def test_one_row_for_each_treatment_and_none_for_the_missing(tmp_path: Path) -> None:
    table = swept(tmp_path, settings_of(), fair)
    rows = {group["name"]: group["measures"]["biographies"]["recall"] for group in table["groups"]}
    assert list(rows) == [f"{kind}, data.biographies.views={n}" for kind in ("together", "alone") for n in (1, 2, 5)]
    assert rows["together, data.biographies.views=2"]["values"] == [0.4, pytest.approx(0.6), 0.4]
    assert rows["alone, data.biographies.views=2"]["values"] == [0.4, pytest.approx(0.6), 0.4]
    first, last = table["groups"][0], table["groups"][-1]
    assert first["settings"] == {"data.biographies.views": 1}
    assert (first["treatment"], last["treatment"], last["settings"]) == (0, None, {"data.biographies.views": 5})
    assert (first["cost"]["passes"], last["cost"]["passes"]) == (10, 30)
    assert first["measures"]["retention"]["known_replayed"]["runs"] == 3  # what was kept belongs to the whole run


def test_the_table_of_a_sweep_that_was_cut_short_has_the_same_rows(tmp_path: Path) -> None:
    """Trials beside the multiplexed ones are told by their folders, and are no multiplexed ones."""
    loaded = settings_of()
    table = swept(tmp_path, loaded, spilling)
    _, planned = plan(trials_of(loaded), lambda trial: loaded.override(trial.overrides, "train").settings, tmp_path)
    for one in planned:
        (one.folder / "config.yaml").unlink()  # which is made up, too
    (tmp_path / "sweep.yaml").touch()
    enter(tmp_path, planned, loaded.settings)
    assert json.loads(json.dumps(table_of(tmp_path))) == json.loads(json.dumps(table))


def test_a_fair_curve_is_safe_and_its_matrix_is_empty_beside_the_diagonal(tmp_path: Path) -> None:
    (checked,) = swept(tmp_path, settings_of(), fair)["multiplex"]["checked"]
    assert [point["safe"] for point in checked["curve"]] == [True, True, True]
    assert [point["difference"]["value"] for point in checked["curve"]] == [0, 0, 0]
    values = [[round(cell["value"], 9) for cell in row] for row in checked["matrix"]]
    own = [pytest.approx(value + 0.2 / 3) for value in (0.2, 0.4, 0.8)]
    assert values == [[own[0], 0, 0], [0, own[1], 0], [0, 0, own[2]]]


def test_a_planted_spill_is_found_where_it_was_planted(tmp_path: Path) -> None:
    table = swept(tmp_path, settings_of(), spilling)
    (checked,) = table["multiplex"]["checked"]
    assert [point["safe"] for point in checked["curve"]] == [False, True, True]
    assert checked["curve"][0]["difference"]["value"] == pytest.approx(0.4)
    assert checked["matrix"][2][0]["value"] == pytest.approx(0.4)
    assert [checked["matrix"][i][j]["value"] for i, j in ((1, 0), (0, 1), (0, 2), (1, 2), (2, 1))] == [0] * 5
    assert check_lines(table) == [
        "the multiplexed curve is unsafe at views=1: it is not that of runs with one treatment each"
    ]
    curve, matrix = check_grids(table)
    assert [row[-1] for row in curve.rows] == ["unsafe", "safe", "safe"]
    assert matrix.head == ["documents of", "views=1", "views=2", "views=5"]
    assert matrix.rows[2][1].startswith("+40.0 points")


def test_one_seed_is_compared_question_by_question(tmp_path: Path) -> None:
    (checked,) = swept(tmp_path, settings_of(), spilling, seeds=[0])["multiplex"]["checked"]
    assert "one run: says nothing about other seeds" in checked["curve"][0]["difference"]["covers"]
    assert [point["safe"] for point in checked["curve"]] == [False, True, True]


def test_an_unchecked_curve_says_so(tmp_path: Path) -> None:
    table = swept(tmp_path, settings_of(alone=False), fair)
    assert table["multiplex"] == {"treatments": [{"data.biographies.views": n} for n in ("1", "2", "5")], "checked": []}
    assert any("--alone also runs each alone" in notice for notice in table["notices"])
    assert [group["name"] for group in table["groups"]] == [f"data.biographies.views={n}" for n in (1, 2, 5)]
    assert check_lines(table) == []


@pytest.mark.parametrize("results", [{}, {"multiplex": None}])
def test_an_ordinary_sweep_has_nothing_to_check(results: dict[str, Any]) -> None:
    assert list(check_grids(results)) == check_lines(results) == []


def test_trials_that_are_missing_leave_the_curve_unknown(tmp_path: Path) -> None:
    loaded = settings_of()
    _, planned = plan(trials_of(loaded), lambda t: loaded.override(t.overrides, "train").settings, tmp_path)
    for one in planned:
        if one.trial.control is None:
            write(one.folder, [0.2, 0.4, 0.8], one.settings.seed)
    table = collect(planned, loaded.settings, {})
    assert [point["safe"] for point in table["multiplex"]["checked"][0]["curve"]] == [None] * 3
    assert check_lines(table)[0].startswith("too few runs to say")


def test_terminal_and_page_show_curve_and_matrix(tmp_path: Path) -> None:
    table = swept(tmp_path, settings_of(), spilling)
    (tmp_path / "results.json").write_text(json.dumps(table))
    console = Console(width=60, record=True, file=(tmp_path / "out").open("w"))
    show_sweep(table, console)
    shown = console.export_text()
    page = write_sweep_report(tmp_path).read_text()
    for text in ("What the documents of a row&#x27;s treatment", "unsafe", "+40.0 points"):
        assert text in page
        assert text.replace("&#x27;", "'") in shown


def test_items_of_a_treatment_are_those_of_its_documents(tmp_path: Path) -> None:
    write(tmp_path / "run", [0.2, 0.4, 0.8], seed=1)
    found = TrialResult("run", Replicate(0, 1), tmp_path / "run", 2).items("biographies", "recall")
    assert found
    assert set(found.documents.values()) == {f"p{n}" for n in range(PEOPLE) if (n + 1) % 3 == 2}


def test_a_law_reads_one_point_from_each_treatment(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    multiplexed = f"train.multiplex=['{KEY}=1,2,8']"
    loaded = load("sweep", [multiplexed], environ={})
    _, planned = plan(trials_of(loaded), lambda t: loaded.override(t.overrides, "train").settings, tmp_path)
    for one in planned:
        write(one.folder, [0.2, 0.4, 0.8], one.settings.seed)
        doses = [
            {"source": "documents", "document": f"p{n}", "relation": "born", "views": 1, "tokens": 5, "exposures": e}
            for n in range(PEOPLE)
            if (e := (10, 20, 80)[(n + one.settings.seed) % 3])
        ]
        pq.write_table(pa.Table.from_pylist(doses), one.folder / "doses.parquet")
    (tmp_path / "results.json").write_text(json.dumps(collect(planned, loaded.settings, {})))
    (tmp_path / "sweep.yaml").write_text("data: {biographies: {people: 12}}\n")
    rows = read_rows(tmp_path, LAWS["exposure"]())
    assert {(row.series, row.dose, row.people, row.measure) for row in rows} == {
        ("", 10.0, 4, 0.2),
        ("", 20.0, 4, 0.4),
        ("", 80.0, 4, 0.8),
    }
    assert len(rows) == 9
