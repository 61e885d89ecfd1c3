"""The measurements of `bench/` that need no peers still run, and the documents still say what they print."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def bench(script: str, *more: str) -> str:
    """What a script of `bench/` prints."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "bench" / script), *more]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_table_of_formats_that_tokenizers_erase() -> None:
    printed = bench("formats.py").splitlines()
    card = (ROOT / "docs" / "methods" / "formatting.md").read_text(encoding="utf-8").splitlines()
    table = [line for line in printed if line.startswith("|")]
    assert len(table) > 5
    assert [line for line in table if line not in card] == []
    assert sum("1,000 views" in line for line in printed) == 3


@pytest.mark.slow
def test_the_audit_finds_what_is_planted() -> None:
    found = json.loads(bench("audit.py", "--views", "10", "--squad", "none", "--json"))["biographies"]
    committed = json.loads((ROOT / "docs" / "results" / "audit.json").read_text())["biographies"]
    assert found["plants"].keys() == committed["plants"].keys()
    assert found["totals"]["whole"]["recall"]["share"] > 0.9
    assert found["totals"]["whole"]["false_alarms"]["share"] < 0.1
    assert set(found["microseconds"]) == set(committed["microseconds"])
