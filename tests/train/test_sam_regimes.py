"""The SAM step with what it is combined with: accumulation, dropout, BatchNorm, LoRA, bf16, gradient checkpointing, compile."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import dropout

from kinj.config.errors import UsageError
from kinj.config.schema import OptimSettings, SamSettings
from kinj.models.codec import Example
from kinj.models.loading import LanguageModel
from kinj.train.batching import layout_for
from kinj.train.step import Stepper
from tests.conftest import TEXTS

ONE_BY_ONE, TOGETHER = 1, 16384
"""Values of micro_tokens: every row a micro-batch, or as few as possible."""


@pytest.fixture
def rows(language_model: LanguageModel) -> list[Example]:
    """Eight rows with very different numbers of label tokens."""
    codec = language_model.codec
    questions = [("Where was Ada Byron born?", "London"), ("Who wrote COBOL?", "Grace Hopper")] * 2
    return [codec.document(text)[0] for text in TEXTS] + codec.questions(questions)


def stepper(model: Any, lr: float = 1e-3, **optim: Any) -> Stepper:
    autocast = optim.pop("autocast", None)
    network = optim.pop("network", None)
    settings = OptimSettings(**{"clip": 0.0, **optim})
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=lr, fused=True)
    return Stepper(model, optimizer, settings, 2, *([autocast] if autocast else []), network=network)


def weights(model: nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in model.parameters()]


@pytest.mark.parametrize(
    "sam",
    [
        {"variant": "sam"},
        {"variant": "sam", "fraction": 0.3},
        {"variant": "asam"},
        {"variant": "looksam", "every": 2},
        {"variant": "momentum"},
    ],
    ids=str,
)
def test_accumulation_one_by_eight_equals_eight_by_one(
    language_model: LanguageModel, rows: list[Example], sam: dict[str, Any]
) -> None:
    """Three steps each, so that momentum and LookSAM's reuse take part."""
    found = []
    for micro_tokens in (TOGETHER, ONE_BY_ONE):
        model = copy.deepcopy(language_model.model)
        s = stepper(model, micro_tokens=micro_tokens, sam=SamSettings(rho=0.5, **sam))
        s.optimizer = torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9)
        assert s.ascent is not None
        s.ascent.optimizer = s.optimizer
        reports = [s.take(rows, step) for step in range(3)]
        found.append((weights(model), [report.loss for report in reports]))
    assert found[0][1] == pytest.approx(found[1][1], rel=1e-5)
    for one, many in zip(found[0][0], found[1][0], strict=True):
        torch.testing.assert_close(one, many, atol=2e-5, rtol=1e-3)


class Masks:
    """Dropout in every layer of a model, writing down the masks it draws."""

    def __init__(self, model: Any) -> None:
        self.seen: list[torch.Tensor] = []
        for layer in model.model.layers:
            layer.mlp.register_forward_hook(self._drop)
        model.train()

    def _drop(self, module: nn.Module, _: Any, out: torch.Tensor) -> torch.Tensor:
        mask = dropout(torch.ones_like(out), 0.3, training=module.training)
        self.seen.append(mask)
        return out * mask


@pytest.mark.parametrize("micro_tokens", [ONE_BY_ONE, TOGETHER])
@pytest.mark.parametrize("fraction", [1.0, 0.25])
def test_dropout_masks_are_the_same_in_both_passes_for_each_micro_batch(
    language_model: LanguageModel, rows: list[Example], fraction: float, micro_tokens: int
) -> None:
    masks, marks = Masks(language_model.model), []
    s = stepper(language_model.model, micro_tokens=micro_tokens, sam=SamSettings(rho=0.1, fraction=fraction))
    assert s.ascent is not None
    move = s.ascent._move
    s.ascent._move = lambda measure: (marks.append(len(masks.seen)), move(measure))[1]  # type: ignore[method-assign, func-returns-value]
    s.take(rows, 0)
    first, second = masks.seen[: marks[0]], masks.seen[marks[0] :]
    assert (len(first) < len(second)) == (fraction < 1)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=False))
    assert not torch.equal(first[0], first[-1][: len(first[0]), : first[0].shape[1]])


def test_dropout_replay_with_a_tiny_rho_gives_the_gradient_of_the_first_pass(
    language_model: LanguageModel, rows: list[Example]
) -> None:
    """And after the step the random state is that of one plain pass."""
    Masks(language_model.model)
    found = []
    for rho in (1e-12, 0.0):
        s = stepper(language_model.model, lr=0.0, weight_decay=0.0, sam=SamSettings(rho=rho))
        torch.manual_seed(3)
        s.take(rows, 0)
        found.append(([p.grad.clone() for p in s.parameters if p.grad is not None], torch.get_rng_state()))
    assert torch.equal(found[0][1], found[1][1])
    for a, b in zip(found[0][0], found[1][0], strict=True):
        torch.testing.assert_close(a, b, atol=1e-7, rtol=1e-4)


class Normed(nn.Module):
    """A language model of sorts with batch normalization: running statistics are what must not change in pass 2."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm, self.head = nn.Embedding(400, 8), nn.BatchNorm1d(8), nn.Linear(8, 400)

    def forward(self, input_ids: torch.Tensor, use_cache: bool = False) -> Any:
        x = self.norm(self.embed(input_ids).transpose(1, 2)).transpose(1, 2)
        return SimpleNamespace(logits=self.head(x))


def test_running_statistics_are_those_of_the_pass_at_w(rows: list[Example]) -> None:
    torch.manual_seed(0)
    plain = Normed()
    model = copy.deepcopy(plain)
    stepper(plain, lr=0.0).take(rows, 0)
    s = stepper(model, lr=0.0, sam=SamSettings(rho=5.0))
    s.take(rows, 0)
    assert int(model.norm.num_batches_tracked) == int(plain.norm.num_batches_tracked) > 0  # type: ignore[arg-type]
    assert torch.equal(model.norm.running_mean, plain.norm.running_mean)  # type: ignore[arg-type]
    assert torch.equal(model.norm.running_var, plain.norm.running_var)  # type: ignore[arg-type]
    assert model.norm.track_running_stats


def test_lora_moves_only_the_factors(language_model: LanguageModel, rows: list[Example]) -> None:
    peft = pytest.importorskip("peft", reason="pip install kinj[adapters]")
    config = peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    model = peft.get_peft_model(language_model.model, config)
    frozen = {name: p.detach().clone() for name, p in model.named_parameters() if not p.requires_grad}
    s = stepper(model, sam=SamSettings(rho=0.5))
    assert s.ascent is not None
    assert all("lora_" in name for name, _ in s.ascent.named)
    seen: list[bool] = []
    real = s.loss_sum
    s.loss_sum = lambda batch: (seen.append(same(model, frozen)), real(batch))[1]  # type: ignore[method-assign, func-returns-value]
    report = s.take(rows, 0)
    assert report.shift is not None
    assert report.shift.moved
    assert report.stepped
    assert all(seen)
    assert same(model, frozen)


def same(model: nn.Module, kept: dict[str, torch.Tensor]) -> bool:
    now = dict(model.named_parameters())
    return all(torch.equal(now[name], value) for name, value in kept.items())


def test_frozen_parameters_take_no_part(language_model: LanguageModel, rows: list[Example]) -> None:
    model = language_model.model
    model.get_input_embeddings().weight.requires_grad_(False)
    before = model.get_input_embeddings().weight.detach().clone()
    s = stepper(model, sam=SamSettings(rho=0.5))
    assert s.ascent is not None
    assert not any("embed" in name for name, _ in s.ascent.named)
    assert s.take(rows, 0).stepped
    assert torch.equal(model.get_input_embeddings().weight, before)


bf16 = partial(torch.autocast, "cpu", dtype=torch.bfloat16)


def test_bf16_autocast_keeps_fp32_masters_and_says_what_its_forward_pass_sees(
    language_model: LanguageModel, rows: list[Example]
) -> None:
    before = weights(language_model.model)
    reports = []
    for autocast in (None, bf16):
        s = stepper(copy.deepcopy(language_model.model), lr=0.0, autocast=autocast, sam=SamSettings(rho=0.2))
        reports.append(s.take(rows, 0))
        assert all(p.dtype == p.grad.dtype == torch.float32 for p in s.parameters if p.grad is not None)
        assert all(torch.equal(p, b) for p, b in zip(s.model.parameters(), before, strict=True))
    exact, rounded = (report.shift for report in reports)
    assert exact is not None
    assert rounded is not None
    assert exact.realised_cos == pytest.approx(1, abs=1e-3)
    assert rounded.kept == pytest.approx(1, abs=0.3)
    assert rounded.realised_cos is not None
    assert rounded.realised_cos < 0.99
    assert reports[1].loss_gap == pytest.approx(reports[0].loss_gap, rel=0.3)


def test_fp16_arithmetic_is_refused(language_model: LanguageModel) -> None:
    with pytest.raises(UsageError, match="no loss scaler"):
        stepper(
            language_model.model,
            autocast=partial(torch.autocast, "cpu", dtype=torch.float16),
            sam=SamSettings(rho=0.1),
        )


def checkpointed(model: Any) -> Any:
    model.activation_checkpointing_enable()
    return None


def compiled(model: Any) -> Any:
    return torch.compile(model, backend="eager")


@pytest.mark.parametrize("batching", ["padded", "packed"])
@pytest.mark.parametrize("change", [checkpointed, pytest.param(compiled, marks=pytest.mark.slow)])
def test_gradient_checkpointing_and_compile_change_nothing(
    language_model: LanguageModel, rows: list[Example], change: Callable[[Any], Any], batching: str
) -> None:
    layout = layout_for(batching, language_model.model, language_model.codec)
    model = language_model.model.train()
    other = copy.deepcopy(model)
    network = change(other)
    names = None
    for m, n in ((model, None), (other, network)):
        s = stepper(m, network=n, sam=SamSettings(rho=0.3, include="mlp"))
        s.packed = layout.packed
        assert s.ascent is not None
        names = names or [name for name, _ in s.ascent.named]
        assert [name for name, _ in s.ascent.named] == names
        for step in range(2):
            assert s.take(rows, step).stepped
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("variant", ["sam", "asam", "momentum", "looksam"])
def test_overflow_at_the_moved_weights_restores_and_skips(
    language_model: LanguageModel, rows: list[Example], variant: str
) -> None:
    model = language_model.model
    s = stepper(model, sam=SamSettings(rho=0.1, variant=variant))
    s.take(rows, 0)
    before, moments = weights(model), [s.optimizer.state[p]["exp_avg"].clone() for p in s.parameters]
    real = s.loss_sum

    def loss_sum(batch: Any) -> torch.Tensor:
        moved = not all(torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True))
        return real(batch) * (float("inf") if moved else 1)

    s.loss_sum = loss_sum  # type: ignore[method-assign]
    report = s.take(rows, 1)
    assert not report.stepped
    assert report.shift is not None
    assert report.shift.moved
    assert all(torch.equal(p, b) for p, b in zip(model.parameters(), before, strict=True))
    assert all(torch.equal(s.optimizer.state[p]["exp_avg"], m) for p, m in zip(s.parameters, moments, strict=True))
    assert s.ascent is not None
    assert s.ascent.state_dict() == {}


def test_looksam_reuses_what_sam_added(language_model: LanguageModel, rows: list[Example]) -> None:
    """g · g_v = 0 after a SAM step; between, the gradient is g + α (‖g‖ / ‖g_v‖) g_v."""
    model = language_model.model
    s = stepper(model, lr=0.0, weight_decay=0.0, sam=SamSettings(rho=1.0, variant="looksam", every=3, alpha=0.4))
    plain = stepper(copy.deepcopy(model), lr=0.0)
    plain.take(rows, 0)
    g = torch.cat([p.grad.flatten() for p in plain.parameters if p.grad is not None])
    s.take(rows, 0)
    assert s.ascent is not None
    kept = s.ascent.state_dict()
    g_v = torch.cat([kept[f"g_v.{name}"].flatten() for name, _ in s.ascent.named])
    assert float(g @ g_v) == pytest.approx(0, abs=1e-4 * float(g.norm() * g_v.norm()))
    assert s.take(rows, 1).passes == 1
    found = torch.cat([p.grad.flatten() for p in s.parameters if p.grad is not None])
    torch.testing.assert_close(found, g + 0.4 * g.norm() / g_v.norm() * g_v, atol=1e-5, rtol=1e-3)
    assert [s.passes(step, [3, 5]) for step in range(7)] == [2, 1, 1, 2, 1, 1, 2]


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_passes_are_told_before_as_they_are_taken(
    language_model: LanguageModel, rows: list[Example], count: int
) -> None:
    """A step of one row has no quarter of it to find the direction on: a dry run must say two passes, not 1.25."""
    s = stepper(language_model.model, sam=SamSettings(rho=0.1, fraction=0.25))
    some = rows[:count]
    assert s.passes(0, [len(row) for row in some]) == pytest.approx(s.take(some, 0).passes)


def test_looksam_with_every_one_is_sam(language_model: LanguageModel, rows: list[Example]) -> None:
    found = []
    for variant in ("sam", "looksam"):
        model = copy.deepcopy(language_model.model)
        s = stepper(model, sam=SamSettings(rho=0.3, variant=variant))
        for step in range(3):
            s.take(rows, step)
        found.append(weights(model))
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_parameters_that_are_not_moved_get_the_second_gradient_alone(
    language_model: LanguageModel, rows: list[Example]
) -> None:
    """With `include`, the embedding stays at w; its update is still that of the one gradient at the moved weights."""
    model = language_model.model
    embedding = model.get_input_embeddings().weight
    s = stepper(model, lr=0.0, weight_decay=0.0, sam=SamSettings(rho=1e-6, include="mlp"))
    s.take(rows, 0)
    assert embedding.grad is not None
    found = embedding.grad.clone()
    stepper(model, lr=0.0, weight_decay=0.0).take(rows, 0)
    torch.testing.assert_close(found, embedding.grad, atol=1e-6, rtol=1e-3)
