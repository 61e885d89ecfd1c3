"""Adapters: what is trained, what is written, and what it is worth afterwards to kinj, to peft and to transformers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from kinj.cli.pipeline import start_model, write_merged
from kinj.config import load
from kinj.config.errors import KinjError, SettingsError, UsageError
from kinj.config.schema import LoraSettings, ModelSettings, SamSettings, Settings
from kinj.data.rundir import RunDir
from kinj.models.adapters import CONFIG
from kinj.models.answering import answer
from kinj.models.fingerprints import fingerprint
from kinj.models.loading import LanguageModel, load_model
from kinj.models.requests import Request
from kinj.models.scratch import build_model
from kinj.sweep.identity import identity
from kinj.train.run import train
from tests.train.test_train_run import StopError, data, digest, run_dir, stop_after
from tests.train.test_train_run import settings as plain_settings

ASKED = [
    Request(kind="generate", prompt="Where was Person 1 born?"),
    Request(kind="rolling", prompt="Person 2 was born"),
]


@pytest.fixture
def base(tokenizer: Any, tmp_path: Path) -> Path:
    folder = tmp_path / "base"
    build_model(50_000, tokenizer, 128, seed=0).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def settings(base: Path, lora: dict[str, Any] | None = None, **optim: Any) -> Settings:
    chosen = plain_settings(**{"lr": 1e-2, **optim})
    chosen.model = ModelSettings(name=str(base), lora=LoraSettings(**{"rank": 4, **(lora or {})}))
    return chosen


def trained(chosen: Settings, path: Path) -> RunDir:
    run = run_dir(path)
    train(chosen, start_model(chosen, data()), data(), run)
    return run


def logits(model: Any, language_model: LanguageModel) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(torch.tensor([language_model.codec.prompt("Where was Person 1 born?")])).logits
    return found


def test_only_the_adapters_are_trained_and_they_start_as_nothing(base: Path, tmp_path: Path) -> None:
    chosen = settings(base)
    before = load_model(ModelSettings(name=str(base)))
    language_model = start_model(chosen, data())
    assert torch.equal(logits(before.model, before), logits(language_model.model, language_model))
    names = {name for name, p in language_model.model.named_parameters() if p.requires_grad}
    assert names
    assert all("lora_" in name for name in names)
    assert not any("embed" in name or "lm_head" in name for name in names)
    assert 0 < language_model.trained < 0.3 * language_model.parameters
    train(chosen, language_model, data(), run_dir(tmp_path / "run"))
    frozen = {n.replace(".base_layer", ""): p for n, p in language_model.model.named_parameters() if n not in names}
    for name, parameter in before.model.named_parameters():
        assert torch.equal(frozen[name], parameter), name
    assert not torch.equal(logits(before.model, before), logits(language_model.model, language_model))


@pytest.mark.parametrize("sam", [{}, {"rho": 0.05}])
def test_an_interrupted_run_ends_with_the_same_bytes(base: Path, tmp_path: Path, sam: dict[str, Any]) -> None:
    chosen = settings(base, {"dropout": 0.1}, sam=SamSettings(**sam))
    trained(chosen, tmp_path / "whole")
    with pytest.raises(StopError):
        train(chosen, start_model(chosen, data()), data(), run_dir(tmp_path / "cut"), progress=stop_after(5))
    again = run_dir(tmp_path / "cut", resume=True)
    train(chosen, start_model(chosen, data(), again.latest_checkpoint()), data(), again, resume=True)
    assert digest(tmp_path / "cut") == digest(tmp_path / "whole")


def test_a_checkpoint_is_small_and_opens_in_peft_and_transformers(base: Path, tmp_path: Path) -> None:
    run = trained(settings(base), tmp_path / "run")
    folder = run.latest_checkpoint()
    assert folder is not None
    assert {"adapter_config.json", "adapter_model.safetensors", "tokenizer.json"} <= {f.name for f in folder.iterdir()}
    assert not (folder / "model.safetensors").exists()
    ours = load_model(ModelSettings(name=str(run.path)))
    theirs = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), str(folder))
    assert torch.equal(logits(ours.model, ours), logits(theirs, ours))
    named = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)  # finds the base by itself
    assert torch.equal(logits(ours.model, ours), logits(named, ours))


def test_merged_it_is_an_ordinary_model_with_the_same_logits(base: Path, tmp_path: Path) -> None:
    chosen = settings(base)
    run = trained(chosen, tmp_path / "run")
    write_merged(chosen, run)
    write_merged(chosen, run)  # once more replaces it
    ours = load_model(ModelSettings(name=str(run.path)))
    shutil.rmtree(base)
    plain = AutoModelForCausalLM.from_pretrained(run.path / "merged", dtype=torch.float32)
    assert not any("lora" in name for name in plain.state_dict())
    torch.testing.assert_close(logits(plain, ours), logits(ours.model, ours), rtol=1e-4, atol=1e-5)
    by_kinj = load_model(ModelSettings(name=str(run.path / "merged")))
    assert [a.text for a in answer(by_kinj, ASKED)] == [a.text for a in answer(ours, ASKED)]


def test_full_training_can_start_from_adapters_and_new_adapters_cannot(base: Path, tmp_path: Path) -> None:
    run = trained(settings(base), tmp_path / "run")
    adapted = load_model(ModelSettings(name=str(run.path)))
    full = load_model(ModelSettings(name=str(run.path)), start=True)
    assert full.trained == full.parameters
    torch.testing.assert_close(logits(full.model, full), logits(adapted.model, adapted), rtol=1e-4, atol=1e-5)
    with pytest.raises(UsageError, match="itself adapters") as caught:
        load_model(ModelSettings(name=str(run.path), lora=LoraSettings(rank=2)), start=True)
    assert "merge" in caught.value.hint


def test_answers_do_not_depend_on_the_batch(base: Path, tmp_path: Path) -> None:
    ours = load_model(ModelSettings(name=str(trained(settings(base), tmp_path / "run").path)))
    requests = [Request(kind="generate", prompt=f"Where was Person {i} born?" + " Say." * (i % 3)) for i in range(9)]
    requests += [Request(kind="loglikelihood", prompt=r.prompt, continuation="town 1") for r in requests]
    alone = [answer(ours, [request])[0] for request in requests]
    together = answer(ours, requests)
    assert [r.text for r in together] == [r.text for r in alone]
    assert [r.logprob for r in together] == pytest.approx([r.logprob for r in alone], abs=1e-4)


def test_sam_moves_the_adapters_alone(base: Path, tmp_path: Path) -> None:
    chosen = settings(base, sam=SamSettings(rho=0.05))
    run = trained(chosen, tmp_path / "run")
    shifts = [line["sam/moved"] for line in run.metrics() if "sam/moved" in line]
    assert shifts
    assert all(shifts)


def test_a_base_in_bf16_has_adapters_in_fp32(base: Path, tmp_path: Path) -> None:
    chosen = settings(base, sam=SamSettings(rho=0.05))
    chosen.model.dtype = "bfloat16"
    run = trained(chosen, tmp_path / "run")
    again = load_model(ModelSettings(name=str(run.path), dtype="bfloat16"))
    types = {p.dtype for p in again.model.parameters() if p.requires_grad}
    assert types == {torch.float32}
    assert {p.dtype for p in again.model.parameters() if not p.requires_grad} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("targets", "phrase"),
    [
        (["q_prj"], "no layer is called q_prj .did you mean q_proj"),
        (["q_proj", "attn.x"], "no layer is called attn.x"),
        (["lm_head"], "lm_head shares its weights"),
    ],
)
def test_targets_that_cannot_be(base: Path, targets: list[str], phrase: str) -> None:
    with pytest.raises(UsageError, match=phrase) as caught:
        start_model(settings(base, {"targets": targets}), data())
    assert "lm_head" in targets or "down_proj" in caught.value.hint


def test_new_weights_cannot_be_a_base() -> None:
    with pytest.raises(SettingsError) as caught:
        load("train", ["model=scratch", "model.lora.rank=2"], environ={})
    assert [(p.key, "train new ones in full" in p.text) for p in caught.value.problems] == [("model.lora.rank", True)]


def test_chosen_targets_are_those_adapted(base: Path) -> None:
    language_model = start_model(settings(base, {"targets": ["q_proj", "mlp.up_proj"]}), data())
    names = {n.split(".lora_")[0] for n, p in language_model.model.named_parameters() if p.requires_grad}
    assert {name.rpartition(".")[2] for name in names} == {"q_proj", "up_proj"}


def test_a_base_that_is_gone(base: Path, tmp_path: Path) -> None:
    run = trained(settings(base), tmp_path / "run")
    base.rename(tmp_path / "moved")
    with pytest.raises(UsageError, match="is not there any more") as caught:
        load_model(ModelSettings(name=str(run.path)))
    assert CONFIG in caught.value.hint
    file = run.latest_checkpoint() / CONFIG  # type: ignore[operator]  # it was trained
    file.write_text(json.dumps(json.loads(file.read_text()) | {"base_model_name_or_path": str(tmp_path / "moved")}))
    load_model(ModelSettings(name=str(run.path)))


def test_a_shipped_base_is_found_wherever_kinj_is(base: Path, tmp_path: Path) -> None:
    run = trained(settings(base), tmp_path / "run")
    file = run.latest_checkpoint() / CONFIG  # type: ignore[operator]  # it was trained
    elsewhere = "/nowhere/site-packages/kinj/models/embedded/tiny"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"base_model_name_or_path": elsewhere}))
    with pytest.raises(KinjError, match=r"cannot be read|do not fit"):  # found, and of another shape
        load_model(ModelSettings(name=str(run.path)))


@pytest.mark.parametrize("damage", ["missing", "half", "other kind"])
def test_damaged_adapters(base: Path, tmp_path: Path, damage: str) -> None:
    folder = trained(settings(base), tmp_path / "run").latest_checkpoint()
    assert folder is not None
    (folder / "checksums.json").unlink()  # as peft writes them; with checksums no file is opened
    if damage == "missing":
        (folder / "adapter_model.safetensors").unlink()
    elif damage == "half":
        (folder / "adapter_model.safetensors").write_bytes(b"half")
    else:
        (folder / CONFIG).write_text('{"peft_type": "PROMPT_TUNING", "base_model_name_or_path": "x"}')
    with pytest.raises(KinjError, match=r"cannot be read|PROMPT_TUNING"):
        load_model(ModelSettings(name=str(folder)))


def test_identities(base: Path, tmp_path: Path) -> None:
    chosen = settings(base)
    assert identity(chosen) != identity(settings(base, {"rank": 8}))
    assert identity(chosen) != identity(settings(base, {"alpha": 8}))
    assert identity(chosen) == identity(settings(base, {"merge": True}))
    run = trained(chosen, tmp_path / "run")
    folder = run.latest_checkpoint()
    one = load_model(ModelSettings(name=str(folder)))
    one.model.peft_config["default"].lora_alpha = 1
    assert fingerprint(one) != fingerprint(load_model(ModelSettings(name=str(folder))))
    start = settings(base, {"rank": 0})
    start.model.name = str(run.path)
    before = identity(start)
    assert folder is not None
    (folder / CONFIG).write_text((folder / CONFIG).read_text().replace('"lora_alpha": 16', '"lora_alpha": 8'))
    assert identity(start) != before
