"""Loading: shipped and new models, three families saved in the Hub's form, and a clear message for everything else."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import ModelSettings, OptimSettings
from kinj.models.loading import load_model
from kinj.models.scratch import build_model, count_parameters, parse_size, shape_for, train_tokenizer
from kinj.train.optim import build_adamw
from kinj.train.step import Stepper
from tests.conftest import TEXTS

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
FAMILIES: dict[str, Any] = {
    "gpt2": lambda v: GPT2LMHeadModel(GPT2Config(vocab_size=v, n_embd=32, n_layer=2, n_head=2, n_positions=128)),
    "llama": lambda v: LlamaForCausalLM(LlamaConfig(vocab_size=v, max_position_embeddings=128, **SMALL)),
    "qwen2": lambda v: Qwen2ForCausalLM(
        Qwen2Config(vocab_size=v, max_position_embeddings=128, num_key_value_heads=1, **SMALL)
    ),
}


def save(model: Any, tokenizer: Any, folder: Path) -> Path:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("family", FAMILIES)
def test_families_load_in_fp32_and_take_a_step(family: str, tokenizer: Any, tmp_path: Path) -> None:
    folder = save(FAMILIES[family](len(tokenizer) + 8).to(torch.bfloat16), tokenizer, tmp_path / "model")
    loaded = load_model(ModelSettings(name=str(folder)))
    assert {p.dtype for p in loaded.model.parameters()} == {torch.float32}
    assert loaded.codec.max_length == 128
    optim = OptimSettings()
    stepper = Stepper(loaded.model, build_adamw(loaded.model, optim), optim, loaded.codec.pad_id)
    rows = [loaded.codec.document(text)[0] for text in TEXTS]
    losses = [stepper.take(rows, step).loss for step in range(8)]
    assert losses[-1] < losses[0]


def test_other_kinds_are_refused_by_name(tokenizer: Any, tmp_path: Path) -> None:
    folder = save(
        BertForSequenceClassification(BertConfig(vocab_size=len(tokenizer), **SMALL)), tokenizer, tmp_path / "m"
    )
    with pytest.raises(
        UsageError, match="is a BertForSequenceClassification; kinj trains and asks causal language models"
    ):
        load_model(ModelSettings(name=str(folder)))


def test_a_model_without_tokenizer(tokenizer: Any, tmp_path: Path) -> None:
    FAMILIES["llama"](len(tokenizer)).save_pretrained(tmp_path)
    with pytest.raises(KinjError, match="has no tokenizer"):
        load_model(ModelSettings(name=str(tmp_path)))


def test_a_tokenizer_larger_than_the_model(tokenizer: Any, tmp_path: Path) -> None:
    folder = save(FAMILIES["llama"](len(tokenizer) - 5), tokenizer, tmp_path / "model")
    with pytest.raises(KinjError, match="do not match"):
        load_model(ModelSettings(name=str(folder)))


def test_damaged_weights(tokenizer: Any, tmp_path: Path) -> None:
    folder = save(FAMILIES["llama"](len(tokenizer)), tokenizer, tmp_path / "model")
    (folder / "model.safetensors").write_bytes(b"not tensors")
    with pytest.raises(KinjError, match="weights of the model"):
        load_model(ModelSettings(name=str(folder)))


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("./nowhere", "there is no such folder"),
        ("a/b/c", "there is no such folder"),
        ("tinny", "did you mean tiny"),
        ("runs/none", "there is no such folder"),
        ("corpus.jsonl", "there is no such folder"),
    ],
)
def test_names_that_lead_nowhere(name: str, phrase: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a checkout may hold what the README has its reader make
    with pytest.raises(UsageError, match=phrase):
        load_model(ModelSettings(name=name))


def test_a_hub_id_that_cannot_be_reached() -> None:
    with pytest.raises(UsageError, match="can the Hub be reached"):
        load_model(ModelSettings(name="nobody/no-such-model"))


def test_a_folder_that_holds_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="neither a model"):
        load_model(ModelSettings(name=str(tmp_path)))
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(KinjError, match="no complete checkpoint"):
        load_model(ModelSettings(name=str(tmp_path)))
    file = tmp_path / "weights.bin"
    file.touch()
    with pytest.raises(UsageError, match="is a file"):
        load_model(ModelSettings(name=str(file)))


@pytest.mark.parametrize("size", ["300k", "2M", "20M", "1.5B"])
def test_scratch_sizes_are_met_and_not_exceeded(size: str) -> None:
    number = parse_size(size)
    shape = shape_for(number, 2048)
    count = count_parameters(shape["hidden_size"], shape["num_hidden_layers"], shape["intermediate_size"], 2048)
    assert 0.75 * number < count <= number


def test_the_count_of_parameters_is_the_models_own(tokenizer: Any) -> None:
    model = build_model(200_000, tokenizer, 64, seed=0)
    shape = shape_for(200_000, len(tokenizer))
    count = count_parameters(
        shape["hidden_size"], shape["num_hidden_layers"], shape["intermediate_size"], len(tokenizer)
    )
    assert sum(p.numel() for p in model.parameters()) == count


@pytest.mark.parametrize("size", ["", "2X", "-1M", "0", "1k"])
def test_bad_sizes(size: str) -> None:
    with pytest.raises(ValueError, match="size"):
        shape_for(parse_size(size), 2048)


def test_new_weights_depend_on_the_seed_alone(tokenizer: Any) -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    a, b, c = (build_model(50_000, tokenizer, 64, seed=s) for s in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.get_input_embeddings().weight, c.get_input_embeddings().weight)


def test_a_sweep_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "trials.jsonl").touch()
    with pytest.raises(UsageError, match=r"is a sweep of many models\n.*--trials lists them"):
        load_model(ModelSettings(name=str(tmp_path)))


def test_a_size_that_is_missed_by_far_is_said(caplog: pytest.LogCaptureFixture) -> None:
    load_model(ModelSettings(name="scratch", size="250k", tokenizer="tiny"), seed=0)
    assert not caplog.messages
    load_model(ModelSettings(name="scratch", size="200k", tokenizer="tiny"), seed=0)
    assert caplog.messages == [
        "model.size=200k: the largest shape below it, with this vocabulary, has 86,176 parameters"
    ]


def test_a_size_that_no_shape_has_is_refused() -> None:
    with pytest.raises(UsageError, match=r"model\.size 60,000 is too small: with 2,048 tokens the least is 86,176"):
        load_model(ModelSettings(name="scratch", size="60k", tokenizer="tiny"), seed=0)


def test_scratch_learns_its_tokenizer_from_the_texts() -> None:
    settings = ModelSettings(name="scratch", size="100k", tokenizer="train", vocabulary=320)
    loaded = load_model(settings, texts=lambda: TEXTS)
    assert len(loaded.tokenizer) == 320
    with pytest.raises(UsageError, match="needs the run's texts"):
        load_model(settings)


@pytest.mark.parametrize("text", ["", "plain", "ünï ćödé 漢字 🎉", "tab\tand\r\nlines", "\u200f\u202e\x00"])
def test_the_trained_tokenizer_loses_nothing(text: str) -> None:
    tokenizer = train_tokenizer(TEXTS, 400)
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_saved_and_loaded_again(tokenizer: Any, tmp_path: Path) -> None:
    folder = save(build_model(50_000, tokenizer, 64, seed=0), tokenizer, tmp_path / "a")
    shutil.copytree(folder, tmp_path / "b")
    one, two = load_model(ModelSettings(name=str(folder))), load_model(ModelSettings(name=str(tmp_path / "b")))
    assert one.codec.prompt("Who?") == two.codec.prompt("Who?")
    assert one.parameters == two.parameters


def test_attention_can_be_chosen(tmp_path: Path, tokenizer: Any) -> None:
    folder = save(FAMILIES["llama"](len(tokenizer)), tokenizer, tmp_path)
    assert load_model(ModelSettings(name=str(folder))).model.config._attn_implementation == "sdpa"
    chosen = load_model(ModelSettings(name=str(folder), attention="eager"))
    assert chosen.model.config._attn_implementation == "eager"
    with pytest.raises(ValueError, match="attention must be one of sdpa, eager"):
        ModelSettings(attention="someone/kernel")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU may have it")
def test_attention_that_is_not_there_is_refused(tmp_path: Path, tokenizer: Any) -> None:
    folder = save(FAMILIES["llama"](len(tokenizer)), tokenizer, tmp_path)
    with pytest.raises(UsageError, match=r"model\.attention=flash_attention_2: .* cannot have it"):
        load_model(ModelSettings(name=str(folder), attention="flash_attention_2"))
