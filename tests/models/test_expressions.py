"""Model expressions: how they are read, what the sum of some models is, and a clear message for everything that is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import GPT2Config, GPT2LMHeadModel

from kinj.config.errors import UsageError
from kinj.config.schema import LoraSettings, ModelSettings
from kinj.models import adapters
from kinj.models.expressions import amounts
from kinj.models.fingerprints import fingerprint
from kinj.models.loading import LanguageModel, load_model
from kinj.models.places import locate
from kinj.models.scratch import build_model, train_tokenizer
from kinj.sweep.identity import identity
from tests import gap_models
from tests.conftest import TEXTS


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("base + 1.0*(a - b)", {"base": 1, "a": 1, "b": -1}),
        ("base+x + 0*(a-b - c)", {"base+x": 1, "a-b": 0, "c": 0}),
        ("0.5*runs/x-1 + .5 * org/Name-7B.v2", {"runs/x-1": 0.5, "org/Name-7B.v2": 0.5}),
        ("2*(3*a - a*2) - a", {"a": 1}),
        ("-1e-1*a + 1.1*b", {"a": -0.1, "b": 1.1}),
        ("'a (1)' + 0.5*(\"b - c\" - d)", {"a (1)": 1, "b - c": 0.5, "d": -0.5}),
        ("(a)", {"a": 1}),
        ("0.1*a + 0.2*b + 0.7*c", {"a": 0.1, "b": 0.2, "c": 0.7}),
    ],
)
def test_how_much_of_which_model(text: str, found: dict[str, float]) -> None:
    assert amounts(text) == pytest.approx(found)
    assert list(amounts(text) or {}) == list(found)


@pytest.mark.parametrize("name", ["tiny", "tiny-plain", "org/Name-7B.v2", "./a-b/c+d", "runs/inject-001", "~/m", "-x"])
def test_names_of_one_model_are_none(name: str) -> None:
    assert amounts(name) is None


def test_what_exists_is_a_path_whatever_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a - b (2)").mkdir()
    assert amounts("a - b (2)") is None


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("2*a", "add up to 2, not 1"),
        ("a - b", "add up to 0, not 1"),
        ("a + b", "add up to 2, not 1"),
        ("1e999*(a - b) + a", "add up to nan, not 1"),
        ("a*b", "not by one another"),
        ("a + 0.5", "multiplies no model"),
        ("2*0.5", "multiplies no model"),
        ("a + 0.5*(b - a", "a parenthesis is not closed"),
        ("a + ", "it ends where a model should stand"),
        ("a + * b", "`*` stands where a model should"),
        ("a b + c", "`b` stands where an operator should"),
        ("a + b -c", "`-c` stands where an operator should"),
        ("'a + b", "a quote that is not closed"),
        ("a - a", "add up to 0"),
        ("__import__('os')", "operator should"),
    ],
)
def test_what_is_no_expression_is_explained(text: str, phrase: str) -> None:
    with pytest.raises(UsageError, match=phrase.replace("*", r"\*")) as caught:
        locate(text)
    assert caught.value.hint


@given(st.lists(st.floats(-4, 4, allow_nan=False), min_size=1, max_size=5))
def test_written_amounts_are_read_back(values: list[float]) -> None:
    values.append(1 - sum(values))
    text = " + ".join(f"{value!r}*m{place}" for place, value in enumerate(values))
    assert amounts(text) == {f"m{place}": value for place, value in enumerate(values)}


def save(model: Any, tokenizer: Any, folder: Path) -> str:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture
def three(tokenizer: Any, tmp_path: Path) -> tuple[str, str, str]:
    a, b, c = (save(build_model(50_000, tokenizer, 128, seed=n), tokenizer, tmp_path / f"m-{n}") for n in range(3))
    return a, b, c


def loaded(name: str, **settings: Any) -> LanguageModel:
    return load_model(ModelSettings(name=name, **settings))


def weights(language_model: LanguageModel) -> dict[str, torch.Tensor]:
    return dict(language_model.model.state_dict())


def test_nothing_added_is_the_same_model_bit_for_bit(three: tuple[str, str, str]) -> None:
    a, b, _ = three
    same = loaded(f"{a} + 0*({b} - {a})")
    assert fingerprint(same) == fingerprint(loaded(a))
    assert fingerprint(loaded(f"{a} + 1*({b} - {a})")) == fingerprint(loaded(b))
    assert fingerprint(loaded(f"0.5*{a} + 0.5*{b}")) not in (fingerprint(loaded(a)), fingerprint(loaded(b)))


def test_every_tensor_is_the_sum_and_tied_ones_are_added_once(three: tuple[str, str, str]) -> None:
    a, b, c = (weights(loaded(name)) for name in three)
    model = loaded(f"{three[0]} + 0.7*({three[1]} - {three[2]})")
    for name, tensor in weights(model).items():
        torch.testing.assert_close(tensor, a[name] + 0.7 * (b[name] - c[name]), rtol=1e-5, atol=1e-6)
    assert model.model.lm_head.weight is model.model.model.embed_tokens.weight


def test_gpt2_and_t5_too(tokenizer: Any, tmp_path: Path) -> None:
    shape = GPT2Config(vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=2, n_positions=64)
    a, b = (save(GPT2LMHeadModel(shape), tokenizer, tmp_path / name) for name in "ab")
    c = str(gap_models.save("t5", tmp_path / "c"))
    for left, right in ((a, b), (c, c)):
        first, second, mean = loaded(left), loaded(right), loaded(f"0.5*{left} + 0.5*{right}")
        for name, tensor in weights(mean).items():
            torch.testing.assert_close(tensor, (weights(first)[name] + weights(second)[name]) / 2)


def test_sums_are_made_in_fp32_and_rounded_once(three: tuple[str, str, str]) -> None:
    text = " + ".join(f"{amount}*{name}" for amount, name in zip((0.3, 0.3, 0.4), three, strict=True))
    half, full = loaded(text, dtype="bfloat16"), loaded(text)
    for name, tensor in weights(half).items():
        assert torch.equal(tensor, weights(full)[name].to(torch.bfloat16))


def test_adapters_are_merged_first(three: tuple[str, str, str], tmp_path: Path) -> None:
    base = loaded(three[0], lora=LoraSettings(rank=4))
    adapted = load_model(ModelSettings(name=three[0], lora=LoraSettings(rank=4)), start=True).model
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.constant_(parameter.data, 0.1)
    adapted.save_pretrained(tmp_path / "adapters")
    base.tokenizer.save_pretrained(tmp_path / "adapters")
    assert adapters.is_adapters(tmp_path / "adapters")
    whole = load_model(ModelSettings(name=str(tmp_path / "adapters")), start=True)
    moved = loaded(f"{three[0]} + 1*({tmp_path / 'adapters'} - {three[0]})")
    for name, tensor in weights(moved).items():
        assert torch.equal(tensor, weights(whole)[name])
    assert any(not torch.equal(tensor, weights(base)[name]) for name, tensor in weights(moved).items())


def test_models_that_do_not_fit_are_named_with_what_differs(
    three: tuple[str, str, str], tokenizer: Any, tmp_path: Path
) -> None:
    larger = save(build_model(200_000, tokenizer, 128, seed=0), tokenizer, tmp_path / "larger")
    others = train_tokenizer([*TEXTS, "Quite another vocabulary of zebras and xylophones."], len(tokenizer))
    worded = save(build_model(50_000, tokenizer, 128, seed=0), others, tmp_path / "worded")
    gpt = GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), n_embd=32, n_layer=1, n_head=2))
    another = save(gpt, tokenizer, tmp_path / "another")
    for name, phrase in (
        (larger, r"config.json \(hidden_size\): \d+ and \d+"),
        (worded, r"their tokenizers: \d+ tokens"),
        (another, "their kind: LlamaForCausalLM and GPT2LMHeadModel"),
    ):
        with pytest.raises(UsageError, match=phrase):
            loaded(f"{three[0]} + 0*({name} - {three[0]})")


def test_what_cannot_be_a_part(three: tuple[str, str, str]) -> None:
    for part, phrase in (
        ("scratch", "new weights"),
        ("openai:x@http://h/v1", "served model"),
        ("./no", "no such folder"),
    ):
        with pytest.raises(UsageError, match=phrase):
            locate(f"0.5*{three[0]} + 0.5*{part}")
    with pytest.raises(UsageError, match="adapters must name one model"):
        load_model(ModelSettings(name=f"0.5*{three[0]} + 0.5*{three[1]}", lora=LoraSettings(rank=4)), start=True)


def test_a_trial_is_the_same_for_equal_content_and_amounts(three: tuple[str, str, str], tmp_path: Path) -> None:
    from kinj.config import load

    def of(name: str) -> str:
        return identity(load("train", [f"model.name={name}"]).settings)

    a, b, _ = three
    moved = Path(b).rename(tmp_path / "moved")
    first = of(f"0.5*{a} + 0.5*{moved}")
    moved.rename(b)
    assert of(f"0.5*{a} + 0.5*{b}") == first
    assert of(f"0.4*{a} + 0.6*{b}") != first
