"""Settings laid over others: exchanging single values gives what composing everything anew gives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinj.config import Loaded, load
from kinj.config.compose import Inputs
from kinj.config.errors import SettingsError

VALUES: dict[str, list[Any]] = {
    "seed": [0, 3],
    "data.seed": [5],
    "optim.lr": [1e-4, 1],
    "optim.betas": [[0.9, 0.99]],
    "optim.sam.rho": [0.0, 0.05, 1],
    "optim.sam.variant": ["asam", "looksam"],
    "optim.sam.eta": [0.1],
    "augment.views": [1, 7],
    "augment.method": [["formatting"], ["permute", "reverse"]],
    "data.limit": [None, 3],
    "model.name": ["tiny", "scratch"],
    "model": ["scratch"],
    "train.stages.inject.epochs": [2, None],
    "train.stages.inject.optim.lr": [0.1],
    "train.stages.inject.data.documents.augment": [["formatting"]],
    "train.order": [["inject"]],
    "eval.probes": [["biographies"]],
    "sweep.workers": [2],
}
LOADED = load("sweep", ["optim.sam.alpha=0.5", "seed=1"], environ={})


def anew(loaded: Loaded, values: dict[str, Any], command: str) -> Loaded:
    """All settings composed and checked once more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loaded, "_with_leaves", lambda *_: None)
        return loaded.override(values, command)


def outcome(lay_over: Any, base: Loaded, values: dict[str, Any]) -> Loaded | str:
    """The settings, or what is wrong with them."""
    try:
        found: Loaded = lay_over(base, values, "train")
    except SettingsError as error:
        return str(error)
    return found


@given(st.dictionaries(st.sampled_from(list(VALUES)), st.integers(0, 2), max_size=4), st.booleans())
def test_the_same_settings_origins_and_warnings(chosen: dict[str, int], twice: bool) -> None:
    values = {key: VALUES[key][number % len(VALUES[key])] for key, number in chosen.items()}
    base = LOADED.override({"seed": 4, "optim.lr": 0.5}) if twice else LOADED
    expected, found = outcome(anew, base, values), outcome(Loaded.override, base, values)
    if isinstance(expected, str) or isinstance(found, str):
        assert found == expected
        return
    assert found.settings == expected.settings
    assert found.origins == expected.origins
    assert found.choices == expected.choices
    assert sorted(found.warnings) == sorted(expected.warnings)


def test_nothing_is_shared_with_what_it_was_laid_over() -> None:
    values = {"augment.method": ["formatting"]}
    found = LOADED.override(values, "train")
    found.settings.augment.method.append("reverse")
    found.settings.train.stages.clear()
    assert values == {"augment.method": ["formatting"]}
    assert LOADED.settings.train.stages


@pytest.mark.parametrize(
    ("values", "phrase"),
    [
        ({"optim.lr": "fast"}, "optim.lr"),
        ({"optim.lr": -1.0}, "lr must be"),
        ({"optim.lrr": 1.0}, "did you mean optim.lr?"),
        ({"model.prompt": "${oops} {prompt}"}, "cannot be part of a value"),
        ({"train.order": ["nowhere"]}, "no such stage"),
    ],
)
def test_what_does_not_fit_is_told_as_ever(values: dict[str, Any], phrase: str) -> None:
    with pytest.raises(SettingsError) as caught:
        LOADED.override(values, "train")
    assert phrase in str(caught.value)


def test_single_values_do_not_read_files_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(inputs: Inputs) -> Loaded:
        raise AssertionError("everything was composed anew")

    monkeypatch.setattr("kinj.config.loader.load_inputs", refuse)
    found = LOADED.override({"seed": 7, "optim.sam.rho": 0.05, "train.stages.inject.epochs": 3}, "train")
    assert (found.settings.seed, found.origins["seed"]) == (7, "sweep")
