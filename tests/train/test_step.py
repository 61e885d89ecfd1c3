"""One step on a real small model: accumulation, rho = 0, dropout replay, overflow, clipping."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from kinj.config.schema import OptimSettings, SamSettings
from kinj.models.codec import Example
from kinj.models.loading import LanguageModel
from kinj.train.optim import build_adamw, learning_rate
from kinj.train.step import Stepper
from tests.conftest import TEXTS


@pytest.fixture
def rows(language_model: LanguageModel) -> list[Example]:
    codec = language_model.codec
    documents = [codec.document(text)[0] for text in TEXTS]
    return [
        *documents,
        codec.question("Where was Ada Byron born?", "London"),
        codec.question("Who wrote COBOL?", "Grace Hopper"),
    ]


def stepper(language_model: LanguageModel, optimizer: Any = None, **optim: Any) -> Stepper:
    settings = OptimSettings(**optim)
    optimizer = optimizer or build_adamw(language_model.model, settings)
    return Stepper(language_model.model, optimizer, settings, language_model.codec.pad_id)


def gradients(language_model: LanguageModel) -> list[torch.Tensor]:
    return [p.grad.clone() for p in language_model.model.parameters() if p.grad is not None]


def sgd(language_model: LanguageModel) -> torch.optim.SGD:
    return torch.optim.SGD(language_model.model.parameters(), lr=0.0)


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_accumulation_gives_the_gradient_of_one_batch(
    language_model: LanguageModel, rows: list[Example], rho: float
) -> None:
    """1 x 6 = 6 x 1 with unequal label counts: one denominator for the whole step."""
    found = []
    for micro_tokens in (16384, 1):
        s = stepper(language_model, sgd(language_model), micro_tokens=micro_tokens, clip=0.0, sam=SamSettings(rho=rho))
        s.take(rows, 0)
        found.append(gradients(language_model))
    for one, many in zip(*found, strict=True):
        torch.testing.assert_close(one, many, atol=2e-6, rtol=1e-4)


def test_padding_and_mixing_do_not_change_the_loss(language_model: LanguageModel, rows: list[Example]) -> None:
    s = stepper(language_model)
    from kinj.models.batch import collate

    together = s.loss_sum(collate(sorted(rows, key=len, reverse=True), 2))
    alone = sum(s.loss_sum(collate([row], 2)) for row in rows)
    torch.testing.assert_close(together, alone, atol=1e-3, rtol=1e-5)


def test_rho_zero_is_plain_training_in_bits_and_cost(language_model: LanguageModel, rows: list[Example]) -> None:
    other = copy.deepcopy(language_model)
    plain, zero = stepper(language_model), stepper(other, sam=SamSettings(rho=0.0, every=3, fraction=0.5))
    forwards = []
    for model, taken in ((language_model.model, plain), (other.model, zero)):
        count = [0]
        handle = model.register_forward_hook(lambda *_, count=count: count.__setitem__(0, count[0] + 1))
        torch.manual_seed(0)
        for step in range(3):
            assert taken.take(rows, step).passes == 1
        handle.remove()
        forwards.append((count[0], torch.get_rng_state()))
    assert forwards[0][0] == forwards[1][0]
    assert torch.equal(forwards[0][1], forwards[1][1])
    for a, b in zip(language_model.model.parameters(), other.model.parameters(), strict=True):
        assert torch.equal(a, b)
        for key in ("exp_avg", "exp_avg_sq"):
            assert torch.equal(plain.optimizer.state[a][key], zero.optimizer.state[b][key])


def with_dropout(language_model: LanguageModel) -> None:
    for layer in language_model.model.model.layers:
        layer.mlp.register_forward_hook(
            lambda module, _, out: torch.nn.functional.dropout(out, 0.3, training=module.training)
        )
    language_model.model.train()


def test_both_passes_see_the_same_dropout_and_use_up_one_pass_of_random_numbers(
    language_model: LanguageModel, rows: list[Example]
) -> None:
    with_dropout(language_model)
    s = stepper(language_model, sgd(language_model), clip=0.0, sam=SamSettings(rho=1e-12))
    torch.manual_seed(3)
    s.take(rows, 0)
    after_sam, shifted = torch.get_rng_state(), gradients(language_model)
    plain = stepper(language_model, sgd(language_model), clip=0.0)
    torch.manual_seed(3)
    plain.take(rows, 0)
    assert torch.equal(after_sam, torch.get_rng_state())
    for a, b in zip(shifted, gradients(language_model), strict=True):
        torch.testing.assert_close(a, b, atol=1e-7, rtol=1e-4)


def test_loss_not_finite_in_the_second_pass_skips_the_step(language_model: LanguageModel, rows: list[Example]) -> None:
    s = stepper(language_model, sam=SamSettings(rho=0.1))
    before = [p.detach().clone() for p in language_model.model.parameters()]
    calls, real = [0], s.loss_sum

    def loss_sum(batch: Any) -> torch.Tensor:
        calls[0] += 1
        return real(batch) * (float("inf") if calls[0] > first else 1)

    s.loss_sum = loss_sum  # type: ignore[method-assign]
    from kinj.train.batching import micro_batches

    first = len(micro_batches(rows, s.settings.micro_tokens, 0))
    report = s.take(rows, 0)
    assert not report.stepped
    for p, saved in zip(language_model.model.parameters(), before, strict=True):
        assert torch.equal(p, saved)


def test_clipping_changes_the_update_but_not_the_move(language_model: LanguageModel, rows: list[Example]) -> None:
    reports = []
    for clip in (0.0, 1e-3):
        s = stepper(copy.deepcopy(language_model), clip=clip, sam=SamSettings(rho=0.2))
        reports.append(s.take(rows, 0))
    assert reports[0].loss_shifted == reports[1].loss_shifted
    assert reports[0].grad_norm == reports[1].grad_norm


def test_sam_acts_on_the_steps_it_should(language_model: LanguageModel, rows: list[Example]) -> None:
    s = stepper(language_model, sam=SamSettings(rho=0.05, every=3, start_step=2))
    assert [s.take(rows, step).passes for step in range(9)] == [1, 1, 2, 1, 1, 2, 1, 1, 2]


def test_a_share_of_the_rows_costs_a_share_of_a_pass(language_model: LanguageModel, rows: list[Example]) -> None:
    full = stepper(language_model, sam=SamSettings(rho=0.05)).take(rows, 0)
    part = stepper(language_model, sam=SamSettings(rho=0.05, fraction=0.25)).take(rows, 0)
    assert part.loss_shifted is not None
    assert (full.passes, part.passes) == (2, part.tokens / (full.tokens / 2))
    assert part.tokens - full.tokens // 2 == len(rows[0]) + len(rows[1])


def test_gap_ratio_is_one_for_a_small_rho(language_model: LanguageModel, rows: list[Example]) -> None:
    report = stepper(language_model, sam=SamSettings(rho=0.01)).take(rows, 0)
    assert report.gap_ratio == pytest.approx(1, abs=0.05)
    assert report.shift is not None
    assert report.shift.cos == pytest.approx(1, abs=0.05)


def test_learning_rate_shapes() -> None:
    cosine = OptimSettings(lr=1.0, schedule="cosine", final_lr=0.1, warmup_steps=2)
    rates = [learning_rate(cosine, step, 12) for step in range(12)]
    assert rates[:3] == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert rates[-1] == pytest.approx(0.1)
    assert rates[2:] == sorted(rates[2:], reverse=True)
    constant = OptimSettings(lr=0.5, schedule="constant")
    assert {learning_rate(constant, step, 7) for step in range(7)} == {0.5}
    scaled = OptimSettings(lr=2.0, lr_scale=0.25, schedule="constant")
    assert learning_rate(scaled, 3, 7) == 0.5
