"""The SAM step against its closed form, and what it must leave alone (design checklist: restore, tied, frozen, zero)."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from kinj.config.errors import UsageError
from kinj.config.schema import SamSettings
from kinj.train.sam import Ascent, global_norm


class Quadratic(nn.Module):
    """L = ½ (w1² + 4 w2²) at w = (3, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([[3.0, 1.0]]))

    def forward(self) -> torch.Tensor:
        return 0.5 * (self.w[0, 0] ** 2 + 4 * self.w[0, 1] ** 2)


def step_once(model: Quadratic, settings: SamSettings, lr: float = 0.1) -> None:
    ascent = Ascent(settings, list(model.named_parameters()))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    model().backward()
    with ascent.shifted():
        model().backward()
    optimizer.step()


def test_closed_form() -> None:
    model = Quadratic()
    step_once(model, SamSettings(rho=0.5))
    torch.testing.assert_close(model.w.detach(), torch.tensor([[2.67, 0.44]]))


def test_adaptive_closed_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kinj.train.sam.ASAM_ETA", 0.0)
    model = Quadratic()
    step_once(model, SamSettings(rho=0.5, variant="asam"))
    # eps = rho |w|² g / ‖|w| g‖ = (1.3707, 0.2031)
    torch.testing.assert_close(model.w.detach(), torch.tensor([[2.5629, 0.5188]]), atol=1e-4, rtol=0)


def independent_sam(w: torch.Tensor, gradient: object, rho: float) -> torch.Tensor:
    g = gradient(w)  # type: ignore[operator]
    return gradient(w + rho * g / g.norm())  # type: ignore[operator,no-any-return]


def test_gradient_agrees_with_the_definition_on_a_network() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3)).double()
    x, y = torch.randn(11, 5).double(), torch.randint(3, (11,))

    def gradient(flat: torch.Tensor) -> torch.Tensor:
        nn.utils.vector_to_parameters(flat, model.parameters())
        loss = nn.functional.cross_entropy(model(x), y)
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))])

    start = nn.utils.parameters_to_vector(model.parameters()).detach().clone()
    expected = independent_sam(start, gradient, 0.3)
    nn.utils.vector_to_parameters(start, model.parameters())
    model.float()
    ascent = Ascent(SamSettings(rho=0.3), list(model.named_parameters()))
    nn.functional.cross_entropy(model(x.float()), y).backward()
    with ascent.shifted():
        nn.functional.cross_entropy(model(x.float()), y).backward()
    found = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("variant", ["sam", "asam"])
@pytest.mark.parametrize("error", [None, RuntimeError, KeyboardInterrupt])
def test_weights_come_back_bit_for_bit(variant: str, error: type[BaseException] | None) -> None:
    torch.manual_seed(1)
    model = nn.Linear(300, 200)
    before = [(p.detach().clone(), p.data_ptr()) for p in model.parameters()]
    ascent = Ascent(SamSettings(rho=2.0, variant=variant), list(model.named_parameters()))
    model(torch.randn(4, 300)).square().sum().backward()
    try:
        with ascent.shifted() as shift:
            assert shift.moved
            assert not torch.equal(model.weight, before[0][0])
            if error:
                raise error
    except (RuntimeError, KeyboardInterrupt):
        assert error
    for p, (saved, pointer) in zip(model.parameters(), before, strict=True):
        assert torch.equal(p.view(torch.int32), saved.view(torch.int32))
        assert p.data_ptr() == pointer


def test_length_of_the_move_is_rho_over_all_parameters() -> None:
    model = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 2))
    before = [p.detach().clone() for p in model.parameters()]
    ascent = Ascent(SamSettings(rho=0.7), list(model.named_parameters()))
    model(torch.ones(3, 6)).square().sum().backward()
    with ascent.shifted(measure=True) as shift:
        moved = global_norm([p.detach() - b for p, b in zip(model.parameters(), before, strict=True)])
    assert float(moved) == pytest.approx(0.7, rel=1e-4)
    assert shift.kept == pytest.approx(1, abs=1e-3)
    assert shift.realised_cos == pytest.approx(1, abs=1e-3)


def test_gradients_of_the_first_pass_are_dropped() -> None:
    model = Quadratic()
    model().backward()
    with Ascent(SamSettings(rho=0.1), list(model.named_parameters())).shifted():
        assert model.w.grad is None


def test_tied_weights_move_once_and_frozen_ones_never() -> None:
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    model[2].requires_grad_(False)
    named = list(model.named_parameters(remove_duplicate=False))
    ascent = Ascent(SamSettings(rho=1.0), named)
    assert len(ascent.parameters) == 1
    before, frozen = model[0].weight.detach().clone(), model[2].weight.detach().clone()
    model(torch.randn(2, 4)).square().sum().backward()
    with ascent.shifted():
        assert float((model[0].weight.detach() - before).norm()) == pytest.approx(1.0, rel=1e-5)
        assert torch.equal(model[2].weight, frozen)


@pytest.mark.parametrize("value", [0.0, math.inf, math.nan])
def test_no_move_without_a_usable_gradient(value: float) -> None:
    model = Quadratic()
    before = model.w.detach().clone()
    model.w.grad = torch.full_like(model.w, value)
    with Ascent(SamSettings(rho=0.5), list(model.named_parameters())).shifted() as shift:
        assert not shift.moved
        assert torch.equal(model.w, before)


def test_include_chooses_by_name_and_a_miss_is_an_error() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    ascent = Ascent(SamSettings(rho=0.5, include=r"^1\."), list(model.named_parameters()))
    assert ascent.names == ["1.weight", "1.bias"]
    with pytest.raises(UsageError, match="matches no trainable parameter"):
        Ascent(SamSettings(rho=0.5, include="decoder"), list(model.named_parameters()))


def test_weights_in_few_bits_are_refused_with_the_reason() -> None:
    with pytest.raises(UsageError, match="rounding would swallow"):
        Ascent(SamSettings(rho=0.5), list(nn.Linear(2, 2).bfloat16().named_parameters()))


def test_offload_keeps_the_copy_on_the_cpu() -> None:
    model = Quadratic()
    ascent = Ascent(SamSettings(rho=0.5, offload=True), list(model.named_parameters()))
    model().backward()
    with ascent.shifted():
        assert all(saved.device.type == "cpu" for saved in ascent._backup)
    assert torch.equal(model.w, torch.tensor([[3.0, 1.0]]))
