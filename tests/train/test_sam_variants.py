"""Conformance of the variants of SAM: every row trains, resumes to the same bytes, is plain at rho 0, and has a card."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from safetensors import safe_open

from kinj.config import load
from kinj.config.errors import KinjError
from kinj.config.names import ASCENTS
from kinj.config.schema import ModelSettings, SamSettings
from kinj.models.loading import LanguageModel, load_model
from kinj.train.ascents import VARIANTS
from kinj.train.run import train
from tests.train.test_train_run import StopError, data, digest, fresh, run_dir, settings, stop_after

ROOT = Path(__file__).resolve().parents[2]
CASES: dict[str, dict[str, Any]] = {
    "sam": {"rho": 0.05, "fraction": 0.5, "every": 2, "start_step": 1},
    "asam": {"rho": 0.5},
    "looksam": {"rho": 0.05, "every": 3},
    "momentum": {"rho": 0.5},
}
HEADINGS = [
    "What it does",
    "When it helps",
    "When it does not help",
    "Settings to start from",
    "Cost",
    "Effect",
    "Known failures",
    "Origin of the idea",
]
STATE = {"looksam": "ascent.g_v."}
"""Variants with a state of their own, and how its tensors are called in a checkpoint."""


def sam_of(name: str) -> SamSettings:
    return SamSettings(variant=name, **CASES[name])


def test_table_is_complete() -> None:
    assert set(CASES) == set(VARIANTS) == set(ASCENTS)


@pytest.mark.parametrize("stop", [4, pytest.param(3, marks=pytest.mark.slow), pytest.param(9, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", CASES)
def test_resume_equals_the_uninterrupted_run_bit_for_bit(tmp_path: Path, tokenizer: Any, name: str, stop: int) -> None:
    """Twice from the same settings, once with an end in the middle: between two SAM steps of looksam, too."""
    chosen = settings(sam=sam_of(name))
    chosen.train.checkpoint_every = 1
    train(chosen, fresh(tokenizer), data(), run_dir(tmp_path / "whole"))
    with pytest.raises(StopError):
        train(chosen, fresh(tokenizer), data(), run_dir(tmp_path / "cut"), progress=stop_after(stop))
    again = run_dir(tmp_path / "cut", resume=True)
    model = load_model(ModelSettings(name=str(again.latest_checkpoint())))
    train(chosen, model, data(), again, resume=True)
    assert digest(tmp_path / "cut") == digest(tmp_path / "whole")


@pytest.mark.parametrize("name", CASES)
def test_checkpoint_has_the_keys_of_a_plain_one_and_the_variants_own_state(
    tmp_path: Path, tokenizer: Any, name: str
) -> None:
    keys: list[set[str]] = []
    for sam in (SamSettings(), sam_of(name)):
        run = run_dir(tmp_path / sam.variant / str(sam.rho))
        chosen = settings(sam=sam)
        chosen.train.order = ["second"]
        result = train(chosen, fresh(tokenizer), data(), run)
        with safe_open(run.path / f"checkpoints/step-{result.steps:06d}/optimizer.safetensors", "pt") as file:
            keys.append(set(file.keys()))
    more = keys[1] - keys[0]
    assert keys[0] <= keys[1]
    assert bool(more) == (name in STATE)
    assert all(key.startswith(STATE[name]) for key in more)


@pytest.mark.parametrize("name", CASES)
def test_rho_zero_gives_the_bytes_of_plain_training(tmp_path: Path, tokenizer: Any, name: str) -> None:
    digests = []
    for folder, sam in (("plain", SamSettings()), ("zero", SamSettings(variant=name, **{**CASES[name], "rho": 0.0}))):
        chosen = settings(sam=sam)
        chosen.train.order = ["second"]
        result = train(chosen, fresh(tokenizer), data(), run_dir(tmp_path / folder))
        assert result.passes == result.steps
        digests.append(digest(tmp_path / folder))
    assert digests[0] == digests[1]


@pytest.mark.parametrize("name", CASES)
def test_log_has_every_field_and_the_steps_match_the_schedule(tmp_path: Path, tokenizer: Any, name: str) -> None:
    run, sam = run_dir(tmp_path / "run"), sam_of(name)
    chosen = settings(sam=sam)
    chosen.train.order = ["first"]
    result = train(chosen, fresh(tokenizer), data(), run)
    lines = [line for line in run.metrics() if "loss" in line]
    acted = [line for line in lines if "sam/moved" in line]
    due = [n for n in range(result.steps) if n >= sam.start_step and (n - sam.start_step) % sam.every == 0]
    assert [line["step"] - 1 for line in acted] == due
    idle = 1 if name == "momentum" else 0  # no momentum yet on the first step
    assert (result.sam_steps, result.sam_skipped) == (len(due) - idle, idle)
    assert acted[-1]["sam/steps"] == result.sam_steps
    assert acted[-1]["sam/skipped"] == idle
    first_passes = 0 if name == "momentum" else sam.fraction * len(due)
    assert result.passes == pytest.approx(result.steps + first_passes, abs=0.3 * len(due))
    assert 0 < result.sam_time_share < 0.9
    per_step = {"sam/grad_norm"} | ({"sam/loss_gap", "sam/gap_ratio"} if name != "momentum" else set())
    assert all(per_step <= set(line) for line in acted[idle:])
    assert {"sam/cos_g1_g2", "sam/kept", "sam/realised_cos"} <= set(acted[idle])
    assert acted[idle]["sam/kept"] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("name", CASES)
def test_it_has_a_card(name: str) -> None:
    card = (ROOT / "docs" / "ascents" / f"{name}.md").read_text(encoding="utf-8")
    found = [line.removeprefix("## ") for line in card.splitlines() if line.startswith("## ")]
    assert [heading.split(" (")[0] for heading in found] == HEADINGS
    assert f"copies: {VARIANTS[name].copies}" in card
    assert f"passes: {1 + VARIANTS[name].first_pass}" in card


def test_the_page_on_sam_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "sam.md").read_text(encoding="utf-8")
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "train").glob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", page))
    assert len(named) > 30
    assert [name for name in named if f"def {name}(" not in tests] == []


@pytest.mark.parametrize("name", CASES)
def test_settings_survive_yaml(name: str) -> None:
    text = OmegaConf.to_yaml(OmegaConf.create(asdict(sam_of(name))))
    assert SamSettings(**OmegaConf.to_container(OmegaConf.create(text))) == sam_of(name)  # type: ignore[arg-type]
    assert load("train", [f"optim.sam={text and asdict(sam_of(name))}"], environ={}).settings.optim.sam == sam_of(name)


@pytest.mark.parametrize(
    ("typed", "phrase"),
    [
        (["optim.sam.variant=esam"], "variant must be one of sam, asam, looksam, momentum"),
        (["optim.sam={rho: 1, variant: looksam, fraction: 0.5}"], "fraction must be 1.0 with variant looksam"),
        (["optim.sam={rho: 1, variant: looksam, scope: rank}"], "scope must be global with variant looksam"),
        (["optim.sam.alpha=0"], "alpha must lie in (0, 1]"),
        (["optim.sam.eta=-1"], "eta must be 0 or more"),
        (["optim.sam.rho=-1"], "rho must be 0 or more"),
    ],
)
def test_bad_settings_are_explained(typed: list[str], phrase: str) -> None:
    with pytest.raises(KinjError) as caught:
        load("train", typed, environ={})
    assert phrase in f"{caught.value}{caught.value.what}{caught.value.hint}"


def test_a_move_lost_in_rounding_is_told_once(tmp_path: Path, tokenizer: Any) -> None:
    run = run_dir(tmp_path / "run")
    train(settings(sam=SamSettings(rho=1e-7)), fresh(tokenizer), data(), run)
    texts = [event["text"] for event in run.events() if event["kind"] == "notice"]
    assert len([text for text in texts if "lost in rounding" in text]) == 1
    assert any("raise optim.sam.rho (now 1e-07)" in text for text in texts)


def with_dropout(language_model: LanguageModel) -> LanguageModel:
    language_model.model.config.attention_dropout = 0.2
    for layer in language_model.model.model.layers:
        layer.self_attn.attention_dropout = 0.2
    return language_model


def test_resume_with_dropout_draws_the_same_masks(tmp_path: Path, tokenizer: Any) -> None:
    """Random numbers of a step come from (seed, step, process), so nothing about them is saved."""
    chosen = settings(sam=sam_of("sam"))
    train(chosen, with_dropout(fresh(tokenizer)), data(), run_dir(tmp_path / "whole"))
    train(chosen, fresh(tokenizer), data(), run_dir(tmp_path / "without"))
    with pytest.raises(StopError):
        train(chosen, with_dropout(fresh(tokenizer)), data(), run_dir(tmp_path / "cut"), progress=stop_after(7))
    torch.rand(5)
    again = run_dir(tmp_path / "cut", resume=True)
    train(chosen, load_model(ModelSettings(name=str(again.latest_checkpoint()))), data(), again, resume=True)
    assert digest(tmp_path / "cut") == digest(tmp_path / "whole")
    assert digest(tmp_path / "whole")["metrics.jsonl"] != digest(tmp_path / "without")["metrics.jsonl"]
