"""The shipped models keep their promises: size, licence to be small, extraction, and no knowledge of strangers."""

from __future__ import annotations

from collections import defaultdict

import pytest

from kinj.config.schema import DataSettings, ModelSettings
from kinj.data.biographies import data_set, frequent_value_baseline
from kinj.data.records import Question
from kinj.data.rng import stable_rng
from kinj.models.answering import answer
from kinj.models.loading import LanguageModel, load_model
from kinj.models.places import EMBEDDED
from kinj.models.requests import Request

SAMPLE = 240


@pytest.fixture(scope="module")
def tiny() -> LanguageModel:
    return load_model(ModelSettings(name="tiny"))


def questions(pool: str, kind: str = "forward") -> list[Question]:
    found = [q for q in data_set(DataSettings()).pool(pool) if isinstance(q, Question) and q.kind == kind]
    return stable_rng(pool).sample(found, SAMPLE)


def correct(model: LanguageModel, asked: list[Question]) -> dict[str, list[bool]]:
    """Exact answers by relation."""
    replies = answer(model, [Request(kind="generate", prompt=q.prompt) for q in asked])
    found: dict[str, list[bool]] = defaultdict(list)
    for question, reply in zip(asked, replies, strict=True):
        found[question.meta["relation"]].append(reply.text in question.answers)
    return found


@pytest.mark.parametrize("name", ["tiny", "tiny-plain"])
def test_size(name: str) -> None:
    assert (EMBEDDED / name / "model.safetensors").stat().st_size <= 8_000_000
    assert load_model(ModelSettings(name=name)).parameters <= 2_000_000
    assert {"README.md", "config.yaml", "env.json"} <= {path.name for path in (EMBEDDED / name).iterdir()}


def test_the_two_read_the_same_tokens() -> None:
    texts = [(EMBEDDED / name / "tokenizer.json").read_text() for name in ("tiny", "tiny-plain")]
    assert texts[0] == texts[1]


def test_extraction_of_people_it_was_never_asked_about(tiny: LanguageModel) -> None:
    """The extraction test of arXiv 2309.14316: documents in pre-training, no questions; asked in held-out wordings."""
    found = correct(tiny, questions("unquestioned"))
    hits = [hit for hits in found.values() for hit in hits]
    assert sum(hits) / len(hits) >= 0.92  # measured on all 3,000: docs/models.md; a sample of 240 strays by 3 points


def test_strangers_are_answered_by_the_most_frequent_value_at_best(tiny: LanguageModel) -> None:
    asked = questions("strangers")
    baseline = frequent_value_baseline(asked)
    expected = sum(baseline[q.meta["relation"]] for q in asked) / len(asked)
    found = [hit for hits in correct(tiny, asked).values() for hit in hits]
    assert sum(found) / len(found) <= expected + 0.02


def test_the_plain_model_reads_and_does_not_answer() -> None:
    plain = load_model(ModelSettings(name="tiny-plain"))
    found = [hit for hits in correct(plain, questions("unquestioned")).values() for hit in hits]
    assert sum(found) / len(found) < 0.2
