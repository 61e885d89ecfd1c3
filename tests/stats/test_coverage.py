"""Do 95% intervals cover the truth? A few situations of bench/coverage.py here, all of them in `make test-all`."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    """bench/coverage.py as a module."""
    spec = importlib.util.spec_from_file_location("bench_coverage", ROOT / "bench" / "coverage.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_coverage"] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def coverage(bench, what, documents, data_sets=500, sizes=None, truth=None):
    """Coverage in the first situation that fits."""
    for situation in bench.situations([documents] if documents in bench.DOCUMENTS else []):
        fits = (what, documents) == (situation.what, situation.documents)
        if fits and sizes in (None, situation.sizes) and truth in (None, situation.truth):
            return bench.simulate(situation, data_sets)["coverage"]
    raise AssertionError("no such situation")


@pytest.mark.parametrize(
    ("what", "documents", "sizes"),
    [
        ("hits", 50, "mixed"),
        ("scores", 20, "skewed"),
        ("paired", 50, "mixed"),
        ("pooled", 20, "mixed"),
        ("seeds", 5, "one"),
    ],
)
def test_intervals_cover_the_truth(bench, what, documents, sizes):
    assert 0.92 <= coverage(bench, what, documents, sizes=sizes) <= 0.985


def test_taking_clustered_questions_for_independent_ones_is_not_enough(bench):
    from kinj.stats import mean_interval

    def unclustered(rng):
        return mean_interval(bench.right_answers(bench.sizes("mixed", 50, rng), 0.5, 0.6, rng))

    situation = bench.Situation("hits", 50, "mixed", 0.6, 0.5, unclustered)
    assert bench.simulate(situation, 300)["coverage"] < 0.75


def test_wilson_has_its_own_exact_coverage(bench):
    for situation in bench.situations([]):
        if situation.what == "wilson" and situation.documents <= 200:
            error = 4 * (situation.expected * (1 - situation.expected) / 1000) ** 0.5
            assert bench.simulate(situation, 1000)["coverage"] == pytest.approx(situation.expected, abs=error)


@pytest.mark.slow
def test_all_situations(bench):
    for situation in bench.situations([10, 50]):
        row = bench.simulate(situation, 1000)
        rare = situation.truth == 0.05 and situation.icc == 0.3
        assert row["coverage"] >= (0.90 if rare else 0.92 if situation.what != "wilson" else 0.89), row
        if situation.documents == 50 and situation.what in ("hits", "scores"):
            assert row["coverage"] <= 0.985, row


def test_the_committed_results_are_those_the_page_shows(bench):
    results = json.loads((ROOT / "docs" / "results" / "coverage.json").read_text())
    page = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    assert results["data_sets"] == 4000
    assert len(results["rows"]) == len(list(bench.situations(bench.DOCUMENTS)))
    assert "\n".join(bench.table(results["rows"])) in page
