"""The table's numbers, against numbers worked out by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from kinj.config import load
from kinj.sweep.listing import best_row
from kinj.sweep.outcome import Replicate, TrialResult, locate_measure
from kinj.sweep.results import PlannedTrial, collect
from kinj.sweep.space import grid
from kinj.sweep.statistics import difference, group_measure, over_replicates
from kinj.sweep.watch import SweepProgress, clock, share_done
from tests.sweep.sweep_entries import PEOPLE, write_run

T2, T1 = 4.302652729911275, 12.706204736432095
"""0.975 quantiles of Student's t with 2 and 1 degrees of freedom, from a printed table (4.303, 12.706)."""


def trial(folder: Path, recall: float, seed: int = 0, data_seed: int = 0, **about: Any) -> TrialResult:
    """A finished trial whose recall is exactly `recall`."""
    folder.mkdir(parents=True)
    measure = {"value": recall, "low": recall - 0.1, "high": recall + 0.1, "n": 10, "clusters": 10, "unit": "share"}
    measure |= {"direction": 1, "covers": "other questions like these 10", "note": "", **about}
    (folder / "results.json").write_text(json.dumps({"probes": {"biographies": {"measures": {"recall": measure}}}}))
    return TrialResult(folder.name, Replicate(data_seed, seed), folder)


def test_mean_and_t_interval_over_seeds() -> None:
    values = {Replicate(0, 0): 0.2, Replicate(0, 1): 0.3, Replicate(0, 2): 0.4}
    found = over_replicates(values, "biographies")
    assert found
    half = T2 * 0.1 / math.sqrt(3)  # the standard deviation of 0.2, 0.3, 0.4 is 0.1
    assert found.value == pytest.approx(0.3)
    assert (found.low, found.high) == (pytest.approx(0.3 - half), pytest.approx(0.3 + half))
    assert found.covers == "other training seeds (3), on the same people"


def test_training_seeds_on_the_same_people_are_not_independent() -> None:
    values = {Replicate(0, 0): 0.1, Replicate(0, 1): 0.3, Replicate(1, 0): 0.5, Replicate(1, 1): 0.7}
    found = over_replicates(values, "biographies")
    assert found
    # Two people sets with means 0.2 and 0.6: standard deviation 0.2·√2, so the error is 0.2, with one degree of freedom.
    assert (found.value, found.n, found.clusters) == (pytest.approx(0.4), 4, 2)
    assert found.high == pytest.approx(0.4 + T1 * 0.2)
    assert found.covers == "other people and training seeds (2 data seeds, 4 runs)"


def test_an_interval_of_shares_stays_among_shares(tmp_path: Path) -> None:
    found = group_measure(
        [trial(tmp_path / f"a{s}", 0.1 * s, s) for s in (0, 1)], "biographies", "recall", "biographies"
    )
    assert found
    assert (found["low"], found["value"], found["high"]) == (0.0, pytest.approx(0.05), pytest.approx(0.05 + T1 * 0.05))


COVERS = [
    ([(0, 0), (1, 0)], "biographies", "other people (2 data seeds), with the same training seed"),
    ([(0, 0), (1, 1)], "biographies", "other people and training seeds (2 data seeds, 2 runs)"),
    ([(0, 0), (0, 1)], "squad", "other training seeds (2), on the same data"),
]


@pytest.mark.parametrize(("pairs", "data", "covers"), COVERS)
def test_what_an_interval_covers(pairs: list[tuple[int, int]], data: str, covers: str) -> None:
    found = over_replicates({Replicate(*pair): 0.1 * number for number, pair in enumerate(pairs)}, data)
    assert found
    assert found.covers == covers


def test_one_run_shows_its_own_interval_and_says_so(tmp_path: Path) -> None:
    assert over_replicates({Replicate(0, 0): 0.5}, "biographies") is None
    found = group_measure([trial(tmp_path / "a", 0.5)], "biographies", "recall", "biographies")
    assert found
    assert (found["low"], found["high"], found["runs"]) == (0.4, 0.6, 1)
    assert found["covers"].endswith("one run: says nothing about other seeds")


def test_equal_values_of_several_runs_are_no_certainty(tmp_path: Path) -> None:
    runs = [trial(tmp_path / f"a{s}", 0.0, s, low=0.0, high=0.1 * (s + 1)) for s in (0, 1)]
    found = group_measure(runs, "biographies", "recall", "biographies")
    assert found
    assert (found["value"], found["low"], found["high"]) == (0.0, 0.0, 0.2)
    assert found["covers"] == "other questions like these 10; the 2 runs gave the same value"


def test_difference_is_paired_by_replicate(tmp_path: Path) -> None:
    a = [trial(tmp_path / f"a{seed}", value, seed) for seed, value in enumerate((0.5, 0.7, 0.9))]
    b = [trial(tmp_path / f"b{seed}", value, seed) for seed, value in enumerate((0.4, 0.5, 0.6))]
    found = difference(a, [b[2], b[0], b[1]], "biographies", "recall", "biographies")
    assert found
    error = 0.1 / math.sqrt(3)  # the differences are 0.1, 0.2, 0.3
    assert found["value"] == pytest.approx(0.2)
    assert found["low"] == pytest.approx(0.2 - T2 * error)
    assert found["smallest"] == pytest.approx((T2 + 1.0606601717798212) * error)  # t of 2 at 0.8 is 3/(2√2)


def test_a_difference_of_shares_stays_within_a_whole(tmp_path: Path) -> None:
    a = [trial(tmp_path / f"a{seed}", value, seed) for seed, value in enumerate((0.5, 0.9))]
    b = [trial(tmp_path / f"b{seed}", 0.5, seed) for seed in range(2)]
    found = difference(a, b, "biographies", "recall", "biographies")
    assert found
    assert (found["value"], found["low"], found["high"]) == (pytest.approx(0.2), -1.0, 1.0)


def test_only_replicates_that_both_have_are_compared(tmp_path: Path) -> None:
    a = [trial(tmp_path / f"a{seed}", 0.5, seed) for seed in (0, 1)]
    b = [trial(tmp_path / f"b{seed}", 0.4, seed) for seed in (1, 2)]
    found = difference(a, b, "biographies", "recall", "biographies")
    assert found
    assert (found["value"], found["low"], found["smallest"]) == (pytest.approx(0.1), None, None)
    assert "cannot be paired" in found["covers"]
    assert difference(a[:1], b, "biographies", "recall", "biographies") is None


def written(folder: Path, recall: float, **more: Any) -> TrialResult:
    write_run(folder, recall, passes=100, **more)
    return TrialResult(folder.name, Replicate(0, 0), folder)


def test_equal_differences_of_several_runs_are_no_certainty(tmp_path: Path) -> None:
    """Of two seeds, 60 questions each and no true difference, 8 % of pairs differ by the same."""
    a = [replace(written(tmp_path / f"a{seed}", 0.8), replicate=Replicate(0, seed)) for seed in (0, 1)]
    b = [replace(written(tmp_path / f"b{seed}", 0.3), replicate=Replicate(0, seed)) for seed in (0, 1)]
    one = difference(a[:1], b[:1], "biographies", "recall", "biographies")
    found = difference(a, b, "biographies", "recall", "biographies")
    assert one
    assert found
    for key in ("value", "low", "high", "smallest"):
        assert found[key] == pytest.approx(one[key])
    assert found["low"] < found["value"] < found["high"]
    assert (found["n"], found["clusters"]) == (2, 2)
    assert found["covers"] == f"other questions like these {PEOPLE}; the 2 pairs of runs differ by the same"
    unpaired = [
        [trial(tmp_path / f"{name}{seed}", value, seed) for seed in (0, 1)] for name, value in (("c", 0.65), ("d", 0.6))
    ]
    nothing = difference(*unpaired, "biographies", "recall", "biographies")
    assert nothing
    assert (nothing["value"], nothing["low"], nothing["smallest"]) == (pytest.approx(0.05), None, None)
    assert nothing["covers"] == "nothing: the 2 pairs of runs differ by the same, and their questions cannot be paired"


def test_one_run_each_is_paired_by_question(tmp_path: Path) -> None:
    # The same random numbers decide both, so every question right in b is right in a.
    a, b = written(tmp_path / "a", 0.8), written(tmp_path / "b", 0.3)
    found = difference([a], [b], "biographies", "recall", "biographies")
    assert found
    left, right = a.items("biographies", "recall"), b.items("biographies", "recall")
    assert left
    assert right
    differences = [left.values[i] - right.values[i] for i in left.values]
    wider = [*differences, 1, -1]  # hits and misses: one pseudo-item each way
    ends = stats.t.interval(0.95, PEOPLE + 1, sum(wider) / len(wider), stats.sem(wider))
    assert found["value"] == pytest.approx(sum(differences) / PEOPLE)
    assert (found["low"], found["high"]) == pytest.approx(ends)
    assert found["n"] == PEOPLE


def test_predictions_that_do_not_add_up_are_not_paired(tmp_path: Path) -> None:
    result = written(tmp_path / "a", 0.8)
    path = tmp_path / "a" / "predictions" / "biographies.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert result.items("biographies", "recall") is None
    path.unlink()
    assert result.items("biographies", "recall") is None
    assert result.items("biographies", "absent") is None


def test_pools_asked_one_after_the_other_are_told_apart(tmp_path: Path) -> None:
    def row(number: int, hit: bool) -> dict[str, Any]:
        return {
            "id": f"q{number}",
            "document": "d",
            "kind": "forward",
            "scores": {"exact_match": float(hit), "f1": 0.5},
        }

    def measure(value: float, n: int) -> dict[str, Any]:
        return {
            "value": value,
            "low": 0,
            "high": 1,
            "n": n,
            "clusters": n,
            "unit": "share",
            "direction": 1,
            "covers": "",
        }

    probes = {
        "retention": {
            "measures": {
                "known_replayed": measure(1.0, 4),
                "known_replayed_f1": measure(0.5, 4),
                "known_unreplayed": measure(0.0, 6),
                "known_unreplayed_f1": measure(0.5, 6),
            }
        }
    }
    result = written(tmp_path / "a", 0.5, probes=probes)
    rows = [row(number, number < 4) for number in range(10)]
    (tmp_path / "a" / "predictions" / "retention.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    replayed, unreplayed = result.items("retention", "known_replayed"), result.items("retention", "known_unreplayed")
    assert replayed
    assert unreplayed
    assert list(replayed.values) == ["q0", "q1", "q2", "q3"]
    assert set(unreplayed.values.values()) == {0.0}
    f1 = result.items("retention", "known_unreplayed_f1")
    assert f1
    assert set(f1.values.values()) == {0.5}


def table(tmp_path: Path, finished: bool = True, probes: dict[str, Any] | None = None, **over: Any) -> dict[str, Any]:
    arms = [
        "sweep.arms.plain.optim.lr=0.001",
        "sweep.arms.long.train.stages.inject.epochs=20",
        "sweep.arms.sam.optim.sam.rho=0.1",
    ]
    typed = ["model=scratch", "model.tokenizer=train", *arms, "sweep.compare=[[sam, long], [sam, plain]]"]
    typed += [f"sweep.{key}={value}" for key, value in over.items()]
    loaded = load("sweep", typed, environ={})
    costs = {"plain": (100, 100), "long": (200, 200), "sam": (200, 100)}
    planned = []
    for one in grid({"data.seed": [0, 1, 2], "seed": [7]}, loaded.settings.sweep.arms):
        settings = loaded.override(one.overrides, "train").settings
        name = f"{one.arm}{settings.data.seed}"
        planned.append(PlannedTrial(one, settings, name, tmp_path / "trials" / name))
        passes, steps = costs[str(one.arm)]
        if finished:
            recall = {"plain": 0.2, "long": 0.3, "sam": 0.6}[str(one.arm)] + 0.1 * settings.data.seed
            write_run(planned[-1].folder, recall, passes, steps, seed=settings.data.seed, probes=probes or {})
    return collect(planned, loaded.settings, {"sam2": "broke\nsee above"} if finished else {})


def test_table(tmp_path: Path) -> None:
    found = table(tmp_path, labels='{plain: "plain, once"}')
    assert [group["name"] for group in found["groups"]] == ["plain, once", "long", "sam"]
    assert found["space"] == {"data.seed": [0, 1, 2], "seed": [7]}
    assert found["groups"][2]["cost"] == {
        "steps": 100,
        "passes": 200,
        "tokens": 1e5,
        "label_tokens": 9e4,
        "seconds": 20,
    }
    assert found["groups"][0]["measures"]["biographies"]["recall"]["runs"] == 3
    assert [(c["arms"], c["equal"]) for c in found["comparisons"]] == [
        (["sam", "long"], ["passes"]),
        (["sam", "plain"], ["steps", "label_tokens"]),
    ]
    assert found["comparisons"][1]["ratio"]["passes"] == 2
    assert found["failures"][0]["error"] == "broke\nsee above"
    assert found["prompt_overlap"] == {"biographies": 0.25}
    json.dumps(found, allow_nan=False)


def test_table_beside_a_larger_one(tmp_path: Path) -> None:
    committed = tmp_path / "committed"
    committed.mkdir()
    (committed / "results.json").write_text(json.dumps(table(tmp_path / "large")))
    assert table(tmp_path / "small", reference=committed)["reference"]["source"] == str(committed)
    absent = table(tmp_path / "other", reference=tmp_path / "absent")
    assert absent["reference"] is None
    assert "is not here" in absent["notices"][0]


def test_a_measure_nobody_measured(tmp_path: Path) -> None:
    found = table(tmp_path, measure="wisdom")
    assert (found["measure"], found["comparisons"]) == (None, [])
    assert "measured were: biographies.recall" in found["notices"][0]


def test_a_detail_is_shown_where_it_is_what_the_sweep_compares(tmp_path: Path) -> None:
    about = {"low": 0.0, "high": 9.0, "n": 8, "clusters": 8, "unit": "bits", "direction": 1, "covers": ""}
    bits = {"bits/sentences": {"value": 3.0, **about}, "bits/questions": {"value": 1.0, **about}}
    probes = {"capacity": {"measures": {"bits": {"value": 2.0, **about}, **bits}}}
    found = table(tmp_path, probes=probes, measure="capacity.bits/sentences")
    assert found["measure"] == {"probe": "capacity", "name": "bits/sentences"}
    assert list(found["groups"][0]["measures"]["capacity"]) == ["bits", "bits/sentences"]
    assert found["groups"][0]["measures"]["capacity"]["bits/sentences"]["value"] == 3.0
    assert (found["comparisons"][0]["value"], found["notices"]) == (0.0, [])
    assert best_row(found)[1][0]["measure"] == "bits/sentences"


def test_a_table_without_any_result(tmp_path: Path) -> None:
    found = table(tmp_path, finished=False)
    assert (found["measure"], found["comparisons"], found["notices"]) == (None, [], [])
    assert [trial["done"] for group in found["groups"] for trial in group["trials"]] == [False] * 9


def test_measures_are_named_with_or_without_their_probe(tmp_path: Path) -> None:
    result = [trial(tmp_path / "a", 0.5)]
    assert locate_measure(result, "recall") == locate_measure(result, "biographies.recall") == ("biographies", "recall")
    assert locate_measure(result, "qa.recall") is None


def test_share_of_training_done(tmp_path: Path) -> None:
    assert share_done(tmp_path, 2) is None
    events = [
        {"kind": "stage", "name": "one", "steps": 10, "done": 0},
        {"kind": "stage", "name": "two", "steps": 20, "done": 0},
    ]
    (tmp_path / "events.jsonl").write_text(json.dumps(events[0]) + "\n")
    (tmp_path / "metrics.jsonl").write_text('{"step": 4}\n{"step": 5}\n{"step": 6')
    assert share_done(tmp_path, 2) == 0.25
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    (tmp_path / "metrics.jsonl").write_text('{"step": 20}\n')
    assert share_done(tmp_path, 2) == 0.75


def test_progress_in_words() -> None:
    progress = SweepProgress(184, 31, 2, 0, (), 2470)
    assert str(progress) == "184 trials, 31 done before (resumed), 2 done, 0 running, 0 failed, about 41:10 left"
    assert clock(3910) == "1:05:10"
