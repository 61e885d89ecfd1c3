"""Settings written to a run and read back are the same, and hold no secrets."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kinj.config import from_yaml, load, redact, to_yaml
from kinj.config.build import flatten
from kinj.config.schema import DataSettings, RunSettings, Settings
from kinj.config.secrets import REDACTED
from kinj.config.tree import choices

WORDS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="$?"), max_size=12)


@pytest.mark.parametrize("name", choices("experiment"))
def test_what_is_written_reads_back_equal(name: str, tmp_path: Path) -> None:
    first = load("show", [f"experiment={name}", "optim.lr=1e-5"], environ={}).settings
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(first), encoding="utf-8")
    assert from_yaml(path) == first


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    folder=WORDS | st.sampled_from(["null", "None", "~", "007", "on", "1e3", "2024-01-01", "", "a\x85b", "\u2028"]),
    names=st.lists(WORDS, max_size=3),
    seed=st.integers(),
    lr=st.floats(1e-300, 1e300),
)
def test_any_text_and_number_survives(folder: str, names: list[str], seed: int, lr: float, tmp_path: Path) -> None:
    first = Settings(seed=seed, run=RunSettings(dir=folder), data=DataSettings(documents=names))
    first.optim.lr = lr
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(first), encoding="utf-8", newline="")
    assert from_yaml(path) == first


def test_secrets_are_redacted_by_key_and_in_addresses() -> None:
    kept = {"batch_tokens": 5, "max_new_tokens": 3, "tokenizer": "x", "token": "", "passage": "p"}
    hidden = {"token": "a", "hf_token": "b", "api_key": "c", "openai-api-key": "d", "secret": "e", "password": "f"}
    assert redact(kept) == kept
    assert set(redact({"llm": hidden})["llm"].values()) == {REDACTED}
    assert redact(["https://me:pw@host/x", "a@b"]) == [f"https://{REDACTED}@host/x", "a@b"]


def test_login_in_a_setting_is_not_written() -> None:
    text = to_yaml(load("show", ["data.path=https://me:pass1234@host/x"], environ={}).settings)
    assert "pass1234" not in text
    assert "host/x" in text


def test_flatten_names_every_leaf_once() -> None:
    flat = flatten(load("show", ["experiment=demo"], environ={}).settings)
    assert flat["sweep.arms.plain"] == {}
    assert flat["sweep.arms.sam.optim.sam.rho"] > 0
    assert flat["optim.betas"] == [0.9, 0.95]
    assert not any(isinstance(value, dict) and value for value in flat.values())


def test_login_is_in_nothing_a_run_keeps_or_prints() -> None:
    loaded = load("train", ["data.path=https://me:pass1234@host/x", "optim.lr=1e-4"], environ={})
    assert loaded.settings.data.path == "https://me:pass1234@host/x"
    assert "pass1234" not in repr((loaded.overrides(), loaded.changed(), loaded.warnings))
    assert loaded.overrides()[1] == "optim.lr=1e-4"
