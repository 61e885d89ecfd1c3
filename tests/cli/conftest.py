"""Commands run in this process, with the modules they call replaced where a test says so."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from kinj.cli.main import app

Kinj = Callable[..., Result]


@pytest.fixture
def kinj(monkeypatch: pytest.MonkeyPatch) -> Kinj:
    """Runs a command line: `kinj("train", "--lr", "1")` has .exit_code, .stdout and .stderr."""

    def run(*arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["kinj", *arguments])
        return CliRunner().invoke(app, list(arguments))

    return run


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a module of functions in place of a real one: `fake("kinj.cli.workflow", train_run=…)`."""

    def put(name: str, **functions: Any) -> None:
        module = ModuleType(name)
        vars(module).update(functions)
        monkeypatch.setitem(sys.modules, name, module)
        parent, _, child = name.rpartition(".")
        monkeypatch.setattr(import_module(parent), child, module, raising=False)

    return put
