"""Steps of ours beside those of an independent implementation (pytorch_optimizer), on a real small model with AdamW."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import pytorch_optimizer as independent
import torch

from kinj.config.schema import OptimSettings, SamSettings
from kinj.models.codec import Example
from kinj.models.loading import LanguageModel
from kinj.train.step import Stepper
from tests.conftest import TEXTS

ADAM: dict[str, Any] = {"lr": 3e-3, "betas": (0.9, 0.95), "weight_decay": 0.1}


def rows_of(language_model: LanguageModel) -> list[Example]:
    return [language_model.codec.document(text)[0] for text in TEXTS]


def ours(language_model: LanguageModel, steps: int, sam: SamSettings) -> list[float]:
    settings = OptimSettings(clip=0.0, sam=sam)
    optimizer = torch.optim.AdamW(language_model.model.parameters(), **ADAM)
    stepper = Stepper(language_model.model, optimizer, settings, language_model.codec.pad_id)
    return [stepper.take(rows_of(language_model), step).loss for step in range(steps)]


def theirs(language_model: LanguageModel, steps: int, **options: Any) -> list[float]:
    model = language_model.model
    optimizer = independent.SAM(model.parameters(), torch.optim.AdamW, **options, **ADAM)
    stepper = Stepper(
        model, torch.optim.SGD(model.parameters(), lr=0.0), OptimSettings(), language_model.codec.pad_id
    )  # for its loss
    cut = stepper.share(rows_of(language_model))
    losses: list[float] = []

    def closure() -> None:
        optimizer.zero_grad()
        losses.append(sum(stepper.backward(cut.batches, cut.label_tokens)))

    for _ in range(steps):
        closure()
        optimizer.step(closure)
    return losses[::2]


@pytest.mark.parametrize(
    ("sam", "options"),
    [
        ({"rho": 0.05}, {"rho": 0.05}),
        ({"rho": 1.0}, {"rho": 1.0}),
        # Theirs has no eta; the model has no biases, and all its parameters are called `weight`.
        ({"rho": 0.5, "variant": "asam", "eta": 0.0}, {"rho": 0.5, "adaptive": True}),
    ],
)
def test_agrees_with_an_independent_implementation(
    language_model: LanguageModel, sam: dict[str, Any], options: dict[str, Any]
) -> None:
    other = copy.deepcopy(language_model)
    plain = copy.deepcopy(language_model)
    found, expected = ours(language_model, 6, SamSettings(**sam)), theirs(other, 6, **options)
    assert found == pytest.approx(expected, rel=1e-4)
    for a, b in zip(language_model.model.parameters(), other.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)
    assert ours(plain, 6, SamSettings()) != pytest.approx(expected, rel=1e-3)  # it can fail
