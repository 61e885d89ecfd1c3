"""When probes are asked, and when they end a stage early; a resumed run stops where an uninterrupted one does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinj.config.errors import UsageError
from kinj.config.schema import ModelSettings, StopSettings, TrainSettings
from kinj.models.loading import LanguageModel, load_model
from kinj.train.run import train
from kinj.train.stopping import probes_at, reason_to_stop
from tests.train.test_train_run import StopError, data, digest, fresh, run_dir, settings, stop_after


def test_fixed_and_log_spaced_steps() -> None:
    def asked(**train: int) -> list[int]:
        return [step for step in range(1, 1001) if probes_at(step, TrainSettings(**train))]

    assert asked() == []
    assert asked(probe_every=300) == [300, 600, 900]
    assert asked(probe_log=1) == [1, 10, 100, 1000]
    assert asked(probe_log=4) == [1, 2, 3, 6, 10, 18, 32, 56, 100, 178, 316, 562, 1000]
    assert asked(probe_log=1, probe_every=400) == [1, 10, 100, 400, 800, 1000]


@given(st.integers(1, 12))
def test_log_spaced_steps_miss_none_of_their_series(per_decade: int) -> None:
    series = {round(10 ** (i / per_decade)) for i in range(3 * per_decade + 1)}
    assert {step for step in range(1, 1001) if probes_at(step, TrainSettings(probe_log=per_decade))} == series


def lines(values: Sequence[float | None], direction: int = 1) -> list[dict[str, Any]]:
    return [
        {"step": step, "probe": "p", "measure": "recall", "value": value, "direction": direction}
        for step, value in enumerate(values, 1)
    ]


@pytest.mark.parametrize(
    ("values", "direction", "stop", "reason"),
    [
        ([0.1, 0.5], 1, {"target": 0.5}, "reached 0.5"),
        ([0.1, 0.4], 1, {"target": 0.5}, None),
        ([9.0, 4.0], -1, {"target": 5.0}, "reached 4"),
        ([9.0, 6.0], -1, {"target": 5.0}, None),
        ([0.1, 0.5, 0.4], 1, {"patience": 2}, None),
        ([0.1, 0.5, 0.4, 0.5], 1, {"patience": 2}, "best at step 2"),
        ([9.0, 4.0, 5.0, 6.0], -1, {"patience": 2}, "best at step 2"),
        ([9.0, 4.0, 5.0, 6.0], 1, {"patience": 3}, "best at step 1"),
        ([0.1, None, 0.5], 1, {"target": 0.5}, "reached 0.5"),
        ([None], 1, {"target": 0.5}, None),
    ],
)
def test_reasons(values: list[float | None], direction: int, stop: dict[str, Any], reason: str | None) -> None:
    found = reason_to_stop(StopSettings(measure="p/recall", **stop), lines(values, direction), after=0)
    assert (reason is None and found is None) or (reason or "") in (found or "")


def test_only_the_measure_and_the_stage_count() -> None:
    stop = StopSettings(measure="p/recall", target=0.5)
    others = [{"step": 9, "loss": 1.0}, {"step": 9, "probe": "p", "measure": "f1", "value": 1.0, "direction": 1}]
    assert reason_to_stop(stop, [*lines([0.9]), *others], after=1) is None
    assert reason_to_stop(StopSettings(), lines([0.9]), after=0) is None


def test_a_measure_that_the_probe_does_not_have_is_an_error() -> None:
    """Else a misspelt measure would never end a stage, and nobody would know."""
    with pytest.raises(UsageError, match=r"p/recal was not measured") as caught:
        reason_to_stop(StopSettings(measure="p/recal", target=0.5), lines([0.9, 0.9]), after=0)
    assert caught.value.hint == "measured: p/recall"
    with pytest.raises(UsageError) as caught:
        reason_to_stop(StopSettings(measure="q/recall", target=0.5), lines([0.9]), after=0)
    assert "probe q measured nothing here" in caught.value.hint
    assert reason_to_stop(StopSettings(measure="p/recall", target=0.5), lines([0.9]), after=5) is None


def observer(step: int, _: LanguageModel) -> list[dict[str, Any]]:
    return [{"probe": "p", "measure": "recall", "value": min(step, 5) / 10, "direction": 1}]


@pytest.mark.parametrize("stop", [5, 6, 7, 8])
def test_a_stage_ends_early_and_a_resumed_run_ends_it_at_the_same_step(
    tmp_path: Path, tokenizer: Any, stop: int
) -> None:
    chosen = settings()
    chosen.train.probe_every = 2
    chosen.train.stop = StopSettings(measure="p/recall", target=0.5)
    whole = run_dir(tmp_path / "whole")
    train(chosen, fresh(tokenizer), data(), whole, observer=observer)
    # The target is reached at step 6, and at the second stage's first probe, step 8.
    assert [event["text"] for event in whole.events() if "ended after" in event.get("text", "")] == [
        "stage `first` ended after 6 of 7 steps: p/recall has reached 0.5",
        "stage `second` ended after 2 of 5 steps: p/recall has reached 0.5",
    ]
    assert [line["stage"] for line in whole.metrics() if "loss" in line] == ["first"] * 6 + ["second"] * 2
    assert max(row["last_step"] for row in pq.read_table(whole.path / "doses.parquet").to_pylist()) == 8
    with pytest.raises(StopError):
        train(
            chosen,
            fresh(tokenizer),
            data(),
            run_dir(tmp_path / "cut"),
            observer=observer,
            progress=stop_after(stop),
        )
    again = run_dir(tmp_path / "cut", resume=True)
    model = load_model(ModelSettings(name=str(again.latest_checkpoint())))
    train(chosen, model, data(), again, observer=observer, resume=True)
    assert digest(tmp_path / "cut") == digest(tmp_path / "whole")
