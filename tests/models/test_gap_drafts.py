"""Drafts change nothing about what an encoder-decoder model answers, whatever they are, and save most of the decoder's passes."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
import torch

from kinj.config.errors import KinjError
from kinj.config.schema import ModelSettings
from kinj.models.answering import answer
from kinj.models.draft_passes import reads_drafts
from kinj.models.gap_codecs import SentinelCodec
from kinj.models.loading import LanguageModel, load_model
from kinj.models.requests import Request, Response
from tests.gap_models import FACTS, NAMES, TOWNS, save


@pytest.fixture(scope="module")
def t5(tmp_path_factory: Any) -> LanguageModel:
    """A random T5 with weights so large that its answers differ, and with many tokens that end one."""
    model = load_model(ModelSettings(name=str(save("t5", tmp_path_factory.mktemp("t5")))))
    with torch.no_grad():
        for name, parameter in model.model.named_parameters():
            if "layer_norm" not in name and "shared" not in name:
                parameter.mul_(2.5)
    model.model.generation_config.eos_token_id = list(range(1, len(model.tokenizer), 7))
    return model


def questions(count: int) -> list[Request]:
    rng = random.Random(1)
    words = [*NAMES, *TOWNS, "was", "born", "Who", "knows", "why", "it", "is"]
    prompts = [" ".join(rng.choices(words, k=rng.randint(1, 12))) + "?" for _ in range(count)]
    return [Request(kind="generate", prompt=p, max_new_tokens=rng.randint(1, 9)) for p in dict.fromkeys(prompts)]


def drafted(responses: list[Response], seed: int = 7) -> list[Request]:
    """The same requests with drafts that are right, right to some point, wrong, too long, or empty."""
    rng, requests = random.Random(seed), []
    for response in responses:
        text = response.text or ""
        others = [text, text[: len(text) // 2] + " Rome", f"{text} {TOWNS[0]} {text}", FACTS[0], text[:-1], "", " "]
        requests.append(replace(response.request, drafts=tuple(rng.sample(others, rng.randint(0, 4)))))
    return requests


def check_equal(found: list[Response], expected: list[Response]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert (one.text, one.tokens, one.greedy) == (other.text, other.tokens, other.greedy), one.request
        assert one.logprob == pytest.approx(other.logprob, abs=1e-4, rel=1e-5)


def plainly(t5: LanguageModel, requests: list[Request]) -> list[Response]:
    """Greedy answers, one by one, by nothing but whole forward passes without a cache."""
    codec, found = t5.codec, []
    assert isinstance(codec, SentinelCodec)
    stops = codec.stops | set(t5.model.generation_config.eos_token_id)
    for request in requests:
        source, said, total = torch.tensor([codec.prompt(request.prompt)]), [], 0.0
        while len(said) < request.max_new_tokens and not (said and said[-1] in stops):
            with torch.no_grad():
                begun = torch.tensor([codec.opening + said])
                logits = t5.model(source, decoder_input_ids=begun, use_cache=False).logits[0, -1].double()
            said.append(int(logits.argmax()))
            total += float(torch.log_softmax(logits, 0)[said[-1]])
        text = codec.decode(said[:-1] if said[-1] in stops else said).strip()
        found.append(Response(request=request, text=text, logprob=total, tokens=len(said), greedy=True))
    return found


@pytest.mark.parametrize("batch_tokens", [1, 150, 100_000])
def test_the_answers_are_those_of_plain_greedy_decoding(t5: LanguageModel, batch_tokens: int) -> None:
    expected = plainly(t5, questions(60))
    assert len({response.text for response in expected}) > 20, (
        "the model says too few things for this test to show much"
    )
    assert len({response.tokens for response in expected}) > 4
    check_equal(answer(t5, drafted(expected), batch_tokens), expected)


def test_hundreds_of_questions_with_drafts_of_all_kinds(t5: LanguageModel) -> None:
    expected = answer(t5, questions(400))
    for seed in range(3):
        check_equal(answer(t5, drafted(expected, seed)), expected)


def test_answers_that_are_drawn_or_cut_are_the_same_too(t5: LanguageModel) -> None:
    free = answer(t5, questions(60))
    changed = [
        replace(r.request, **({"temperature": 1.0, "seed": n} if n % 2 else {"stop": ("a", " R")}))
        for n, r in enumerate(free)
    ]
    expected = answer(t5, changed)
    check_equal(answer(t5, [replace(r, drafts=(free[n].text or "", "Ada")) for n, r in enumerate(changed)]), expected)


def test_a_right_draft_takes_one_pass_of_the_decoder_after_the_first(t5: LanguageModel) -> None:
    """Where the text of an answer is encoded as the model said it, which a random model's often is not."""
    passes: list[int] = []

    def counted(request: Request) -> int:
        passes.clear()
        answer(t5, [request])
        return len(passes)

    expected = [r for r in answer(t5, questions(80)) if r.tokens > 2]
    hook = t5.model.get_decoder().register_forward_hook(lambda *_: passes.append(1))
    plain = [counted(replace(response.request, drafts=())) for response in expected]
    sure = [counted(replace(response.request, drafts=(response.text or "",))) for response in expected]
    hook.remove()
    assert plain == [response.tokens for response in expected]
    assert sure.count(2) >= 10
    assert all(with_draft <= without + 1 for with_draft, without in zip(sure, plain, strict=True))


def test_output_that_is_not_a_number_is_an_error(tmp_path: Any) -> None:
    model = load_model(ModelSettings(name=str(save("t5", tmp_path))))
    assert reads_drafts(model.model)
    with torch.no_grad():
        model.model.decoder.final_layer_norm.weight.fill_(float("nan"))
    with pytest.raises(KinjError, match="not a number"):
        answer(model, [Request(kind="generate", prompt="Who?", drafts=("Ada",))])
