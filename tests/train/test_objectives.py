"""What each objective shows a model and what it learns from it: masks, labels, copies, sentinels, the swap."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from kinj.config.errors import KinjError
from kinj.config.schema import (
    BiographySettings,
    DataSettings,
    DistillSettings,
    MaskedObjectiveSettings,
    ModelSettings,
    PathObjectiveSettings,
    Settings,
    SourceSettings,
    SpanObjectiveSettings,
    StageSettings,
    TrainSettings,
)
from kinj.data import open_data
from kinj.data.base import DataSet
from kinj.data.records import Document, Question, Record
from kinj.models.codec import IGNORE, Codec, Example
from kinj.models.scratch import build_model, train_tokenizer
from kinj.train.batching import micro_batches
from kinj.train.objectives import registry
from kinj.train.objectives.base import Row
from kinj.train.objectives.distill import distillation, swapped
from kinj.train.objectives.masked import mask_token
from kinj.train.select import CERTAINTY, REFUSALS
from kinj.train.stages import prepare_stage
from tests.conftest import TEXTS

TOKENIZER = train_tokenizer(TEXTS, 400)
CODEC = Codec(TOKENIZER, ModelSettings(), 2048)
MASK = TOKENIZER("_", add_special_tokens=False)["input_ids"][0]
CHAT = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content | trim }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
words = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], exclude_characters="_\ue000"),
    min_size=1,
)
sentences = st.lists(words, min_size=1, max_size=12).map(" ".join)


def chat_codec(length: int = 256) -> Codec:
    tokenizer = train_tokenizer(TEXTS, 400)
    tokenizer.chat_template = CHAT
    return Codec(tokenizer, ModelSettings(), length)


def rows(name: str, records: Sequence[Record], codec: Codec = CODEC, **sections: Any) -> list[list[Row]]:
    return registry.build(name, StageSettings(objective=name, **sections)).encode(records, codec)


def drawn(row: Row, seed: int = 0, progress: float = 0.0) -> Example:
    return row if isinstance(row, Example) else row.draw(random.Random(seed), progress)


def taught(example: Example) -> list[int]:
    return [int(label) for label in example.labels if label != IGNORE]


def document(text: str, **fields: Any) -> Document:
    return Document(id="d", text=text, **fields)


def masked(text: str, seed: int = 0, progress: float = 0.0, codec: Codec = CODEC, **section: Any) -> Example:
    ((row,),) = rows("masked", [document(text)], codec, masked=MaskedObjectiveSettings(**section))
    example = drawn(row, seed, progress)
    assert len(example) == len(row)
    return example


QUESTION = Question(id="q", document="d", prompt="Where was Ada born?", answers=["London", "England"])


@pytest.mark.parametrize("name", ["auto", "answer", "masked", "span", "path", "distill"])
def test_questions_are_taught_by_their_answer_whatever_documents_are(name: str) -> None:
    ((row,),) = rows(name, [QUESTION])
    assert isinstance(row, Example)
    assert taught(row) == [*CODEC.encode([" London"])[0], CODEC.eos_id]


def test_next_token_takes_a_question_as_text() -> None:
    ((row,),) = rows("next_token", [QUESTION])
    assert taught(drawn(row)) == CODEC.encode(["Where was Ada born? London"])[0]


@given(sentences, st.integers(0, 99), st.sampled_from([[0.0], [1.0], [0.5], [0.05, 0.95]]))
def test_masked_copy_is_the_original_and_only_it_and_the_end_carry_loss(
    text: str, seed: int, ratio: list[float]
) -> None:
    passage = CODEC.encode([text])[0]
    example = masked(text, seed, ratio=ratio)
    assert taught(example) == [*passage, CODEC.eos_id]
    before, between = CODEC.around("", MaskedObjectiveSettings().separator)
    shown = example.ids[len(before) : len(before) + len(passage)].tolist()
    assert example.ids.tolist() == [*before, *shown, *between, *passage, CODEC.eos_id]
    assert all(found in (MASK, token) for found, token in zip(shown, passage, strict=True))
    # What was masked is in the target: together they give the text back.
    restored = [token if found == MASK else found for found, token in zip(shown, taught(example)[:-1], strict=True)]
    assert CODEC.decode(restored) == CODEC.decode(passage)
    if ratio == [0.0]:
        assert shown == passage
    if ratio == [1.0]:
        assert set(shown) == {MASK}


def share_masked(example: Example, text: str) -> float:
    passage = CODEC.encode([text])[0]
    return float((example.ids[1 : 1 + len(passage)] == MASK).mean())


LONG = " ".join(TEXTS)[:300]


def test_masking_rates_are_fixed_sampled_or_rise_over_the_stage() -> None:
    def mean(progress: float = 0.0, **section: Any) -> float:
        return sum(share_masked(masked(LONG, seed, progress, **section), LONG) for seed in range(40)) / 40

    assert mean(ratio=[0.3]) == pytest.approx(0.3, abs=0.03)
    assert mean(ratio=[0.05, 0.95]) == pytest.approx(0.5, abs=0.12)
    for progress, rate in ((0.0, 0.05), (0.5, 0.5), (0.99, 0.941)):
        assert mean(progress, schedule="linear") == pytest.approx(rate, abs=0.03)
    sampled = [share_masked(masked(LONG, seed), LONG) for seed in range(40)]
    assert max(sampled) > 0.8
    assert min(sampled) < 0.2


def test_random_context_has_nothing_of_the_passage_and_no_special_token() -> None:
    example = masked(LONG, context="random")
    passage = CODEC.encode([LONG])[0]
    shown = example.ids[1 : 1 + len(passage)].tolist()
    assert taught(example)[:-1] == passage
    assert sum(a == b for a, b in zip(shown, passage, strict=True)) < 0.1 * len(passage)
    assert not set(shown) & set(TOKENIZER.all_special_ids)


def test_masks_differ_from_exposure_to_exposure_and_repeat_for_a_seed() -> None:
    assert masked(LONG, 1).ids.tolist() == masked(LONG, 1).ids.tolist()
    assert masked(LONG, 1).ids.tolist() != masked(LONG, 2).ids.tolist()


def test_a_chat_template_puts_the_masked_passage_into_the_user_turn() -> None:
    codec = chat_codec()
    example = masked("Ada Byron was born in London.", ratio=[0.0], codec=codec)
    text = codec.decode(example.ids.tolist())
    request = MaskedObjectiveSettings().request
    turn = f"<|user|>Ada Byron was born in London.{request}\n<|assistant|>In full:\n"
    assert text == f"{turn}Ada Byron was born in London."
    assert codec.decode(taught(example)) == "Ada Byron was born in London."
    assert taught(example)[-1] == codec.eos_id


def test_a_long_document_is_split_so_that_each_part_fits_twice() -> None:
    (parts,) = rows("masked", [document(LONG)], Codec(TOKENIZER, ModelSettings(), 64))
    assert all(len(part) <= 64 for part in parts)
    assert [token for part in parts for token in taught(drawn(part))[:-1]] == CODEC.encode([LONG])[0]


class Named:
    """The mask-related part of a tokenizer."""

    def __init__(self, mask: int | None, added: dict[str, int], plain: dict[str, int]) -> None:
        self.mask_token_id, self.unk_token_id, self._added, self._plain = mask, 99, added, plain

    def get_added_vocab(self) -> dict[str, int]:
        return self._added

    def __call__(self, text: str, add_special_tokens: bool) -> dict[str, list[int]]:
        return {"input_ids": [self._plain[text]] if text in self._plain else [7, 8]}


def test_the_mask_is_a_token_of_the_tokenizer() -> None:
    reserved = {"<|reserved_special_token_5|>": 13, "<|reserved_special_token_0|>": 12, "<|eot|>": 11}
    assert mask_token(Named(4, reserved, {}), None) == 4
    assert mask_token(Named(None, reserved, {"_": 5}), None) == 12
    assert mask_token(Named(None, {"<|eot|>": 11}, {"_": 5, "[]": 6}), None) == 6
    assert mask_token(Named(4, reserved, {"X": 9}), "X") == 9
    with pytest.raises(KinjError, match="`XY` is not one token"):
        mask_token(Named(4, reserved, {}), "XY")
    with pytest.raises(KinjError, match="no token for masks"):
        mask_token(Named(None, {}, {"_": 99, "[]": 99}), None)


@given(sentences, st.integers(0, 99), st.integers(1, 5))
def test_span_and_context_give_the_text_back_and_only_the_span_carries_loss(text: str, seed: int, most: int) -> None:
    section = SpanObjectiveSettings(words=most, sentinel="<gap>", separator="\n##")
    ((row,),) = rows("span", [document(text)], span=section)
    example = drawn(row, seed)
    assert len(example) <= len(row)
    span = CODEC.decode(taught(example))
    assert span.startswith(" ")
    assert 1 <= len(span.split()) <= most
    shown = CODEC.decode(example.ids.tolist()).removesuffix(f"\n##{span}")
    assert shown.count("<gap>") - text.count("<gap>") in (0, 1)
    before, _, after = shown.partition("<gap>") if "<gap>" not in text else ("", "", "")
    if "<gap>" not in text:
        assert before + span[1:] + after == text
    assert example.labels.tolist()[-len(taught(example)) :] == taught(example)  # one run, at the end
    assert CODEC.eos_id not in taught(example)


def test_every_run_of_words_is_equally_likely() -> None:
    ((row,),) = rows("span", [document("a b c d")], span=SpanObjectiveSettings(words=2))
    rng, counts = random.Random(0), dict[str, int]()
    for _ in range(3500):
        span = CODEC.decode(taught(row.draw(rng, 0.0)))  # type: ignore[union-attr]
        counts[span] = counts.get(span, 0) + 1
    assert sorted(counts) == [" a", " a b", " b", " b c", " c", " c d", " d"]
    assert all(count == pytest.approx(500, abs=90) for count in counts.values())


def test_a_long_document_is_split_for_spans_too() -> None:
    (parts,) = rows("span", [document(LONG)], Codec(TOKENIZER, ModelSettings(), 64))
    assert len(parts) > 1
    for part in parts:
        assert all(len(drawn(part, seed)) <= len(part) <= 64 for seed in range(20))


def test_the_path_is_context_and_the_document_carries_the_loss() -> None:
    text = "She wrote the first program."
    given_path = document(text, title="Ada Byron", meta={"path": ["People", "Mathematicians"]})
    head, body = CODEC.encode(["People > Mathematicians > Ada Byron\n\n", text])
    ((row,),) = rows("path", [given_path])
    assert drawn(row).ids.tolist() == [*CODEC.bos, *head, *body]
    assert taught(drawn(row)) == body
    ((control,),) = rows("path", [given_path], path=PathObjectiveSettings(loss_on_path=True))
    assert drawn(control).ids.tolist() == drawn(row).ids.tolist()
    assert taught(drawn(control)) == [*head, *body]


def test_every_part_of_a_long_document_comes_after_its_path() -> None:
    (parts,) = rows("path", [document(LONG, title="Ada")], Codec(TOKENIZER, ModelSettings(), 48))
    head = CODEC.encode(["Ada\n\n"])[0]
    assert len(parts) > 1
    assert all(drawn(part).ids.tolist()[1 : 1 + len(head)] == head for part in parts)
    assert [token for part in parts for token in taught(drawn(part))] == CODEC.encode([LONG])[0]


def test_a_document_without_a_path_is_named() -> None:
    with pytest.raises(KinjError, match=r"d has neither a title nor `meta\.path`"):
        rows("path", [document("Text.")])


@pytest.mark.parametrize("name", ["masked", "span", "path"])
def test_a_row_without_room_for_a_passage_is_an_error(name: str) -> None:
    with pytest.raises(KinjError, match=f"objective `{name}` has no room for a passage"):
        rows(name, [document("Text.", title="A long title " * 9)], Codec(TOKENIZER, ModelSettings(), 8))


@given(st.integers(0, 9999), st.integers(1, 6), st.integers(2, 9))
def test_the_swap_exchanges_two_logits_and_nothing_else(seed: int, count: int, vocabulary: int) -> None:
    torch.manual_seed(seed)
    logits = torch.randn(count, vocabulary)
    targets = torch.randint(0, vocabulary, (count,))
    found = swapped(logits, targets)
    assert torch.equal(found.argmax(-1), targets)
    assert torch.equal(found.sort(-1).values, logits.sort(-1).values)
    for row in range(count):
        top = int(logits[row].argmax())
        same = [i for i in range(vocabulary) if i not in (top, int(targets[row]))]
        assert torch.equal(found[row, same], logits[row, same])
        assert found[row, top] == logits[row, targets[row]]


def test_the_swap_by_hand() -> None:
    logits = torch.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, 1.0]])
    assert swapped(logits, torch.tensor([1, 1])).tolist() == [[1.0, 3.0, 2.0], [0.0, 5.0, 1.0]]


@pytest.mark.parametrize("swap", [True, False])
def test_distillation_is_the_formula_on_label_positions_only(swap: bool) -> None:
    model, start = (build_model(50_000, TOKENIZER, 64, seed=seed) for seed in (0, 1))
    examples = [CODEC.question("Where was Ada Byron born?", "London"), CODEC.document(TEXTS[0])[0]]
    (batch, *more) = micro_batches(examples, 4096, CODEC.pad_id)
    total, divergences = torch.tensor(0.0), 0.0
    for part in (batch, *more):
        found = distillation(model, part, start, weight=0.3, swap=swap)
        logits, beliefs = (m(input_ids=part.input_ids).logits[:, :-1] for m in (model, start))
        expected = torch.tensor(0.0)
        for row, position in (part.labels[:, 1:] != IGNORE).nonzero().tolist():
            target = part.labels[row, position + 1]
            teacher = beliefs[row, position].clone()
            if swap:
                top = int(teacher.argmax())
                teacher[[top, int(target)]] = teacher[[int(target), top]]
            divergence = kl_div(
                log_softmax(logits[row, position], -1), log_softmax(teacher, -1), reduction="sum", log_target=True
            )
            expected = expected + cross_entropy(logits[row, position], target) + 0.3 * divergence
            divergences += float(divergence.detach())
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-3)
        total = total + found
    assert divergences > 0
    total.backward()
    assert all(p.grad is None for p in start.parameters())
    assert all(p.grad is not None for p in model.parameters())


def test_a_student_equal_to_its_teacher_pays_nothing_without_the_swap() -> None:
    model = build_model(50_000, TOKENIZER, 64, seed=0)
    (batch,) = micro_batches([CODEC.document(TEXTS[0])[0]], 4096, CODEC.pad_id)
    plain = distillation(model, batch, model, weight=0.0, swap=False)
    torch.testing.assert_close(distillation(model, batch, model, weight=1.0, swap=False), plain)
    assert float(distillation(model, batch, model, weight=1.0, swap=True).detach()) > float(plain.detach())
    assert DistillSettings().weight == 0.3


@pytest.mark.parametrize("name", ["masked", "span"])
def test_a_stage_draws_anew_at_every_exposure_and_the_same_again(name: str) -> None:
    records: list[Record] = [Document(id=f"d{i}", text=text) for i, text in enumerate(TEXTS)]
    data = DataSet("test", {"documents": lambda: records})
    stage = StageSettings(objective=name, data={"documents": SourceSettings()}, epochs=3)

    def shown(seed: int = 0) -> dict[tuple[str, int], list[int]]:
        chosen = Settings(seed=seed, train=TrainSettings(order=["s"], stages={"s": stage}))
        made = prepare_stage("s", chosen, data, CODEC, None)
        return {
            (draw.unit.origin, draw.exposure): example.ids.tolist()
            for number, (_, rows) in enumerate(made.plan())
            for (draw, _), example in zip(rows, made.examples(rows, number), strict=True)
        }

    first = shown()
    assert len(first) == 3 * len(TEXTS)
    assert len({tuple(ids) for ids in first.values()}) == len(first)
    assert shown() == first
    assert shown(seed=1) != first


def test_what_training_adds_is_no_wording_of_a_probe() -> None:
    masked_, span_ = MaskedObjectiveSettings(), SpanObjectiveSettings()
    added = [*REFUSALS, CERTAINTY, masked_.separator, masked_.request, span_.separator, span_.request]
    pools = open_data(DataSettings(biographies=BiographySettings(people=4)), "stop").pools
    asked = {
        question.prompt.lower()
        for pool in (pools["questions"], pools["known_unreplayed"])
        for question in pool()
        if isinstance(question, Question)
    }
    form = [part.strip().lower() for part in ModelSettings().prompt.split("{prompt}")]
    for text in added:
        told = text.strip().lower()
        assert told not in asked
        assert not any(part in told for part in form)
