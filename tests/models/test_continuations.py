"""What goes on from a text is scored as the answer to a question is, the text being what the question becomes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kinj.config.errors import KinjError
from kinj.config.schema import ModelSettings
from kinj.models.answering import answer
from kinj.models.fingerprints import sizes
from kinj.models.loading import LanguageModel, load_model
from kinj.models.requests import Request
from tests.gap_models import QUESTIONS, TOWNS, save


@pytest.fixture(params=["causal", "t5", "bert"])
def model(request: Any, language_model: LanguageModel, tmp_path: Path) -> LanguageModel:
    """One of each kind."""
    return (
        language_model
        if request.param == "causal"
        else load_model(ModelSettings(name=str(save(request.param, tmp_path))))
    )


def test_a_question_written_out_is_scored_as_the_question(model: LanguageModel) -> None:
    pairs = list(zip(QUESTIONS, TOWNS, strict=True))
    asked = [Request(kind="loglikelihood", prompt=question, continuation=town) for question, town in pairs]
    written = [
        Request(kind="loglikelihood", prompt=f"Question: {question}\nAnswer:", continuation=town, completion=True)
        for question, town in pairs
    ]
    # Together in one call: neither is taken for the other.
    found = answer(model, [*asked, *written])
    for one, other in zip(found[: len(asked)], found[len(asked) :], strict=True):
        assert (one.logprob, one.tokens, one.greedy) == (
            pytest.approx(other.logprob, abs=1e-5),
            other.tokens,
            other.greedy,
        )


def test_text_and_continuation_add_up_to_the_whole_text(language_model: LanguageModel) -> None:
    before, value = "Ada Byron was born in", "London"
    rolled = [Request(kind="rolling", prompt=text) for text in (before, f"{before} {value}")]
    start, whole = answer(language_model, rolled)
    (found,) = answer(
        language_model, [Request(kind="loglikelihood", prompt=f"{before} ", continuation=value, completion=True)]
    )
    assert found.logprob == pytest.approx(whole.logprob - start.logprob, abs=1e-4)
    assert found.tokens == whole.tokens - start.tokens


def test_a_text_beyond_the_context_is_refused(model: LanguageModel) -> None:
    long = " ".join(QUESTIONS * 400)
    with pytest.raises(KinjError, match="tokens long"):
        answer(model, [Request(kind="loglikelihood", prompt=long, continuation="Rome", completion=True)])


def test_sizes_count_shared_weights_once(language_model: LanguageModel) -> None:
    whole, rest = sizes(language_model)
    table = language_model.model.get_input_embeddings().weight
    tied = language_model.model.get_output_embeddings().weight is table
    assert whole == language_model.model.num_parameters()
    assert whole - rest == table.numel() * (1 if tied else 2)
