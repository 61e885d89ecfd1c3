"""Models that fill gaps: what they read and should say, and answers that are those of transformers and of every batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    BertConfig,
    BertForMaskedLM,
    RobertaConfig,
    RobertaForMaskedLM,
    T5Config,
    T5ForConditionalGeneration,
)

from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import ModelSettings
from kinj.models.answering import answer
from kinj.models.codec import IGNORE
from kinj.models.fingerprints import fingerprint
from kinj.models.gap_codecs import MASKS, MaskCodec, SentinelCodec
from kinj.models.loading import LanguageModel, load_model
from kinj.models.requests import Request
from kinj.models.scratch import train_tokenizer
from tests.gap_models import FACTS, QUESTIONS, bert_tokenizer, save

LONG = " ".join(FACTS * 2)


@pytest.fixture(scope="module", params=["t5", "bert"])
def language_model(request: Any, tmp_path_factory: Any) -> LanguageModel:
    return load_model(ModelSettings(name=str(save(request.param, tmp_path_factory.mktemp(request.param)))))


@pytest.fixture(scope="module")
def t5(tmp_path_factory: Any) -> LanguageModel:
    return load_model(ModelSettings(name=str(save("t5", tmp_path_factory.mktemp("t5")))))


@pytest.fixture(scope="module")
def bert(tmp_path_factory: Any) -> LanguageModel:
    return load_model(ModelSettings(name=str(save("bert", tmp_path_factory.mktemp("bert")))))


def shown(model: LanguageModel, ids: Any) -> str:
    return str(model.tokenizer.decode([int(i) for i in ids if i != IGNORE]))


def test_a_question_to_t5_ends_in_a_gap_that_the_answer_fills(t5: LanguageModel) -> None:
    codec = t5.codec
    assert isinstance(codec, SentinelCodec)
    (row,) = codec.questions([(QUESTIONS[0], "Rome")])
    assert shown(t5, row.ids) == f"Question: {QUESTIONS[0]} Answer:<extra_id_0></s>"
    assert shown(t5, row.labels) == "<extra_id_0> Rome<extra_id_1></s>"
    assert row.decoder_ids.tolist() == [0, *row.labels[:-1].tolist()]
    assert row.ids.tolist() == codec.prompt(QUESTIONS[0])
    (scored,) = codec.questions([(QUESTIONS[0], "Rome")], eos=False)
    assert shown(t5, scored.labels) == "Rome"
    assert scored.decoder_ids.tolist()[:2] == codec.opening
    gap = codec.gap("Ada was born in Rome.", 8, 15)
    assert shown(t5, gap.ids) == "Ada was<extra_id_0> Rome.</s>"
    assert shown(t5, gap.labels) == "<extra_id_0> born in<extra_id_1></s>"


def test_the_answer_to_bert_stands_at_the_masks(bert: LanguageModel) -> None:
    codec = bert.codec
    assert isinstance(codec, MaskCodec)
    (row,) = codec.questions([(QUESTIONS[0], "Rome")])
    masks = ["[MASK]"] * MASKS
    words = bert.tokenizer.convert_ids_to_tokens(row.ids.tolist())
    assert words[0] == "[CLS]"
    assert words[-MASKS - 1 :] == [*masks, "[SEP]"]
    assert row.ids.tolist() == codec.prompt(QUESTIONS[0])
    places = codec.places(row.ids.tolist())
    assert shown(bert, row.labels[places.start : places.stop]) == "Rome [SEP]"
    assert (row.labels[: places.start] == IGNORE).all()
    (scored,) = codec.questions([(QUESTIONS[0], "Rome")], eos=False)
    assert shown(bert, scored.labels) == "Rome"
    (long,) = codec.questions([("Who?", LONG[:80])])
    assert (long.labels != IGNORE).sum() > MASKS


def asked() -> list[Request]:
    requests = [Request(kind="generate", prompt=question, max_new_tokens=6) for question in QUESTIONS]
    requests += [Request(kind="generate", prompt=f"{LONG} {q}", max_new_tokens=9) for q in QUESTIONS[:2]]
    requests += [Request(kind="generate", prompt="Ada was born", completion=True, max_new_tokens=4)]
    requests += [
        Request(kind="generate", prompt=q, max_new_tokens=6, temperature=1.0, seed=n) for n, q in enumerate(QUESTIONS)
    ]
    requests += [
        Request(kind="loglikelihood", prompt=q, continuation=c) for q in QUESTIONS for c in ("Rome", "Kyiv or Lima")
    ]
    return [*requests, *(Request(kind="rolling", prompt=text) for text in (FACTS[0], LONG, ""))]


@pytest.mark.parametrize("batch_tokens", [1, 200, 100_000])
def test_answers_do_not_depend_on_the_batch(language_model: LanguageModel, batch_tokens: int) -> None:
    requests = asked()
    alone = [answer(language_model, [request])[0] for request in requests]
    together = answer(language_model, requests, batch_tokens)
    for one, other in zip(alone, together, strict=True):
        assert (one.text, one.tokens, one.greedy) == (other.text, other.tokens, other.greedy)
        assert one.logprob == pytest.approx(other.logprob, abs=1e-4, rel=1e-5)
    assert alone[-1].tokens == 0
    assert all(response.tokens for response in alone[:-1])
    assert {response.text is None for response in alone} == {True, False}


def test_t5_says_what_transformers_generates(t5: LanguageModel) -> None:
    codec = t5.codec
    assert isinstance(codec, SentinelCodec)
    for question, response in zip(
        QUESTIONS, answer(t5, [Request(kind="generate", prompt=q, max_new_tokens=6) for q in QUESTIONS]), strict=True
    ):
        options = {"do_sample": False, "max_new_tokens": 6, "eos_token_id": sorted(codec.stops)}
        begun = torch.tensor([codec.opening])
        theirs = t5.model.generate(torch.tensor([codec.prompt(question)]), decoder_input_ids=begun, **options)[0, 2:]
        kept = [i for i in theirs.tolist() if i not in codec.stops]
        assert response.text == codec.decode(kept).strip()
        assert response.tokens == len(theirs)


def test_scores_of_t5_are_those_of_its_own_loss(t5: LanguageModel) -> None:
    codec = t5.codec
    assert isinstance(codec, SentinelCodec)
    (row,) = codec.questions([(QUESTIONS[1], "Kyiv or Lima")], eos=False)
    for request, example in (
        (Request(kind="loglikelihood", prompt=QUESTIONS[1], continuation="Kyiv or Lima"), row),
        (Request(kind="rolling", prompt=FACTS[0]), codec.whole(codec.encode([FACTS[0]])[0])),
    ):
        (response,) = answer(t5, [request])
        labels = torch.from_numpy(example.labels).long()[None]
        with torch.no_grad():
            loss = t5.model(
                torch.from_numpy(example.ids).long()[None],
                decoder_input_ids=torch.from_numpy(example.decoder_ids).long()[None],
                labels=labels,
            ).loss
        assert response.tokens == int((labels != IGNORE).sum())
        assert response.logprob == pytest.approx(-float(loss) * response.tokens, abs=1e-4)


def test_bert_fills_and_scores_one_mask_at_a_time_where_a_text_is_scored(bert: LanguageModel) -> None:
    codec = bert.codec
    ids = codec.encode([FACTS[0]])[0]
    (response,) = answer(bert, [Request(kind="rolling", prompt=FACTS[0])])
    total = 0.0
    for position, token in enumerate(ids):
        row = torch.tensor([[codec.bos[0], *ids, codec.eos_id]])
        row[0, position + 1] = bert.tokenizer.mask_token_id
        with torch.no_grad():
            total += float(torch.log_softmax(bert.model(row).logits[0, position + 1].double(), 0)[token])
    assert response.tokens == len(ids)
    assert response.logprob == pytest.approx(total, abs=1e-4)
    (said,) = answer(bert, [Request(kind="generate", prompt=QUESTIONS[0], max_new_tokens=3)])
    prompt = codec.prompt(QUESTIONS[0])
    with torch.no_grad():
        best = bert.model(torch.tensor([prompt])).logits[0, len(prompt) - 1 - MASKS :][:3].argmax(-1).tolist()
    assert said.text == codec.decode(best).strip()


def test_what_they_cannot_be_asked_or_taught(language_model: LanguageModel, tmp_path: Path) -> None:
    for call in (language_model.codec.documents, language_model.codec.document):
        with pytest.raises(UsageError, match="fills gaps"):
            call([])  # type: ignore[arg-type]  # it is refused whatever it is
    narrow = load_model(ModelSettings(name=language_model.name), max_tokens=40)
    with pytest.raises(KinjError, match="the model reads 40"):
        answer(narrow, [Request(kind="generate", prompt=LONG)])
    with pytest.raises(KinjError, match="the model reads 40"):
        answer(narrow, [Request(kind="loglikelihood", prompt=LONG, continuation="Rome")])


def test_tokenizers_without_what_is_needed(tmp_path: Path) -> None:
    tokenizer = train_tokenizer(FACTS, 320)
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertForMaskedLM(BertConfig(vocab_size=320, **small)).save_pretrained(tmp_path / "bert")
    tokenizer.save_pretrained(tmp_path / "bert")
    with pytest.raises(KinjError, match=r"a masked language model, has no cls_token, sep_token, mask_token"):
        load_model(ModelSettings(name=str(tmp_path / "bert")))
    T5ForConditionalGeneration(
        T5Config(vocab_size=320, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    ).save_pretrained(tmp_path / "t5")
    tokenizer.save_pretrained(tmp_path / "t5")
    with pytest.raises(KinjError, match="no sentinels"):
        load_model(ModelSettings(name=str(tmp_path / "t5")))


def test_fingerprints_tell_prompts_apart(language_model: LanguageModel) -> None:
    other = load_model(ModelSettings(name=language_model.name, prompt="{prompt}"))
    assert fingerprint(other) != fingerprint(language_model)
    assert fingerprint(load_model(ModelSettings(name=language_model.name))) == fingerprint(language_model)


def test_roberta_reads_less_than_it_has_positions(tmp_path: Path) -> None:
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    tokenizer = bert_tokenizer()
    config = RobertaConfig(vocab_size=len(tokenizer), max_position_embeddings=40, pad_token_id=0, **small)
    RobertaForMaskedLM(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    model = load_model(ModelSettings(name=str(tmp_path)))
    assert model.codec.max_length == 39
    (text,) = answer(model, [Request(kind="rolling", prompt=" ".join(["Ada"] * 37))])
    assert text.tokens == 37
    with pytest.raises(UsageError, match="reads: 39 tokens"):
        load_model(ModelSettings(name=str(tmp_path)), max_tokens=40)


def test_answers_are_cut_at_stop_texts_and_drafts_change_nothing(language_model: LanguageModel) -> None:
    free = answer(language_model, [Request(kind="generate", prompt=q, max_new_tokens=6) for q in QUESTIONS])
    drafted = [Request(kind="generate", prompt=q, max_new_tokens=6, drafts=("Rome", "Kyiv")) for q in QUESTIONS]
    assert [r.text for r in answer(language_model, drafted)] == [r.text for r in free]
    for response in free:
        text = response.text or ""
        stop = text[len(text) // 2 :][:2]
        if stop:
            request = Request(kind="generate", prompt=response.request.prompt, max_new_tokens=6, stop=(stop,))
            (cut,) = answer(language_model, [request])
            assert cut.text == text[: text.index(stop)].strip()
