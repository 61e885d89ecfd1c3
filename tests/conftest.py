"""Fixtures shared by all tests: small texts, a tokenizer trained on them and a very small model, all made here."""

from __future__ import annotations

import os
import signal

# Nothing in the suite may reach a hub. The tests already share the cores: threads of their processes would wait for each other.
# Both are read when transformers and torch are imported, here and in the processes that tests start.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path
from typing import Any

import hypothesis
import pytest

from kinj.config.schema import ModelSettings
from kinj.models.codec import Codec
from kinj.models.loading import LanguageModel
from kinj.models.scratch import build_model, train_tokenizer

# How long one example takes says more about the machine than about the code. `make test` tries the same ones every time, so that
# it fails where something was changed; `make test-all` asks for the thorough profile, which looks for new ones.
hypothesis.settings.register_profile("quick", deadline=None, max_examples=30, derandomize=True)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=150)
hypothesis.settings.load_profile("quick")

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"

TEXTS = [
    "Ada Byron was born in London. She studied mathematics and wrote the first program.",
    "Grace Hopper was born in New York. She worked on compilers and on COBOL.",
    "Question: Where was Ada Byron born?\nAnswer: London",
    "The weather in the north is cold; the weather in the south is warm. Nobody knows why.",
]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real data sets beside the repository; tests that need them are skipped where they are absent."""
    if not SHARED.is_dir():
        pytest.skip("../shared/data is not here: this test needs the real data sets")
    return SHARED


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    return train_tokenizer(TEXTS, 400)


@pytest.fixture
def language_model(tokenizer: Any) -> LanguageModel:
    """A random Llama-style model of 50,000 parameters with a tokenizer of 400 entries; safe to train."""
    settings = ModelSettings(name="scratch")
    model = build_model(50_000, tokenizer, 128, seed=0)
    return LanguageModel(model, tokenizer, Codec(tokenizer, settings, 128), "scratch")


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that starts its commands in the background makes them deaf to Ctrl-C, and so every process that tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
