"""Packed rows: the loss and the gradients of each text alone, no text seeing another, nothing computed in vain."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from kinj.config.errors import UsageError
from kinj.config.schema import OptimSettings, SamSettings
from kinj.models.batch import collate, pack, predictions
from kinj.models.codec import IGNORE, Codec, Example
from kinj.models.loading import LanguageModel
from kinj.models.packing import WITHIN, let_pack, mixes
from kinj.train.batching import blank, layout_for, packed_batches
from kinj.train.objectives.distill import distillation
from kinj.train.optim import build_adamw
from kinj.train.run import train
from kinj.train.step import Stepper
from tests.train.test_train_run import data, fresh, run_dir, settings

SIZES = {
    "vocab_size": 120,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
}
GPT2 = {
    "vocab_size": 120,
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 128,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
CONFIGS: dict[str, Any] = {
    "gpt2": lambda: transformers.GPT2Config(**GPT2, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0),
    "llama": lambda: transformers.LlamaConfig(**SIZES),
    "qwen2": lambda: transformers.Qwen2Config(**SIZES),
    "qwen3": lambda: transformers.Qwen3Config(**SIZES, head_dim=8),
    "a window of 16 tokens": lambda: transformers.MistralConfig(**SIZES, sliding_window=16),
    "windows in some layers": lambda: transformers.Gemma3TextConfig(**SIZES, head_dim=8, sliding_window=16),
}
lengths = st.lists(st.integers(2, 60), min_size=1, max_size=8)


def model_of(name: str, attention: str = "sdpa") -> Any:
    torch.manual_seed(0)
    return transformers.AutoModelForCausalLM.from_config(CONFIGS[name](), attn_implementation=attention).train()


def row(length: int, seed: int = 0) -> Example:
    ids = np.random.default_rng((seed, length)).integers(0, 120, length).astype(np.int32)
    labels = ids.copy()
    labels[: 1 + length // 4] = IGNORE
    return Example(ids, labels)


def stepper(model: Any, packed: bool, **optim: Any) -> Stepper:
    chosen = OptimSettings(clip=0.0, **optim)
    return Stepper(model, torch.optim.SGD(model.parameters(), lr=0.0), chosen, 0, packed=packed)


def alone(model: Any, rows: list[Example]) -> tuple[float, list[torch.Tensor]]:
    """Loss per label token and gradients, each text unpadded in a pass of its own."""
    model.zero_grad()
    tokens = sum(r.label_tokens for r in rows)
    loss = 0.0
    for r in rows:
        found = model(input_ids=torch.from_numpy(r.ids.astype(np.int64))[None], use_cache=False).logits[0, :-1]
        wanted = torch.from_numpy(r.labels[1:].astype(np.int64))
        part = torch.nn.functional.cross_entropy(found, wanted, ignore_index=IGNORE, reduction="sum") / tokens
        part.backward()
        loss += part.item()
    return loss, [p.grad.clone() for p in model.parameters()]


@pytest.mark.parametrize("attention", ["sdpa", "packed by its mask"])
@pytest.mark.parametrize("name", CONFIGS)
def test_loss_and_gradients_are_those_of_each_text_alone(name: str, attention: str) -> None:
    """Whether `attend` takes texts one by one, or the model's own attention is told by positions where texts begin."""
    model = model_of(name)
    rows = [row(length, seed) for seed, length in enumerate((40, 7, 7, 23, 2, 60))]
    expected, gradients = alone(model, rows)
    if attention == "sdpa":
        assert let_pack(model) is None
        assert model.config._attn_implementation == WITHIN
    report = stepper(model, packed=True).take(rows, 0)
    assert report.tokens == report.computed_tokens == sum(map(len, rows))
    assert report.loss == pytest.approx(expected, rel=1e-6)
    for p, gradient in zip(model.parameters(), gradients, strict=True):
        assert p.grad is not None
        torch.testing.assert_close(p.grad, gradient, atol=1e-6, rtol=1e-4)


@pytest.fixture(scope="module")
def qwen() -> Any:
    model = model_of("qwen2").eval()
    assert let_pack(model) is None
    return model


@given(sizes=lengths, changed=st.integers(0, 9))
def test_no_token_sees_another_text(qwen: Any, sizes: list[int], changed: int) -> None:
    rows = [row(length, seed) for seed, length in enumerate(sorted(sizes, reverse=True))]
    changed %= len(rows)
    others = [row(len(r), 99) if i == changed else r for i, r in enumerate(rows)]
    carries = [r.labels[1:] != IGNORE for r in rows]
    before, after = (predictions(qwen, pack(each))[0][0] for each in (rows, others))
    owner = np.concatenate([np.full(int(c.sum()), i) for i, c in enumerate(carries)])
    assert torch.equal(before[owner != changed], after[owner != changed])


@given(lengths, st.integers(16, 200))
def test_packed_batches_hold_every_row_once_and_no_padding(sizes: list[int], micro_tokens: int) -> None:
    rows = [row(length, seed) for seed, length in enumerate(sizes)]
    batches = packed_batches(rows, micro_tokens)
    assert all(batch.computed_tokens == batch.tokens for batch in batches)
    assert all(batch.tokens <= micro_tokens or len(batch.lengths or ()) == 1 for batch in batches)
    assert sum(batch.label_tokens for batch in batches) == sum(r.label_tokens for r in rows)
    found = [text.tolist() for batch in batches for text in batch.input_ids[0].split(list(batch.lengths or ()))]
    assert sorted(found) == sorted(r.ids.tolist() for r in rows)


def test_the_first_token_of_a_text_is_not_predicted_from_the_text_before() -> None:
    ids = np.arange(5, dtype=np.int32)
    batch = pack([Example(ids, ids), Example(ids, ids)])
    assert (batch.labels[0] == IGNORE).nonzero().flatten().tolist() == [0, 5]
    assert batch.label_tokens == 8


@pytest.mark.parametrize("sam", [{}, {"rho": 0.1}, {"rho": 0.1, "fraction": 0.5}])
def test_packed_and_padded_steps_learn_the_same(language_model: LanguageModel, sam: dict[str, float]) -> None:
    rows = [row(length, seed) for seed, length in enumerate((30, 12, 50, 12, 41))]
    steps = []
    for packed in (False, True):
        model = copy.deepcopy(language_model.model).train()
        assert let_pack(model) is None
        optim = OptimSettings(lr=1e-3, sam=SamSettings(**sam))  # type: ignore[arg-type]
        taken = Stepper(model, build_adamw(model, optim), optim, 0, packed=packed)
        steps.append(([taken.take(rows, n).loss for n in range(3)], list(model.parameters())))
    (padded_losses, padded), (packed_losses, packed_weights) = steps
    assert packed_losses == pytest.approx(padded_losses, rel=1e-5)
    for a, b in zip(padded, packed_weights, strict=True):
        torch.testing.assert_close(a, b, atol=2e-5, rtol=1e-3)


def test_accumulation_does_not_change_the_gradient() -> None:
    rows = [row(length, seed) for seed, length in enumerate((30, 12, 50, 12, 41))]
    found = []
    for micro_tokens in (16384, 60):
        model = model_of("llama")
        assert let_pack(model) is None
        stepper(model, packed=True, micro_tokens=micro_tokens).take(rows, 0)
        found.append([p.grad for p in model.parameters()])
    for one, many in zip(*found, strict=True):
        torch.testing.assert_close(one, many, atol=1e-6, rtol=1e-4)


def test_recomputed_activations_are_those_of_packed_rows() -> None:
    """Gradient checkpointing calls each layer again on the way back."""
    rows = [row(30), row(12), row(50)]
    found = []
    for again in (False, True):
        model = model_of("llama")
        assert let_pack(model) is None
        if again:
            model.gradient_checkpointing_enable()
        stepper(model, packed=True).take(rows, 0)
        found.append([p.grad for p in model.parameters()])
    for plain, recomputed in zip(*found, strict=True):
        assert torch.equal(plain, recomputed)


def test_a_blank_batch_teaches_nothing_and_reaches_every_weight() -> None:
    """Processes with fewer rows than others compute one, so that all take part in every exchange."""
    model = model_of("llama")
    assert let_pack(model) is None
    taken = stepper(model, packed=True)
    assert taken.backward([blank(pack([row(9), row(12)]))], 1) == [0.0]
    assert all(p.grad is not None and not p.grad.any() for p in model.parameters())


def test_self_distillation_reads_packed_rows() -> None:
    model, start = model_of("llama"), model_of("llama")
    rows = [row(30), row(12), row(50)]
    padded = sum(distillation(model, collate([r], 0), start, 0.3, swap=True) for r in rows)
    assert let_pack(model) is None
    torch.testing.assert_close(distillation(model, pack(rows), start, 0.3, swap=True), padded)  # start: by its mask


def test_what_is_not_packed_is_read_as_before() -> None:
    """Questions on the way, with padding on the left and a cache, and rows without a mask."""
    model = model_of("a window of 16 tokens").eval()
    ids = torch.arange(60)[None] % 120
    mask = torch.ones(2, 30, dtype=torch.long)
    mask[0, :11] = 0
    inputs: list[dict[str, Any]] = [{"input_ids": ids}, {"input_ids": ids.view(2, 30), "attention_mask": mask}]
    inputs.append({"input_ids": ids[:, 59:], "past_key_values": None})
    results = []
    for _ in range(2):
        with torch.no_grad():
            inputs[2]["past_key_values"] = model(input_ids=ids[:, :59], use_cache=True).past_key_values
            results.append([model(**each).logits for each in inputs])
        assert let_pack(model) is None
    for before, after in zip(*results, strict=True):
        assert torch.equal(before, after)


class Leaky(torch.nn.Module):
    """Adds to each token what the mean of all tokens before it in the row is, whatever text they are of."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model, self.config = model, model.config
        model.model.embed_tokens.register_forward_hook(lambda *a: a[2] + a[2].cumsum(1))

    def get_input_embeddings(self) -> Any:
        return self.model.get_input_embeddings()

    def forward(self, **inputs: Any) -> Any:
        return self.model(**inputs)


def test_a_model_that_mixes_texts_is_found_out() -> None:
    assert mixes(Leaky(model_of("llama"))) == "texts of a row see each other in it"


def test_a_model_that_does_not_begin_anew_is_found_out() -> None:
    model = model_of("gpt2")
    model.transformer.wpe.register_forward_pre_hook(
        lambda _, args: (torch.arange(args[0].shape[1])[None] + args[0] * 0,)
    )
    assert mixes(model) == "it reads a text in a row otherwise than alone"


def test_a_model_that_does_not_know_packed_rows_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of("llama")

    def forward(input_ids: torch.Tensor, use_cache: bool) -> Any:
        raise AssertionError

    monkeypatch.setattr(model, "forward", forward)
    assert "cannot read such rows" in (let_pack(model) or "")
    assert model.config._attn_implementation == "sdpa"


def test_a_model_with_an_attention_of_its_own_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of("llama")
    monkeypatch.setattr(type(model), "_can_set_attn_implementation", lambda *_: False)
    assert "cannot be exchanged" in (let_pack(model) or "")


def test_the_layout_is_chosen_and_said(language_model: LanguageModel) -> None:
    codec: Codec = language_model.codec
    assert layout_for("auto", language_model.model, codec).packed
    assert not layout_for("padded", language_model.model, codec).packed
    eager = model_of("gpt2", "eager")
    chosen = layout_for("auto", eager, codec)
    assert not chosen.packed
    assert "`eager`" in chosen.why
    with pytest.raises(UsageError, match=r"train.batching=packed: this model cannot: .*sdpa, flex_attention"):
        layout_for("packed", eager, codec)


def test_a_run_says_its_layout_and_learns_the_same_in_each(tmp_path: Path, tokenizer: Any) -> None:
    losses = []
    for wanted, layout in (("auto", "packed"), ("padded", "padded")):
        chosen = settings()
        chosen.train.batching = wanted
        run = run_dir(tmp_path / wanted)
        result = train(chosen, fresh(tokenizer), data(), run)
        (said,) = [event for event in run.events() if event["kind"] == "batching"]
        assert said["layout"] == layout
        assert said["why"]
        assert result.tokens <= result.computed_tokens <= result.tokens / (1 if layout == "packed" else 0.97)
        losses.append([line["loss"] for line in run.metrics()])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


@pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a GPU: torch's kernel for texts of various lengths is its own"
)
def test_the_kernel_for_various_lengths_computes_the_same() -> None:
    model = model_of("qwen2").cuda()
    rows = [row(length, seed) for seed, length in enumerate((40, 7, 7, 23, 2, 60))]
    expected, _ = alone(model.cpu(), rows)
    model.cuda()
    with torch.autocast("cuda", dtype=torch.bfloat16):
        assert let_pack(model) is None
    optim = OptimSettings(clip=0.0)
    taken = Stepper(
        model, build_adamw(model, optim), optim, 0, lambda: torch.autocast("cuda", torch.bfloat16), packed=True
    )
    assert taken.take(rows, 0).loss == pytest.approx(expected, rel=0.01)
