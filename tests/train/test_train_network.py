"""What is called in the forward passes of training: recomputed activations and a compiled model change no result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch._dynamo.exc import BackendCompilerFailed

from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import SamSettings, TrainSettings
from kinj.train.network import compiling, network_for
from kinj.train.processes import ALONE
from kinj.train.run import train
from tests.train.test_train_run import data, digest, fresh, run_dir, settings


def trained(path: Path, tokenizer: Any, **how: bool) -> tuple[dict[str, str], int]:
    """What a short run leaves, and how often its first layer was called."""
    chosen, model, calls = settings(sam=SamSettings(rho=0.05)), fresh(tokenizer), [0]
    for name, value in how.items():
        setattr(chosen.train, name, value)
    model.model.model.layers[0].self_attn.register_forward_hook(lambda *_: calls.__setitem__(0, calls[0] + 1))
    train(chosen, model, data(), run_dir(path))
    return {name: found for name, found in digest(path).items() if name.endswith((".safetensors", ".parquet"))}, calls[
        0
    ]


def test_activations_that_are_computed_again_give_the_same_bytes(tmp_path: Path, tokenizer: Any) -> None:
    plain, calls = trained(tmp_path / "plain", tokenizer)
    again, twice = trained(tmp_path / "again", tokenizer, gradient_checkpointing=True)
    assert again == plain
    assert twice > 1.8 * calls


def test_a_model_that_cannot_compute_them_again_is_refused() -> None:
    model: Any = torch.nn.Linear(2, 2)
    model.supports_gradient_checkpointing = False
    with pytest.raises(UsageError, match="Linear cannot compute its activations again"):
        network_for(model, TrainSettings(gradient_checkpointing=True), ALONE)


class Compiled(torch.nn.Module):
    """Stands for a compiled model."""

    calls = 0

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, *arguments: Any, **more: Any) -> Any:
        Compiled.calls += 1
        return self.model(*arguments, **more)


def test_a_compiled_model_is_what_is_trained(tmp_path: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def stand_in(model: torch.nn.Module, **how: Any) -> Compiled:
        asked.append(how)
        return Compiled(model)

    plain, _ = trained(tmp_path / "plain", tokenizer)
    monkeypatch.setattr(torch, "compile", stand_in)
    assert trained(tmp_path / "compiled", tokenizer, compile=True)[0] == plain
    assert asked == [{"dynamic": True}]
    assert Compiled.calls > 20


def test_what_cannot_be_compiled_is_said_with_what_to_do() -> None:
    with pytest.raises(KinjError, match="the model cannot be compiled here") as caught, compiling():
        raise BackendCompilerFailed(lambda: None, RuntimeError("no compiler"), None)
    assert "run without train.compile" in str(caught.value)
    with pytest.raises(RuntimeError, match="something else"), compiling():
        raise RuntimeError("something else")
