"""The move of SAM against its closed forms, and what it must leave alone (restore, tied, frozen, zero, bf16)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kinj.config.errors import UsageError
from kinj.config.schema import SamSettings
from kinj.train.ascents import VARIANTS, build_ascent
from kinj.train.sam import Ascent, global_norm


class Quadratic(nn.Module):
    """L = ½ (w1² + 4 w2²) at w = (3, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[3.0, 1.0]]))

    def forward(self) -> torch.Tensor:
        return 0.5 * (self.weight[0, 0] ** 2 + 4 * self.weight[0, 1] ** 2)


def ascent_of(model: nn.Module, optimizer: Any = None, **settings: Any) -> Ascent:
    chosen = SamSettings(**{"rho": 0.5, **settings})
    return VARIANTS[chosen.variant](chosen, list(model.named_parameters()), optimizer)


def step_once(model: nn.Module, loss: Callable[[], torch.Tensor], optimizer: Any, ascent: Ascent) -> None:
    optimizer.zero_grad()
    loss().backward()
    with ascent.shifted():
        loss().backward()
    optimizer.step()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # ‖g‖ = 5, ε = (0.3, 0.4), gradient there (3.3, 5.6); plain SGD would give (2.7, 0.6)
        ({"variant": "sam"}, (2.67, 0.44)),
        # ε = ρ |w|² g / ‖|w| g‖ = (1.3707, 0.2031)
        ({"variant": "asam", "eta": 0.0}, (2.5629, 0.5188)),
        # as the authors' code: |w| + 0.01 in place of |w|; worked out below
        ({"variant": "asam"}, None),
        ({"variant": "looksam"}, (2.67, 0.44)),
    ],
)
def test_closed_form(settings: dict[str, Any], expected: tuple[float, float] | None) -> None:
    if expected is None:
        t = (3.01, 1.01)
        length = math.hypot(t[0] * 3, t[1] * 4)
        moved = (3 + 0.5 * t[0] ** 2 * 3 / length, 1 + 0.5 * t[1] ** 2 * 4 / length)
        expected = (3 - 0.1 * moved[0], 1 - 0.1 * 4 * moved[1])
    model = Quadratic()
    step_once(model, model, torch.optim.SGD(model.parameters(), lr=0.1), ascent_of(model, **settings))
    torch.testing.assert_close(model.weight.detach(), torch.tensor([expected]), atol=6e-5, rtol=0)


@pytest.mark.parametrize(("uphill", "sign"), [(False, -1), (True, 1)])
def test_momentum_moves_along_the_momentum_of_the_steps_before(uphill: bool, sign: int) -> None:
    """SGD with momentum 0.5: the second gradient is taken at w ∓ ρ v/‖v‖, and the first one plainly."""
    model = Quadratic()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    ascent = ascent_of(model, optimizer, variant="momentum", uphill=uphill)
    w, v = torch.tensor([[3.0, 1.0]]), torch.zeros(1, 2)
    for _ in range(3):
        at = w + sign * 0.5 * v / v.norm() if v.any() else w
        v = 0.5 * v + at * torch.tensor([[1.0, 4.0]])
        w = w - 0.1 * v
        optimizer.zero_grad()
        with ascent.shifted():
            model().backward()
        optimizer.step()
        torch.testing.assert_close(model.weight.detach(), w)


def test_momentum_has_one_norm_over_all_parameter_groups() -> None:
    model = nn.Linear(3, 2)
    groups = [{"params": [model.weight], "weight_decay": 0.1}, {"params": [model.bias], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=0.1)
    model(torch.ones(4, 3)).square().sum().backward()
    optimizer.step()
    before = [p.detach().clone() for p in model.parameters()]
    with ascent_of(model, optimizer, variant="momentum").shifted() as shift:
        made = [p.detach() - b for p, b in zip(model.parameters(), before, strict=True)]
    momenta = [optimizer.state[p]["exp_avg"] for p in model.parameters()]
    assert shift.length == pytest.approx(float(global_norm(momenta)))
    for move, v in zip(made, momenta, strict=True):
        torch.testing.assert_close(move, -0.5 * v / global_norm(momenta), atol=1e-6, rtol=1e-4)


@settings(deadline=None)
@given(
    weights=st.lists(st.floats(-3, 3, width=32), min_size=6, max_size=6),
    rho=st.floats(1e-3, 5),
    variant=st.sampled_from(["sam", "asam"]),
)
def test_the_gradient_is_the_one_at_the_point_that_the_formula_names(
    weights: list[float], rho: float, variant: str
) -> None:
    """Any weights, any rho: ours in place and in fp32 beside the formula written out in fp64."""
    w = torch.tensor(weights, dtype=torch.float64).view(2, 3)
    x = torch.arange(6, dtype=torch.float64).view(2, 3) / 3 - 1

    def loss(at: torch.Tensor) -> torch.Tensor:
        return torch.tanh(at @ x.T.to(at.dtype)).square().sum() + 0.1 * at.square().sum()

    def gradient(at: torch.Tensor) -> torch.Tensor:
        at = at.detach().requires_grad_()
        return torch.autograd.grad(loss(at), at)[0]

    g, t = gradient(w), (w.abs() + 0.01 if variant == "asam" else torch.ones_like(w))
    if float((t * g).norm()) < 1e-3:
        return  # next to a stationary point the direction is rounding
    expected = gradient(w + rho * t**2 * g / (t * g).norm())
    model = nn.Linear(3, 2, bias=False)
    model.weight.data.copy_(w)
    ascent = ascent_of(model, rho=rho, variant=variant)
    loss(model.weight).backward()
    with ascent.shifted():
        loss(model.weight).backward()
    assert model.weight.grad is not None
    torch.testing.assert_close(model.weight.grad.double(), expected, atol=1e-3, rtol=1e-3)


def test_asam_leaves_biases_unscaled() -> None:
    model = nn.Linear(3, 2)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    model(torch.ones(4, 3)).square().sum().backward()
    g = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    t = before["weight"].abs() + 0.01
    length = math.hypot(float((t * g["weight"]).norm()), float(g["bias"].norm()))
    with ascent_of(model, variant="asam").shifted():
        torch.testing.assert_close(model.bias.detach() - before["bias"], 0.5 * g["bias"] / length)
        torch.testing.assert_close(
            model.weight.detach() - before["weight"], 0.5 * t**2 * g["weight"] / length, atol=1e-6, rtol=1e-4
        )


def with_state(model: nn.Module) -> torch.optim.Optimizer:
    """AdamW after one step, so that there is a momentum."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model(torch.randn(4, 300)).square().sum().backward()
    optimizer.step()
    return optimizer


@pytest.mark.parametrize("offload", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("error", [None, RuntimeError, KeyboardInterrupt])
def test_restore_is_bit_exact_after_success_exception_and_interrupt(
    variant: str, error: type[BaseException] | None, offload: bool
) -> None:
    torch.manual_seed(1)
    model = nn.Linear(300, 200)
    optimizer = with_state(model)
    before = [(p.detach().clone(), p.data_ptr()) for p in model.parameters()]
    ascent = ascent_of(model, optimizer, rho=2.0, variant=variant, offload=offload)
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


@pytest.mark.parametrize("variant", VARIANTS)
def test_extra_memory_is_the_copies_that_the_variant_states(variant: str) -> None:
    model = nn.Linear(300, 200)
    ascent = ascent_of(model, with_state(model), variant=variant)
    for _ in range(3):
        model(torch.randn(4, 300)).square().sum().backward()
        with ascent.shifted(measure=torch.float32):
            model(torch.randn(4, 300)).square().sum().backward()
    held = [value for value in vars(ascent).values() if isinstance(value, (list, dict))]
    buffers = [t for group in held for t in (group.values() if isinstance(group, dict) else group)]
    own = {t.data_ptr() for t in buffers if isinstance(t, torch.Tensor) and not isinstance(t, nn.Parameter)}
    size = sum(t.nbytes for t in buffers if isinstance(t, torch.Tensor) and t.data_ptr() in own)
    assert size == ascent.copies * sum(p.nbytes for p in model.parameters())
    assert {"sam": 1, "asam": 1, "momentum": 1, "looksam": 2}[variant] == ascent.copies


def test_length_of_the_move_is_rho_over_all_parameters() -> None:
    model = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 2))
    before = [p.detach().clone() for p in model.parameters()]
    ascent = ascent_of(model, rho=0.7)
    model(torch.ones(3, 6)).square().sum().backward()
    with ascent.shifted(measure=torch.float32) as shift:
        moved = global_norm([p.detach() - b for p, b in zip(model.parameters(), before, strict=True)])
        model(torch.ones(3, 6)).square().sum().backward()
    assert float(moved) == pytest.approx(0.7, rel=1e-4)
    assert shift.kept == pytest.approx(1, abs=1e-3)
    assert shift.realised_cos == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("rho", [0.05, 2.0])
def test_cosine_is_that_of_the_two_gradients(rho: float) -> None:
    torch.manual_seed(2)
    model, x = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2)), torch.randn(9, 6)
    ascent = ascent_of(model, rho=rho)
    model(x).square().sum().backward()
    first = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    with ascent.shifted(measure=torch.float32) as shift:
        model(x).square().sum().backward()
    second = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    assert shift.cos == pytest.approx(float(torch.cosine_similarity(first, second, dim=0)), abs=1e-3)


def test_a_move_that_rounding_swallows_is_measured_as_lost() -> None:
    model = nn.Linear(300, 200)
    for rho, arithmetic, least, most in [
        (1e-7, torch.float32, 0.0, 0.5),  # smaller than the distance between two numbers
        (1e-3, torch.float32, 0.99, 1.01),
        (1e-3, torch.bfloat16, 0.5, 1.5),  # low bits dither: kept on average, but noisy
    ]:
        model.zero_grad()
        model(torch.randn(4, 300)).square().sum().backward()
        with ascent_of(model, rho=rho).shifted(measure=arithmetic) as shift:
            pass
        assert shift.kept is not None
        assert shift.realised_cos is not None
        assert least <= shift.kept <= most
        assert (shift.realised_cos > 0.9) == (arithmetic == torch.float32 and rho == 1e-3)


def test_gradients_of_the_first_pass_are_dropped() -> None:
    model = Quadratic()
    model().backward()
    with ascent_of(model).shifted():
        assert model.weight.grad is None


def test_tied_weights_are_shifted_once_and_frozen_ones_never() -> None:
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    model[2].requires_grad_(False)
    named = list(model.named_parameters(remove_duplicate=False))
    ascent = VARIANTS["sam"](SamSettings(rho=1.0), named)
    assert len(ascent.parameters) == 1
    before, frozen = model[0].weight.detach().clone(), model[2].weight.detach().clone()
    model(torch.randn(2, 4)).square().sum().backward()
    with ascent.shifted():
        assert float((model[0].weight.detach() - before).norm()) == pytest.approx(1.0, rel=1e-5)
        assert torch.equal(model[2].weight, frozen)


@pytest.mark.parametrize("variant", ["sam", "asam", "looksam"])
def test_parameters_without_a_gradient_stay(variant: str) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    ascent = ascent_of(model, variant=variant)
    before = model[1].weight.detach().clone()
    model[0](torch.randn(2, 4)).square().sum().backward()
    with ascent.shifted() as shift:
        assert shift.moved
        assert torch.equal(model[1].weight, before)
        assert model[1].weight.grad is None


@pytest.mark.parametrize("variant", ["sam", "asam", "looksam"])
@pytest.mark.parametrize("value", [0.0, math.inf, math.nan])
def test_no_move_without_a_usable_gradient(variant: str, value: float) -> None:
    model = Quadratic()
    before = model.weight.detach().clone()
    model.weight.grad = torch.full_like(model.weight, value)
    with ascent_of(model, variant=variant).shifted() as shift:
        assert not shift.moved
        assert torch.equal(model.weight, before)


def test_include_chooses_by_name_and_a_miss_is_an_error() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    assert [name for name, _ in ascent_of(model, include=r"^1\.").named] == ["1.weight", "1.bias"]
    with pytest.raises(UsageError, match="matches no trainable parameter") as caught:
        ascent_of(model, include="decoder")
    assert "0.weight" in caught.value.hint


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_in_few_bits_are_refused_with_the_reason(dtype: torch.dtype) -> None:
    with pytest.raises(UsageError, match=r"weight is stored in torch\.\w+: rounding would swallow") as caught:
        ascent_of(nn.Linear(2, 2).to(dtype))
    assert "model.dtype=float32" in caught.value.hint


def test_offload_keeps_the_copy_on_the_cpu() -> None:
    model = Quadratic()
    ascent = ascent_of(model, offload=True)
    model().backward()
    with ascent.shifted():
        assert all(saved.device.type == "cpu" for saved in ascent._saved)
    assert torch.equal(model.weight, torch.tensor([[3.0, 1.0]]))


def test_rho_zero_has_no_ascent_at_all() -> None:
    model = Quadratic()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert build_ascent(SamSettings(rho=0.0), list(model.named_parameters()), optimizer) is None


def test_weight_decay_and_learning_rate_see_the_weights_not_the_moved_ones() -> None:
    model = Quadratic()
    step_once(model, model, torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.5), ascent_of(model))
    # (3, 1) − 0.1 · ((3.3, 5.6) + 0.5 · (3, 1))
    torch.testing.assert_close(model.weight.detach(), torch.tensor([[2.52, 0.39]]))


def test_a_scheduler_reaches_the_optimizer() -> None:
    model = Quadratic()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.0 if step else 1.0)
    ascent = ascent_of(model)
    step_once(model, model, optimizer, ascent)
    scheduler.step()
    before = model.weight.detach().clone()
    step_once(model, model, optimizer, ascent)
    assert torch.equal(model.weight, before)
