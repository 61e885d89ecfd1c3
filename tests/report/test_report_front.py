"""The front of recall against retention, short names of rows, doses, and the command that repeats a sweep."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kinj.config.typed import value_of
from kinj.config.values import split_values
from kinj.report.doses import dose_figures
from kinj.report.figures import MOST_ROWS, front_figure, left_out, shown_rows
from kinj.report.front import front_words, on_front
from kinj.report.naming import short_keys, shortly_named, written
from kinj.report.sweep import repeat
from tests.report.conftest import comparison, group, measure

PLACES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=8)


def at(places: list[tuple[int, int]], kept: str = "known_unreplayed", direction: int = 1) -> dict[str, Any]:
    """Results whose rows know and keep so many tenths."""
    groups = [group(str(number), x / 10, 100) for number, (x, _) in enumerate(places)]
    for one, (_, y) in zip(groups, places, strict=True):
        one["measures"]["retention"] = {kept: measure(y / 10, direction=direction)}
    return {"measure": {"probe": "biographies", "name": "recall"}, "groups": groups, "space": {}, "comparisons": []}


@given(PLACES)
def test_the_front_is_what_nothing_beats(places: list[tuple[int, int]]) -> None:
    front = on_front(at(places))
    assert front is not None
    best = [
        str(number)
        for number, (x, y) in enumerate(places)
        if not any((a, b) != (x, y) and a >= x and b >= y for a, b in places)
    ]
    assert front.names == best
    assert set(front.beaten) | set(best) == {str(number) for number in range(len(places))}
    for worse, better in front.beaten.items():
        assert all(a >= b for a, b in zip(places[int(better)], places[int(worse)], strict=True))


def test_less_perplexity_is_better() -> None:
    front = on_front(at([(1, 3), (1, 5)], "perplexity", direction=-1))
    assert front
    assert front.names == ["0"]
    assert "“0” is at least as good as every other row in both" in front_words(front)[0]
    assert front_figure(at([(1, 3), (1, 5)], "perplexity", direction=-1)) is not None


def test_no_front_without_two_rows_that_have_both() -> None:
    assert on_front(at([(1, 1)])) is None
    results = at([(1, 1), (2, 2)])
    results["groups"][0]["measures"].pop("retention")
    assert on_front(results) is None
    assert front_figure(results) is None


def test_rows_that_are_too_many_are_left_out_of_plots_by_row() -> None:
    results = at([(number % 6, 1) for number in range(MOST_ROWS + 6)])
    shown = shown_rows(results)
    assert len(shown) == MOST_ROWS
    assert [place for place, _ in shown] == sorted(place for place, _ in shown)
    assert 5 in [place for place, _ in shown]
    assert 0 not in [place for place, _ in shown]
    assert f"{MOST_ROWS} of {MOST_ROWS + 6}" in left_out(results)


def test_short_names_are_as_long_as_they_must_be() -> None:
    keys = ["optim.lr", "train.stages.a.epochs", "train.stages.b.epochs", "epochs"]
    assert short_keys(keys) == {
        "optim.lr": "lr",
        "train.stages.a.epochs": "a.epochs",
        "train.stages.b.epochs": "b.epochs",
        "epochs": "epochs",
    }
    assert [written(value) for value in (2.0, 3.0000000000000004e-05, None, True, "x")] == [
        "2",
        "3e-05",
        "null",
        "true",
        "x",
    ]


def grid_of(arms: bool) -> dict[str, Any]:
    groups = []
    for arm in ("plain, long", "other") if arms else (None,):
        for dose in (1, 10, 100):
            one = group(", ".join([*filter(None, [arm]), f"data.views={dose}"]), dose / 200, 100)
            groups.append({**one, "arm": arm, "settings": {"data.views": dose}})
    about = {
        "measure": {"probe": "biographies", "name": "recall"},
        "space": {"data.views": [1, 10, 100], "seed": [0, 1]},
    }
    return {**about, "groups": groups, "comparisons": []}


def test_rows_are_named_shortly_everywhere() -> None:
    results = grid_of(arms=True)
    results["comparisons"] = [comparison("other, data.views=1", "plain, long, data.views=1", 0.1, 0.0, 0.2)]
    found = shortly_named(results)
    assert [one["name"] for one in found["groups"]][:2] == ["plain, long, views=1", "plain, long, views=10"]
    assert (found["comparisons"][0]["a"], found["comparisons"][0]["b"]) == ("other, views=1", "plain, long, views=1")
    assert results["groups"][0]["name"] == "plain, long, data.views=1"


def test_a_dose_has_a_line_for_each_combination_of_all_else() -> None:
    learned, kept = dose_figures(shortly_named(grid_of(arms=True)))
    assert learned.file == "dose-views"
    assert kept.file == "dose-views-kept"
    assert "plain, long: 0.5 at 1 data.views" in learned.plot.alt
    assert "other: 50 at 100 data.views" in learned.plot.alt
    assert [figure.file for figure in dose_figures(shortly_named(grid_of(arms=False)))] == [
        "dose-views",
        "dose-views-kept",
    ]


def test_one_value_and_values_that_are_no_numbers_are_no_doses() -> None:
    results = grid_of(arms=False)
    for one in results["groups"]:
        one["settings"] = {"data.views": "all"}
    assert list(dose_figures(results)) == []


def test_the_command_that_repeats_a_sweep_varies_together_what_was_varied_together(tmp_path: Path) -> None:
    def row(lr: float, steps: int) -> dict[str, Any]:
        trials = [{"trial": f"{lr}-{seed}", "seed": seed, "data_seed": seed, "done": False} for seed in (0, 1)]
        return {"settings": {"optim.lr": lr, "train.stages.a.steps": steps, "model.name": "tiny"}, "trials": trials}

    space = {
        "optim.lr": [1e-3, 1e-2],
        "train.stages.a.steps": [20, 10],
        "seed": [0, 1],
        "data.seed": [0, 1],
        "model.name": ["tiny"],
    }
    results = {"space": space, "groups": [row(1e-3, 20), row(1e-2, 10)]}
    typed = shlex.split(repeat(tmp_path, results))
    assert "optim.lr+train.stages.a.steps=[0.001,20],[0.01,10]" in typed
    assert "seed+data.seed=0,1" in typed
    assert "model.name=tiny" in typed
    results["groups"] += [row(1e-3, 10), row(1e-2, 20)]
    assert {"optim.lr=0.001,0.01", "train.stages.a.steps=20,10"} < set(shlex.split(repeat(tmp_path, results)))


def test_the_command_that_repeats_a_sweep_can_be_pasted(tmp_path: Path) -> None:
    """Folders and values with spaces, commas and quotes are the same ones when a shell and kinj have read them."""
    folder = tmp_path / "my sweep & more"
    files = [["my docs/a b.jsonl", "c,d.jsonl"], ["it's.jsonl"], ["[e].jsonl", "f"]]
    words = ["one, two", "(a b)", "it's", " null", "null"]
    results = {"space": {"data.documents": files, "train.recipe": words, "optim.sam.rho": [None, 0.5]}, "groups": []}
    command, axes = shlex.split(repeat(folder, results)), {}
    assert command[:4] == ["kinj", "sweep", "-c", str(folder / "sweep.yaml")]
    for argument in command[4:-2]:
        key, _, text = argument.partition("=")
        axes[key] = [value_of(key.split("."), one) for one in split_values(text) if key != "optim.sam.rho"]
    assert axes == {"data.documents": files, "train.recipe": words, "optim.sam.rho": []}
    assert "optim.sam.rho=null,0.5" in command
