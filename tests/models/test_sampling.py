"""Text drawn from a model, and the divergence of another from it: against closed forms, and from itself exactly nothing."""

from __future__ import annotations

import copy
import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kinj.config.errors import KinjError
from kinj.config.schema import ModelSettings
from kinj.models import sampling
from kinj.models.loading import LanguageModel, load_model
from kinj.models.sampling import draw_passages, drift, same_vocabulary


class Constant(torch.nn.Module):
    """Expects each of its tokens with the same probabilities everywhere."""

    def __init__(self, *probabilities: float) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(torch.tensor([math.log(p) if p else -math.inf for p in probabilities]))

    def forward(self, input_ids: torch.Tensor, use_cache: bool) -> Any:
        return SimpleNamespace(logits=self.logits.expand(*input_ids.shape, -1))


def constant(*probabilities: float) -> Any:
    codec = SimpleNamespace(bos=[0], eos_id=1)
    return SimpleNamespace(model=Constant(*probabilities), codec=codec, device=torch.device("cpu"))


def two_tokens(p: float, q: float) -> float:
    """KL between two coins."""
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


@given(p=st.floats(0.02, 0.98), q=st.floats(0.02, 0.98), passage=st.lists(st.integers(0, 1), min_size=1, max_size=5))
def test_divergence_and_losses_of_two_coins_are_those_of_the_closed_form(
    p: float, q: float, passage: list[int]
) -> None:
    (found,) = drift(constant(p, 1 - p), constant(q, 1 - q), [passage])
    assert found.divergence == pytest.approx([two_tokens(p, q)] * len(passage), abs=1e-6)
    assert found.start_loss == pytest.approx([-math.log((p, 1 - p)[token]) for token in passage], abs=1e-6)
    assert found.loss == pytest.approx([-math.log((q, 1 - q)[token]) for token in passage], abs=1e-6)


def test_what_the_start_model_excludes_adds_nothing_and_what_only_the_other_excludes_is_infinite() -> None:
    (found,) = drift(constant(1, 0), constant(0.5, 0.5), [[0]])
    assert found.divergence == pytest.approx([math.log(2)])
    (found,) = drift(constant(0.5, 0.5), constant(1, 0), [[0]])
    assert found.divergence == [math.inf]


def test_a_model_is_nowhere_away_from_itself(language_model: LanguageModel) -> None:
    passages = draw_passages(language_model, 300, seed=0)
    for passage in drift(language_model, copy.deepcopy(language_model), passages):
        assert set(passage.divergence) == {0.0}
        assert passage.loss == passage.start_loss


def test_the_loss_on_drawn_text_rises_by_the_divergence(monkeypatch: pytest.MonkeyPatch) -> None:
    """E[loss - start loss] under the start model is KL: the two are computed apart, and agree."""
    monkeypatch.setattr(sampling, "LENGTH", 32)
    start, other = (load_model(ModelSettings(name=name)) for name in ("tiny", "tiny-plain"))
    found = drift(start, other, draw_passages(start, 2048, seed=3))
    divergence = [amount for passage in found for amount in passage.divergence]
    rise = [b - a for passage in found for a, b in zip(passage.start_loss, passage.loss, strict=True)]
    assert sum(divergence) / len(divergence) > 0.1
    assert sum(rise) / len(rise) == pytest.approx(sum(divergence) / len(divergence), rel=0.3)


def test_the_text_depends_on_the_seed_and_not_on_the_batch(
    language_model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = draw_passages(language_model, 700, seed=1)
    assert 700 <= sum(map(len, expected)) < 700 + sampling.LENGTH
    assert draw_passages(language_model, 700, seed=1) == expected
    assert draw_passages(language_model, 700, seed=2) != expected
    monkeypatch.setattr(sampling, "BATCH", 2)
    again = draw_passages(language_model, 700, seed=1)
    shared = min(len(again), len(expected))
    assert again[:shared] == expected[:shared]


def test_passages_end_with_the_end_of_text(language_model: LanguageModel) -> None:
    with torch.no_grad():
        language_model.model.lm_head.weight[language_model.codec.eos_id] *= 40
    passages = draw_passages(language_model, 200, seed=0)
    eos = language_model.codec.eos_id
    assert any(passage[-1] == eos for passage in passages)
    assert not any(eos in passage[:-1] for passage in passages)


def test_other_vocabularies_are_told_apart(language_model: LanguageModel) -> None:
    assert same_vocabulary(language_model, copy.deepcopy(language_model))
    assert not same_vocabulary(language_model, load_model(ModelSettings(name="tiny")))


def test_an_output_that_is_not_a_number_is_an_error() -> None:
    with pytest.raises(KinjError, match="NaN"):
        drift(constant(0.5, 0.5), constant(math.nan, 0.5), [[0]])
