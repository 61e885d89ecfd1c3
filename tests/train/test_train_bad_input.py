"""What is wrong with the data or with a checkpoint is said, and what can be learned all the same is learned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import ModelSettings, OptimSettings
from kinj.data.base import DataSet
from kinj.data.records import Document, Record
from kinj.models.answering import answer
from kinj.models.codec import Codec
from kinj.models.loading import LanguageModel, load_model
from kinj.models.requests import Request
from kinj.train.batching import micro_batches
from kinj.train.checkpoint import sound_checkpoint
from kinj.train.optim import build_adamw
from kinj.train.run import train
from kinj.train.step import Stepper
from tests.conftest import TEXTS
from tests.train.test_train_run import StopError, data, digest, fresh, run_dir, settings, stop_after


def only(*texts: str) -> DataSet:
    records: list[Record] = [Document(id=f"d{i}", text=text, title="T") for i, text in enumerate(texts)]
    return DataSet("test", {"documents": lambda: records})


@pytest.mark.parametrize("objective", ["auto", "next_token", "masked", "span", "path"])
def test_one_document_is_enough(objective: str, tmp_path: Path, tokenizer: Any) -> None:
    chosen = settings()
    chosen.train.order = ["first"]
    chosen.train.stages["first"].objective = objective
    result = train(chosen, fresh(tokenizer), only(TEXTS[0]), run_dir(tmp_path / "run"))
    assert result.steps == 2
    assert result.label_tokens > 0


def test_records_without_loss_are_counted_and_all_of_them_are_an_error(tmp_path: Path, tokenizer: Any) -> None:
    tokenizer = type(tokenizer)(
        tokenizer_object=_without_bos(tokenizer), eos_token="<|eos|>", pad_token="<|pad|>", bos_token="<|bos|>"
    )
    chosen = settings()
    chosen.train.order = ["first"]
    run = run_dir(tmp_path / "run")
    train(chosen, fresh(tokenizer), only("a", TEXTS[0], "b"), run)  # a single token has none before it
    assert any("2 records of `documents` were left out" in event.get("text", "") for event in run.events())
    with pytest.raises(KinjError, match="no token of the source `documents` carries loss, in none of its 2 records"):
        train(chosen, fresh(tokenizer), only("a", "b"), run_dir(tmp_path / "other"))


def _without_bos(tokenizer: Any) -> Any:
    from tokenizers import Tokenizer
    from tokenizers.processors import ByteLevel

    found = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    found.post_processor = ByteLevel(trim_offsets=False)
    return found


def test_the_end_is_learned_where_padding_is_the_same_token(language_model: LanguageModel) -> None:
    tokenizer = language_model.tokenizer
    before, tokenizer.pad_token = tokenizer.pad_token, tokenizer.eos_token
    try:
        codec = Codec(tokenizer, ModelSettings(), 128)
    finally:
        tokenizer.pad_token = before
    assert codec.pad_id == codec.eos_id
    pairs = [("Where was Ada born?", "London"), ("Who wrote the first program, and in which year was that?", "Ada")]
    rows = codec.questions(pairs)
    (batch,) = micro_batches([rows[0], rows[0]], 4096, codec.pad_id)
    ends = (batch.input_ids == codec.eos_id) & (batch.labels == codec.eos_id)
    assert ends.sum(1).tolist() == [1, 1]
    settings = OptimSettings(lr=5e-3, batch_tokens=4096)
    stepper = Stepper(language_model.model, build_adamw(language_model.model, settings), settings, codec.pad_id)
    for step in range(60):
        stepper.take(rows, step)
    asked = LanguageModel(language_model.model, tokenizer, codec, "scratch")
    found = answer(asked, [Request(kind="generate", prompt=prompt, max_new_tokens=30) for prompt, _ in pairs])
    assert [response.text for response in found] == [answer for _, answer in pairs]
    assert all(response.tokens < 30 for response in found)  # ended, not cut off


def test_rows_longer_than_the_model_reads_are_refused(tmp_path: Path, tokenizer: Any) -> None:
    model = fresh(tokenizer)
    model.model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(UsageError, match=r"data.max_tokens=4,096 is more than .* reads: 128 tokens"):
        load_model(ModelSettings(name=str(tmp_path)), max_tokens=4096)
    assert load_model(ModelSettings(name=str(tmp_path)), max_tokens=64).codec.max_length == 64


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


DAMAGES: dict[str, tuple[Any, str]] = {
    "weights missing": (lambda f: (f / "model.safetensors").unlink(), "model.safetensors is missing"),
    "one bit of the weights": (lambda f: flip(f / "model.safetensors"), "model.safetensors is not as it was written"),
    "optimizer cut off": (lambda f: (f / "optimizer.safetensors").write_bytes(b"x"), "optimizer.safetensors is not"),
    "position gone": (lambda f: (f / "state.json").unlink(), "state.json is missing"),
    "checksums cut off": (lambda f: (f / "checksums.json").write_text("{"), "checksums.json is broken"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_is_used(
    damage: str, tmp_path: Path, tokenizer: Any
) -> None:
    chosen = settings()
    train(chosen, fresh(tokenizer), data(), run_dir(tmp_path / "whole"))
    with pytest.raises(StopError):
        train(chosen, fresh(tokenizer), data(), run_dir(tmp_path / "cut"), progress=stop_after(7))
    harm, said = DAMAGES[damage]
    harm(tmp_path / "cut" / "checkpoints" / "step-000006")
    again = run_dir(tmp_path / "cut", resume=True)
    checkpoint = sound_checkpoint(again)
    assert checkpoint is not None
    assert checkpoint.name == "step-000004"
    (notice,) = [event["text"] for event in again.events() if "damaged" in event.get("text", "")]
    assert said in notice
    assert "damaged-step-000006" in notice
    train(chosen, load_model(ModelSettings(name=str(checkpoint))), data(), again, resume=True)
    assert digest(tmp_path / "cut") == digest(tmp_path / "whole")


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_model_is_not_asked(damage: str, tmp_path: Path, tokenizer: Any) -> None:
    """Weights with a flipped bit load as well as others; what is only for training may be missing."""
    run = run_dir(tmp_path / "run")
    train(settings(), fresh(tokenizer), data(), run)
    folder = run.latest_checkpoint()
    assert folder is not None
    harm, said = DAMAGES[damage]
    harm(folder)
    if "weights" not in damage and "checksums" not in damage:
        load_model(ModelSettings(name=str(run.path)))
        return
    with pytest.raises(KinjError, match=said) as caught:
        load_model(ModelSettings(name=str(run.path)))
    assert f"kinj train -o {run.path} --resume" in caught.value.hint


def test_without_a_sound_checkpoint_a_run_begins_anew(tmp_path: Path, tokenizer: Any) -> None:
    with pytest.raises(StopError):
        train(settings(), fresh(tokenizer), data(), run_dir(tmp_path / "run"), progress=stop_after(4))
    run = run_dir(tmp_path / "run", resume=True)
    for _, folder in run.checkpoints():
        (folder / "state.json").unlink()
    assert sound_checkpoint(run) is None
    assert run.checkpoints() == []


def test_a_checkpoint_of_an_earlier_version_goes_on_in_its_first_stage_only(tmp_path: Path, tokenizer: Any) -> None:
    for name, stop in (("first", 5), ("second", 10)):
        with pytest.raises(StopError):
            train(settings(), fresh(tokenizer), data(), run_dir(tmp_path / name), progress=stop_after(stop))
        run = run_dir(tmp_path / name, resume=True)
        folder = run.latest_checkpoint()
        assert folder is not None
        (folder / "checksums.json").unlink()
        state = json.loads((folder / "state.json").read_text())
        del state["finished"]
        (folder / "state.json").write_text(json.dumps(state))
        assert sound_checkpoint(run) == folder
        model = load_model(ModelSettings(name=str(folder)))
        if name == "first":
            assert train(settings(), model, data(), run, resume=True).steps == 12
        else:
            with pytest.raises(KinjError, match="an earlier version of kinj"):
                train(settings(), model, data(), run, resume=True)
