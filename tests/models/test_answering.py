"""Answers in batches: the same as one at a time, the same as transformers' own, and no work done twice."""

import logging
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import ModelSettings
from kinj.models.answering import answer
from kinj.models.codec import Codec
from kinj.models.passes import Draw
from kinj.models.requests import Request
from kinj.models.scratch import train_tokenizer

TEXTS = [
    f"Question: Who met {name} in {city}?\nAnswer: {other}"
    for name in ("Ada", "Bo")
    for city in ("Rome", "Kyiv")
    for other in ("Cy", "Di")
]
QUESTIONS = [
    "Who?",
    "Who met Ada in Rome?",
    "Where is Bo, and who was with Cy in Kyiv that day?",
    "Di?",
    "Ada in Kyiv",
    "Bo and Cy and Di and Ada",
] * 2

STOPS = list(range(1, 320, 9))
"""Many ids that end an answer, so that the rows of a batch end at different times."""


def small(kind: str, length: int = 96) -> SimpleNamespace:
    """A random model."""
    tokenizer = train_tokenizer(TEXTS, 320)
    shape = {"vocab_size": len(tokenizer), "eos_token_id": 1, "bos_token_id": 0}
    llama = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": length,
    }
    models = {
        "llama": lambda: LlamaForCausalLM(LlamaConfig(**shape, **llama, num_key_value_heads=2, initializer_range=0.3)),
        "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**shape, **llama, num_key_value_heads=2, initializer_range=0.3)),
        "gpt2": lambda: GPT2LMHeadModel(
            GPT2Config(**shape, n_embd=32, n_layer=2, n_head=4, n_positions=length, initializer_range=0.3)
        ),
    }
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = models[kind]().eval()
    model.generation_config.eos_token_id = STOPS
    return SimpleNamespace(model=model, codec=Codec(tokenizer, ModelSettings(), length), name=kind)


@pytest.fixture(scope="module", params=["llama", "gpt2", "qwen2"])
def language_model(request):
    return small(request.param)


def generations(length=12):
    return [
        Request(kind="generate", prompt=question + mark, max_new_tokens=length)
        for mark in ("", " Or")
        for question in QUESTIONS[:6]
    ]


def likelihoods():
    return [
        Request(kind="loglikelihood", prompt=p, continuation=c)
        for p in QUESTIONS[:6]
        for c in ("Ada", "Bo in Rome", "Di, Cy and Bo")
    ]


def texts():
    return [Request(kind="rolling", prompt=" ".join(TEXTS[:count])) for count in (1, 3, 8)] + [
        Request(kind="rolling", prompt="")
    ]


def check_equal(left, right):
    assert [r.text for r in left] == [r.text for r in right]
    assert [r.tokens for r in left] == [r.tokens for r in right]
    assert [r.greedy for r in left] == [r.greedy for r in right]
    assert [r.logprob for r in left] == pytest.approx([r.logprob for r in right], abs=1e-5, rel=1e-5)


@pytest.mark.parametrize("batch_tokens", [1, 120, 100_000])
def test_answers_do_not_depend_on_the_batch(language_model, batch_tokens):
    requests = [*generations(), *likelihoods(), *texts()]
    alone = [answer(language_model, [request])[0] for request in requests]
    check_equal(answer(language_model, requests, batch_tokens), alone)
    assert len({r.tokens for r in alone[:12]}) > 1, "all rows end together: the test shows little"


def test_generation_agrees_with_transformers(language_model):
    model, codec = language_model.model, language_model.codec
    for response in answer(language_model, generations()):
        prompt = codec.prompt(response.request.prompt)
        options = {
            "do_sample": False,
            "max_new_tokens": 12,
            "pad_token_id": codec.pad_id,
            "attention_mask": torch.ones(1, len(prompt)),
        }
        whole = model.generate(torch.tensor([prompt]), **options, return_dict_in_generate=True, output_logits=True)
        theirs = whole.sequences[0, len(prompt) :].tolist()
        assert response.tokens == len(theirs)
        assert response.text == codec.decode(theirs[:-1] if theirs[-1] in STOPS else theirs).strip()
        logprobs = [
            torch.log_softmax(step[0].double(), 0)[token].item()
            for step, token in zip(whole.logits, theirs, strict=True)
        ]
        assert response.logprob == pytest.approx(sum(logprobs), abs=1e-4)


def test_log_probabilities_agree_with_one_plain_forward_pass(language_model):
    codec = language_model.codec
    examples = [codec.question(r.prompt, r.continuation, eos=False) for r in likelihoods()]
    for response, example in zip(answer(language_model, likelihoods()), examples, strict=True):
        check_scored(language_model, response, [example])
    for response, request in zip(answer(language_model, texts()), texts(), strict=True):
        check_scored(language_model, response, codec.document(request.prompt))


def check_scored(language_model, response, examples):
    total, count, greedy = 0.0, 0, True
    for example in examples:
        with torch.no_grad():
            logits = language_model.model(torch.tensor([example.ids.tolist()])).logits[0]
        for position in range(1, len(example)):
            if example.labels[position] >= 0:
                total += torch.log_softmax(logits[position - 1].double(), 0)[example.ids[position]].item()
                greedy &= logits[position - 1].argmax().item() == example.ids[position]
                count += 1
    assert response.logprob == pytest.approx(total, rel=1e-5, abs=1e-4)
    assert (response.tokens, response.greedy) == (count, greedy)


def test_a_long_text_is_scored_in_parts(language_model):
    request = Request(kind="rolling", prompt=" ".join(TEXTS * 3))
    parts = language_model.codec.document(request.prompt)
    assert len(parts) > 1
    check_scored(language_model, answer(language_model, [request])[0], parts)


def counting(language_model):
    """Counts the token positions that go through the model."""
    count = [0]

    def hook(module, args, kwargs):
        count[0] += kwargs["input_ids"].numel()

    return count, language_model.model.register_forward_pre_hook(hook, with_kwargs=True)


def test_equal_requests_are_answered_once_and_each_keeps_its_own_id():
    language_model = small("llama")
    count, handle = counting(language_model)
    answer(language_model, [Request(kind="generate", prompt="Who?")])
    once = count[0]
    twice = answer(
        language_model, [Request(kind="generate", prompt="Who?", id=str(n), meta={"n": n}) for n in range(5)]
    )
    assert count[0] == 2 * once
    assert [(r.request.id, r.request.meta["n"]) for r in twice] == [(str(n), n) for n in range(5)]
    handle.remove()


def test_hardly_more_is_computed_than_needed():
    language_model = small("llama")
    requests = [
        Request(kind="generate", prompt=f"{question} {number}", max_new_tokens=8)
        for number in range(30)
        for question in QUESTIONS[:6]
    ]
    needed = 0
    for response in answer(language_model, requests):
        needed += len(language_model.codec.prompt(response.request.prompt)) + response.tokens - 1
    count, handle = counting(language_model)
    answer(language_model, requests, 1024)
    assert count[0] <= 1.2 * needed
    handle.remove()


def test_a_shared_beginning_is_read_once():
    language_model = small("llama")
    long = QUESTIONS[2] * 2
    requests = [Request(kind="loglikelihood", prompt=long, continuation=name) for name in ("Ada", "Bo", "Cy", "Di")]
    count, handle = counting(language_model)
    answer(language_model, requests)
    assert count[0] < 2 * len(language_model.codec.prompt(long))
    handle.remove()


def test_when_memory_runs_out_the_batch_is_halved_and_this_is_said_once(caplog, monkeypatch):
    language_model = small("llama")
    requests = [*generations(), *likelihoods(), *texts()]
    expected = answer(language_model, requests)
    forward, refused = language_model.model.forward, []

    def limited(input_ids, **kwargs):
        if len(input_ids) > 4:
            refused.append(len(input_ids))
            raise torch.OutOfMemoryError("out of memory")
        return forward(input_ids=input_ids, **kwargs)

    monkeypatch.setattr(language_model.model, "forward", limited)
    with caplog.at_level(logging.WARNING):
        check_equal(answer(language_model, requests), expected)
    assert len(refused) > 1
    assert caplog.text.count("out of memory") == 1


def test_a_single_row_that_does_not_fit_is_an_error_with_a_hint(monkeypatch):
    language_model = small("llama")
    message = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
    monkeypatch.setattr(language_model.model, "forward", lambda **kwargs: (_ for _ in ()).throw(message))
    with pytest.raises(KinjError, match="memory does not suffice"):
        answer(language_model, generations())


def test_other_errors_pass_through(monkeypatch):
    language_model = small("llama")
    monkeypatch.setattr(language_model.model, "forward", lambda **kwargs: (_ for _ in ()).throw(RuntimeError("shape")))
    with pytest.raises(RuntimeError, match="shape"):
        answer(language_model, generations())


def test_modes_and_random_state_are_left_alone():
    language_model = small("gpt2")
    language_model.model.train()
    language_model.model.transformer.h[0].eval()
    modes = [module.training for module in language_model.model.modules()]
    state = torch.random.get_rng_state()
    first = answer(language_model, [*generations(), *likelihoods()])
    second = answer(language_model, [*generations(), *likelihoods()])
    check_equal(first, second)  # dropout is off
    assert [module.training for module in language_model.model.modules()] == modes
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()


def test_answers_end_where_the_context_ends_and_longer_questions_are_refused():
    language_model = small("gpt2", length=32)
    (response,) = answer(language_model, [Request(kind="generate", prompt="Who?", max_new_tokens=500)])
    assert response.tokens <= 32 - len(language_model.codec.prompt("Who?"))
    with pytest.raises(KinjError, match="the model reads 32"):
        answer(language_model, [Request(kind="generate", prompt="Who met whom? " * 20)])


def test_every_end_token_of_a_chat_model_ends_an_answer():
    language_model = small("llama")
    request = Request(kind="generate", prompt="Who met Ada in Rome?", max_new_tokens=12)
    language_model.model.generation_config.eos_token_id = None
    free = answer(language_model, [request])[0]
    language_model.model.generation_config.eos_token_id = list(range(len(language_model.codec.tokenizer)))
    stopped = answer(language_model, [request])[0]
    assert (stopped.text, stopped.tokens) == ("", 1)
    assert free.tokens > 1


def test_progress_reaches_the_number_of_different_requests():
    seen = []
    answer(small("llama"), [*generations(), *generations()], 100, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (12, 12)
    assert len(seen) > 2


@pytest.mark.parametrize("request_", [Request(kind="dream", prompt="a"), Request(kind="loglikelihood", prompt="a")])
def test_what_cannot_be_asked_is_refused(request_):
    with pytest.raises(UsageError):
        answer(small("llama"), [request_])


def test_nothing_asked_nothing_answered():
    assert answer(small("llama"), []) == []


def test_a_thousand_short_questions_take_seconds():
    """Guards against something absurdly slow; docs/evaluation.md has the measured time."""
    language_model = small("llama")
    requests = [Request(kind="generate", prompt=f"{q} {n}", max_new_tokens=8) for n in range(84) for q in QUESTIONS[:6]]
    start = time.process_time()
    answer(language_model, requests)
    assert time.process_time() - start < 20


def test_drawn_answers_do_not_depend_on_the_batch() -> None:
    model = small("llama")
    requests = [
        Request(kind="generate", prompt=prompt, max_new_tokens=12, temperature=temperature, seed=seed)
        for seed, (prompt, temperature) in enumerate(zip(QUESTIONS, [0.0, 0.7, 1.0, 3.0] * 3, strict=True))
    ]
    together = answer(model, requests)
    assert [answer(model, [request])[0].text for request in requests] == [response.text for response in together]
    assert [response.greedy for response in together] == [request.temperature == 0 for request in requests]
    others = answer(model, [replace(request, seed=99) for request in requests])
    same = [a.text == b.text for a, b in zip(together, others, strict=True)]
    assert [s for s, request in zip(same, requests, strict=True) if request.temperature == 0] == [True] * 3
    assert not all(same)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_are_drawn_from_the_softmax_at_the_temperature(temperature: float) -> None:
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0])
    draw = Draw(temperature, torch.Generator().manual_seed(0))
    count = 8000
    drawn = torch.stack([(logits.double() + draw.noise(4)).argmax() for _ in range(count)])
    expected = torch.softmax(logits / temperature, 0)
    found = torch.bincount(drawn, minlength=4) / count
    # Five standard errors of a share.
    assert torch.all((found - expected).abs() <= 5 * (expected * (1 - expected) / count).sqrt())
