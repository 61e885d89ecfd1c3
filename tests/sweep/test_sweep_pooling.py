"""Seeds and documents pooled, from runs as they lie on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinj.sweep.outcome import Replicate, TrialResult
from kinj.sweep.pooling import pooled, pooled_difference
from tests.sweep.sweep_entries import PEOPLE, write_run

RECALL = ("biographies", "recall")


def written(folder: Path, recall: float, seed: int, data_seed: int = 0) -> TrialResult:
    write_run(folder, recall, passes=100, seed=seed)
    return TrialResult(folder.name, Replicate(data_seed, seed), folder)


def test_seeds_on_the_same_people_speak_about_other_seeds_and_people(tmp_path: Path) -> None:
    runs = [written(tmp_path / f"a{seed}", 0.5, seed) for seed in range(3)]
    found = pooled(runs, *RECALL)
    assert found
    means = [sum(run.items(*RECALL).values.values()) / PEOPLE for run in runs]  # type: ignore[union-attr]
    assert found["value"] == pytest.approx(sum(means) / 3)
    assert found["covers"].startswith(f"other training seeds (3) and other documents like these {PEOPLE}")
    assert found["low"] < found["value"] < found["high"]


def test_differences_are_paired_by_seed_and_question(tmp_path: Path) -> None:
    a = [written(tmp_path / f"a{seed}", 0.9, seed) for seed in range(3)]
    b = [written(tmp_path / f"b{seed}", 0.4, seed) for seed in (2, 1, 0, 7)]
    found = pooled_difference(a, b, *RECALL)
    assert found
    means = [run.probes["biographies"]["measures"]["recall"]["value"] for run in (*a, *b[:3])]
    assert found["value"] == pytest.approx(sum(means[:3]) / 3 - sum(means[3:]) / 3)
    assert found["n"] == 3 * PEOPLE


def test_what_cannot_be_pooled_is_not(tmp_path: Path) -> None:
    one, two = (written(tmp_path / f"a{seed}", 0.5, seed) for seed in range(2))
    assert pooled([one], *RECALL) is None
    assert pooled([one, two], "biographies", "absent") is None
    assert pooled_difference([one], [two], *RECALL) is None  # no seed in common
    other_people = TrialResult("b", Replicate(1, 1), two.folder)
    assert pooled([one, other_people], *RECALL) is None
    lines = (two.folder / "predictions" / "biographies.jsonl").read_text().replace('"q0"', '"other"')
    (two.folder / "predictions" / "biographies.jsonl").write_text(lines)
    assert pooled([one, two], *RECALL) is None
