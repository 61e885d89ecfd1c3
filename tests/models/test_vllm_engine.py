"""What is handed to vLLM and what is made of its replies, with a stand-in of its interface that runs the model by transformers."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest
import torch

from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import ModelSettings
from kinj.models.answering import answer
from kinj.models.fingerprints import fingerprint
from kinj.models.loading import LanguageModel, load_model
from kinj.models.requests import Request
from kinj.models.scratch import build_model
from kinj.models.vllm_engine import CHUNK, engine
from tests import gap_models


@dataclass
class SamplingParams:
    """The part of vLLM's own that kinj uses."""

    temperature: float = 1.0
    seed: int | None = None
    max_tokens: int = 16
    stop_token_ids: list[int] = field(default_factory=list)
    stop: list[str] | None = None
    ignore_eos: bool = False
    logprobs: int | None = None
    prompt_logprobs: int | None = None


class LLM:
    """Replies as vLLM does, one greedy token after the other."""

    made: ClassVar[list[LLM]] = []

    def __init__(self, model: str, **options: Any) -> None:
        self.options = options
        self.language_model = load_model(ModelSettings(name=model))
        self.calls: list[int] = []
        LLM.made.append(self)

    @torch.inference_mode()
    def generate(self, prompts: list[Any], params: list[SamplingParams], use_tqdm: bool) -> list[Any]:
        assert not use_tqdm
        self.calls.append(len(prompts))
        return [self._one(prompt["prompt_token_ids"], wanted) for prompt, wanted in zip(prompts, params, strict=True)]

    def _logprobs(self, ids: list[int]) -> torch.Tensor:
        return torch.log_softmax(self.language_model.model(torch.tensor([ids])).logits[0].double(), -1)

    def _one(self, ids: list[int], wanted: SamplingParams) -> Any:
        prompt_logprobs: list[Any] | None = None
        if wanted.prompt_logprobs is not None:
            found = self._logprobs(ids)
            prompt_logprobs = [None]
            for place, token in enumerate(ids[1:]):
                rank = int((found[place] > found[place, token]).sum()) + 1
                prompt_logprobs.append({token: SimpleNamespace(logprob=float(found[place, token]), rank=rank)})
        said, total = [], 0.0
        decode = self.language_model.codec.decode
        while len(said) < wanted.max_tokens and not (said and said[-1] in wanted.stop_token_ids):
            if said and any(text in decode(said) for text in wanted.stop or []):
                break
            best = self._logprobs([*ids, *said])[-1].max(-1)
            said.append(int(best.indices))
            total += float(best.values)
        return SimpleNamespace(
            outputs=[SimpleNamespace(token_ids=tuple(said), cumulative_logprob=total)], prompt_logprobs=prompt_logprobs
        )


@pytest.fixture
def vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("vllm")
    vars(module).update(LLM=LLM, SamplingParams=SamplingParams)
    monkeypatch.setitem(sys.modules, "vllm", module)


@pytest.fixture
def plain(tokenizer: Any, tmp_path: Path) -> LanguageModel:
    folder = tmp_path / "model"
    build_model(50_000, tokenizer, 128, seed=0).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return load_model(ModelSettings(name=str(folder)))


REQUESTS = [
    *(Request(kind="generate", prompt=f"Where was {name} born?", max_new_tokens=n) for n, name in enumerate("ABCD", 3)),
    Request(kind="generate", prompt="Who?", max_new_tokens=12, stop=("e", "a")),
    Request(kind="generate", prompt="Ada was", max_new_tokens=4, completion=True, drafts=("born",)),
    Request(kind="loglikelihood", prompt="Who?", continuation="Ada Byron"),
    Request(kind="loglikelihood", prompt="Ada was", continuation="born in London", completion=True),
    Request(kind="rolling", prompt="Ada Byron was born in London. " * 20),
    Request(kind="rolling", prompt=""),
]


def with_vllm(plain: LanguageModel) -> LanguageModel:
    return replace(plain, engine=engine(plain, ModelSettings(name=plain.name)))


@pytest.mark.usefixtures("vllm")
def test_answers_and_scores_are_those_of_kinjs_own_passes(plain: LanguageModel) -> None:
    kept: list[Any] = []
    progress: list[tuple[int, int]] = []
    found = answer(with_vllm(plain), REQUESTS, 8192, lambda *told: progress.append(told), kept.extend)
    for one, other in zip(found, answer(plain, REQUESTS), strict=True):
        assert (one.text, one.tokens, one.greedy) == (other.text, other.tokens, other.greedy), one.request
        assert one.logprob == pytest.approx(other.logprob, abs=1e-3, rel=1e-5)
    assert len(kept) == len(REQUESTS) - 1  # of an empty text nothing is asked
    assert progress[-1] == (len(REQUESTS), len(REQUESTS))
    options = LLM.made[-1].options
    assert (options["dtype"], options["max_model_len"], options["seed"]) == ("float32", 128, 0)


@pytest.mark.usefixtures("vllm")
def test_answers_are_handed_over_in_chunks_and_kept_after_each(plain: LanguageModel) -> None:
    model = with_vllm(plain)
    requests = [Request(kind="generate", prompt=f"{n}?", max_new_tokens=1) for n in range(CHUNK + 2)]
    kept: list[int] = []
    answer(model, requests, keep=lambda responses: kept.append(len(responses)))
    assert kept == LLM.made[-1].calls == [CHUNK, 2]


@pytest.mark.usefixtures("vllm")
def test_answers_of_two_engines_are_kept_apart(plain: LanguageModel) -> None:
    assert fingerprint(with_vllm(plain)) != fingerprint(plain)


@pytest.mark.usefixtures("vllm")
def test_models_that_vllm_is_not_asked_for(plain: LanguageModel, tmp_path: Path) -> None:
    t5 = load_model(ModelSettings(name=str(gap_models.save("t5", tmp_path / "t5"))))
    with pytest.raises(UsageError, match="is an encoder-decoder model; vLLM is asked for causal models only"):
        with_vllm(t5)
    for name in ("scratch", f"0.5*{plain.name} + 0.5*{plain.name}"):
        with pytest.raises(UsageError, match="stand in no folder of their own"):
            with_vllm(replace(plain, name=name))


@pytest.mark.usefixtures("vllm")
def test_output_that_is_not_a_number_is_an_error(plain: LanguageModel) -> None:
    model = with_vllm(plain)
    with torch.no_grad():
        LLM.made[-1].language_model.model.model.norm.weight.fill_(float("nan"))
    with pytest.raises(KinjError, match="not a number"):
        answer(model, REQUESTS[:1])


def test_without_vllm_the_message_says_how_to_get_it(plain: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(UsageError, match="vLLM cannot be used") as caught:
        with_vllm(plain)
    assert "pip install vllm" in str(caught.value)
