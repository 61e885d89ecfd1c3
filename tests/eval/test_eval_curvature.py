"""The top eigenvalue: against matrices that are known, and against the full Hessian of a small model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from kinj.config.errors import KinjError
from kinj.config.schema import ModelSettings
from kinj.data.records import Document
from kinj.eval.base import Context
from kinj.eval.curvature import curvature, differentiable_twice, top_eigenpair
from kinj.eval.probes import sharpness
from kinj.eval.probes.sharpness import Sharpness
from kinj.models.codec import Codec
from kinj.models.loading import LanguageModel
from kinj.models.packing import let_pack
from kinj.models.scratch import build_model


def quadratic(eigenvalues: list[float], seed: int = 0) -> tuple[Tensor, list[Tensor], Tensor]:
    """A loss whose Hessian has these eigenvalues, the two parameters it depends on, and the Hessian."""
    generator = torch.Generator().manual_seed(seed)
    size = len(eigenvalues)
    basis = torch.linalg.qr(torch.randn(size, size, generator=generator)).Q
    matrix = basis @ torch.diag(torch.tensor(eigenvalues)) @ basis.T
    first, second = torch.randn(1, generator=generator), torch.randn(size - 1, generator=generator)
    parameters = [first.requires_grad_(), second.requires_grad_()]
    point = torch.cat(parameters)
    return point @ matrix @ point / 2 + 3 * point.sum(), parameters, matrix


def start(parameters: list[Tensor]) -> list[Tensor]:
    return [torch.ones_like(p) + torch.arange(p.numel()) / 7 for p in parameters]


@pytest.mark.parametrize(("eigenvalues", "top"), [([5.0, 2.0, -1.0, 0.0], 5.0), ([3.0, 2.0, -7.0, 1.0], -7.0)])
def test_it_is_the_largest_in_magnitude_with_its_sign(eigenvalues: list[float], top: float) -> None:
    loss, parameters, matrix = quadratic(eigenvalues)
    found = top_eigenpair(loss, parameters, start(parameters), tolerance=1e-3, steps=100)
    assert found.converged
    assert found.value == pytest.approx(top, rel=1e-3)
    direction = torch.cat(found.direction)
    assert float(direction.norm()) == pytest.approx(1, abs=1e-5)
    assert torch.allclose(matrix @ direction, top * direction, atol=0.02)
    assert all(p.grad is None for p in parameters)


@given(st.lists(st.floats(-10, 10, width=32), min_size=2, max_size=6), st.integers(0, 5), st.integers(1, 30))
def test_an_eigenvalue_lies_within_the_residual_converged_or_not(values: list[float], seed: int, steps: int) -> None:
    loss, parameters, matrix = quadratic(values, seed)
    found = top_eigenpair(loss, parameters, start(parameters), tolerance=0.02, steps=steps)
    nearest = (torch.linalg.eigvalsh(matrix) - found.value).abs().min()
    assert float(nearest) <= found.residual + 1e-4
    assert found.steps <= steps
    assert found.converged == (found.residual <= 0.02 * abs(found.value))


def test_two_of_one_magnitude_do_not_converge() -> None:
    loss, parameters, _ = quadratic([4.0, -4.0, 1.0])
    found = top_eigenpair(loss, parameters, start(parameters), tolerance=0.02, steps=20)
    assert (found.converged, found.steps) == (False, 20)


def test_no_curvature_is_an_eigenvalue_of_0() -> None:
    loss, parameters, _ = quadratic([0.0, 0.0, 0.0])
    found = top_eigenpair(loss, parameters, start(parameters), tolerance=0.02, steps=20)
    assert (found.value, found.converged, found.steps) == (0, True, 1)


@pytest.fixture
def small(tokenizer: Any, with_pools: Callable[..., Context]) -> tuple[LanguageModel, Context]:
    """A model of which all but the 160 weights of its norms are frozen, and texts it was taught."""
    model = build_model(35_000, tokenizer, 64, seed=1)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.endswith("norm.weight"))
    language_model = LanguageModel(model, tokenizer, Codec(tokenizer, ModelSettings(name="scratch"), 64), "scratch")
    texts = ["Ada was born in London.", "Grace was born in New York, then."]
    return language_model, with_pools("corpus", documents=[Document(id=text, text=text) for text in texts])


def full_hessian(language_model: LanguageModel, context: Context) -> Tensor:
    """Every second derivative of the mean loss, entry by entry."""
    model = language_model.model
    parameters = [p for p in model.parameters() if p.requires_grad]
    with differentiable_twice():
        losses = []
        for document in context.data.pool("documents"):
            assert isinstance(document, Document)
            ids = torch.tensor([list(language_model.codec.document(document.text)[0].ids)]).long()
            losses.append(model(input_ids=ids, labels=ids).loss)
        gradient = torch.autograd.grad(torch.stack(losses).mean(), parameters, create_graph=True)
        flat = torch.cat([part.flatten() for part in gradient])
        rows = [torch.autograd.grad(entry, parameters, retain_graph=True) for entry in flat]
    return torch.stack([torch.cat([part.flatten() for part in row]) for row in rows])


def test_of_a_model_it_is_that_of_the_full_hessian(small: tuple[LanguageModel, Context]) -> None:
    language_model, context = small
    context.settings.eval.sharpness_steps = 500
    values = torch.linalg.eigvalsh(full_hessian(language_model, context).double())
    top = float(values[values.abs().argmax()])
    *_, measure = Sharpness().measure(language_model, context)
    assert measure.name == "top_eigenvalue"
    assert "largest in magnitude, converged after" in measure.note
    assert context.notices == []
    assert sum(measure.values) / 2 == pytest.approx(top, rel=0.02)


def test_a_model_that_packs_its_training_rows_has_the_same(small: tuple[LanguageModel, Context]) -> None:
    language_model, context = small
    context.settings.eval.sharpness_steps = 3
    *_, before = Sharpness().measure(language_model, context)
    assert let_pack(language_model.model) is None
    *_, packing = Sharpness().measure(language_model, context)
    assert (packing.name, packing.values) == ("top_eigenvalue", pytest.approx(before.values, rel=1e-4))


def test_what_has_not_converged_is_announced(small: tuple[LanguageModel, Context]) -> None:
    language_model, context = small
    context.settings.eval.sharpness_steps = 1
    *_, measure = Sharpness().measure(language_model, context)
    assert "not converged after 1 steps" in measure.note
    assert "raise eval.sharpness_steps" in context.notices[0]
    context.settings.eval.sharpness_steps = 0
    assert [m.name for m in Sharpness().measure(language_model, context)] == ["sharpness", "sharpness_random"]


def test_attention_without_second_derivatives_is_said(
    small: tuple[LanguageModel, Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    language_model, context = small
    monkeypatch.setattr(sharpness, "TWICE", ("eager",))
    assert [m.name for m in Sharpness().measure(language_model, context)] == ["sharpness", "sharpness_random"]
    assert context.notices == ["sharpness: no top_eigenvalue, as sdpa has no second derivative: model.attention=sdpa"]


def test_output_that_is_not_a_number_is_an_error(small: tuple[LanguageModel, Context]) -> None:
    language_model, context = small
    with torch.no_grad():
        language_model.model.model.norm.weight.fill_(float("nan"))
    with pytest.raises(KinjError, match="not a number"):
        Sharpness().measure(language_model, context)


def test_curvature_along_a_direction() -> None:
    loss, parameters, matrix = quadratic([5.0, 2.0, -1.0, 0.5])
    direction = [part / torch.cat(start(parameters)).norm() for part in start(parameters)]
    flat = torch.cat(direction)
    assert curvature(loss, parameters, direction) == pytest.approx(float(flat @ matrix @ flat), rel=1e-4)
