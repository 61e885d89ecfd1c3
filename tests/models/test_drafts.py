"""Drafts save time and change nothing: answers are those of greedy decoding, whatever the drafts, the batch and the model."""

from __future__ import annotations

import random
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import (
    FalconConfig,
    FalconForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from kinj.config.errors import KinjError
from kinj.config.schema import DataSettings, ModelSettings
from kinj.data import open_data
from kinj.data.records import Question
from kinj.models.answering import answer
from kinj.models.codec import Codec
from kinj.models.loading import load_model
from kinj.models.requests import Request, Response
from kinj.models.tree_passes import reads_trees
from tests.models.test_answering import QUESTIONS, check_equal, counting, generations, small

PROMPTS = [*QUESTIONS[:6], *(f"{question} And {name}?" for question in QUESTIONS[:6] for name in ("Ada", "Bo"))]


def llama_like(kind: type, config: type, **more: Any) -> SimpleNamespace:
    """A random model of another family, with the tokenizer of the others."""
    codec = small("llama").codec
    shape = {"vocab_size": len(codec.tokenizer), "eos_token_id": 1, "hidden_size": 32, "num_hidden_layers": 2}
    shape |= {"num_attention_heads": 4, "max_position_embeddings": 96, "initializer_range": 0.3}
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = kind(config(**shape, **more)).eval()
    model.generation_config.eos_token_id = list(range(1, 320, 9))
    return SimpleNamespace(model=model, codec=Codec(codec.tokenizer, ModelSettings(), 96))


FAMILIES = {
    "llama": lambda: small("llama"),
    "gpt2": lambda: small("gpt2"),
    "qwen2": lambda: small("qwen2"),
    "qwen3": lambda: llama_like(Qwen3ForCausalLM, Qwen3Config, num_key_value_heads=2, head_dim=8, intermediate_size=48),
    "mistral": lambda: llama_like(
        MistralForCausalLM, MistralConfig, num_key_value_heads=2, intermediate_size=48, sliding_window=24
    ),
}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: Any) -> SimpleNamespace:
    return FAMILIES[request.param]()


def plainly(model: Any, requests: list[Request]) -> list[Response]:
    """Greedy answers, one by one, by nothing but whole forward passes without a cache."""
    codec, found = model.codec, []
    stops = codec.stops | set(model.model.generation_config.eos_token_id or [])
    for request in requests:
        ids = codec.prompt(request.prompt)
        limit, said, total = min(request.max_new_tokens, codec.max_length - len(ids)), [], 0.0
        while len(said) < limit and not (said and said[-1] in stops):
            with torch.no_grad():
                logits = model.model(torch.tensor([ids + said]), use_cache=False).logits[0, -1].double()
            said.append(int(logits.argmax()))
            total += float(torch.log_softmax(logits, 0)[said[-1]])
        text = codec.decode(said[:-1] if said[-1] in stops else said).strip()
        found.append(Response(request=request, text=text, logprob=total, tokens=len(said), greedy=True))
    return found


def drafted(responses: list[Response]) -> list[Request]:
    """The same requests with drafts that are right, right to some point, wrong, too long, or empty."""
    rng, requests = random.Random(7), []
    for response in responses:
        text = response.text or ""
        others = [text, text[: len(text) // 2] + " Rome", "Ada in Rome", text + " and more of it " * 9, "", " "]
        requests.append(replace(response.request, drafts=tuple(rng.sample(others, rng.randint(0, 4)))))
    return requests


@pytest.mark.parametrize("batch_tokens", [1, 150, 100_000])
def test_the_answers_are_those_of_plain_greedy_decoding(family: SimpleNamespace, batch_tokens: int) -> None:
    requests = [Request(kind="generate", prompt=prompt, max_new_tokens=9) for prompt in PROMPTS]
    expected = plainly(family, requests)
    check_equal(answer(family, drafted(expected), batch_tokens), expected)


def test_order_padding_side_and_the_padding_token_change_nothing(family: SimpleNamespace) -> None:
    requests = drafted(answer(family, generations()))
    expected = answer(family, requests)
    codec = family.codec
    was, side = codec.pad_id, codec.tokenizer.padding_side
    try:
        codec.pad_id = codec.eos_id  # as where a tokenizer has no padding token
        codec.tokenizer.padding_side = "left" if side == "right" else "right"
        found = answer(family, requests[::-1], 200)[::-1]
    finally:
        codec.pad_id, codec.tokenizer.padding_side = was, side
    check_equal(found, expected)


@torch.inference_mode()
def test_which_models_read_trees() -> None:
    found = {name: reads_trees(make().model) for name, make in FAMILIES.items()}
    assert found == {"llama": True, "gpt2": True, "qwen2": True, "qwen3": True, "mistral": False}
    shape = {"vocab_size": 320, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    assert not reads_trees(FalconForCausalLM(FalconConfig(**shape, alibi=True, initializer_range=0.3)).eval())


def test_prompts_that_begin_alike_are_read_once() -> None:
    model = small("llama")
    shots = tuple((f"Who met {name} in Rome?", "Bo and Cy") for name in ("Ada", "Di"))
    requests = [Request(kind="generate", prompt=f"Who? {n}", shots=shots, max_new_tokens=1) for n in range(8)]
    length = len(model.codec.prompts(requests)[0])
    answer(model, requests[:1])
    count, handle = counting(model)
    answer(model, requests)
    assert count[0] < 3 * length < sum(map(len, model.codec.prompts(requests)))
    handle.remove()


def rankings(shots: int = 3) -> list[Request]:
    """Answers to be scored under questions that follow the same examples."""
    before = tuple((f"Who met {name} in Rome?", "Bo and Cy") for name in ("Ada", "Di", "Bo")[:shots])
    return [
        Request(kind="loglikelihood", prompt=f"Who met {who} {n}?", continuation=answered, shots=before)
        for n, who in enumerate(("Ada", "Bo in Kyiv", "Cy and Di", "Di"))
        for answered in ("Rome", "Ada and Bo")
    ]


def test_answers_are_ranked_after_examples_as_one_by_one(family: SimpleNamespace) -> None:
    together = answer(family, rankings())
    for request, found in zip(rankings(), together, strict=True):
        (alone,) = answer(family, [request])
        assert (found.tokens, found.greedy) == (alone.tokens, alone.greedy)
        assert found.logprob == pytest.approx(alone.logprob, abs=1e-4)


@pytest.mark.parametrize(("name", "shared"), [("llama", True), ("mistral", False)])
def test_examples_before_ranked_answers_are_read_once(name: str, shared: bool) -> None:
    model, requests = FAMILIES[name](), rankings()
    examples = len(model.codec.prompts([replace(requests[0], prompt="")])[0])
    answer(model, requests[:1])
    count, handle = counting(model)
    answer(model, requests)
    handle.remove()
    assert (count[0] < 3 * examples) == shared


@pytest.mark.slow
def test_the_embedded_model_says_the_same_about_thousands_of_questions() -> None:
    model = load_model(ModelSettings(name="tiny"))
    pool = open_data(DataSettings()).pool("unquestioned")
    asked = [question for question in pool if isinstance(question, Question)][:2000]
    plain = answer(model, [Request(kind="generate", prompt=q.prompt) for q in asked])
    drafts = [Request(kind="generate", prompt=q.prompt, drafts=(*q.answers, "Rome")) for q in asked]
    count, handle = counting(model)
    found = answer(model, drafts)
    handle.remove()
    assert [r.text for r in found] == [r.text for r in plain]
    assert [r.tokens for r in found] == [r.tokens for r in plain]
    assert [r.logprob for r in found] == pytest.approx([r.logprob for r in plain], abs=1e-4)
    right = sum(r.text in q.answers for r, q in zip(found, asked, strict=True)) / len(asked)
    assert right > 0.8, "the model knows too little for this test to show much"
    read = sum(len(model.codec.prompt(q.prompt)) for q in asked)
    assert count[0] < 1.1 * read, "answers and all, hardly more was read than the prompts"


@pytest.mark.parametrize("stops", [("a",), (" ", "Q"), ("zzzz",), ("n\n", "er", "b")])
def test_answers_are_cut_exactly_at_stop_texts(family: SimpleNamespace, stops: tuple[str, ...]) -> None:
    free = answer(family, [Request(kind="generate", prompt=prompt, max_new_tokens=12) for prompt in PROMPTS])
    requests = [replace(r.request, stop=stops, drafts=(r.text or "",)) for r in free]
    found = answer(family, requests)
    whole = [family.codec.decode(family.codec.encode([r.text or ""])[0]) for r in free]
    for cut, text, uncut in zip(found, whole, free, strict=True):
        assert not any(stop in (cut.text or "") for stop in stops)
        assert text.startswith(cut.text or "")
        assert cut.tokens <= uncut.tokens
    check_equal(found, [answer(family, [replace(r, drafts=())])[0] for r in requests])


def test_output_that_is_not_a_number_is_an_error() -> None:
    model = small("llama")
    with torch.no_grad():
        model.model.model.norm.weight.fill_(float("nan"))
    for request in (generations()[0], Request(kind="loglikelihood", prompt="Who?", continuation="Ada")):
        with pytest.raises(KinjError, match="not a number"):
            answer(model, [request])
