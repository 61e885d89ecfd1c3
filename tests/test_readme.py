"""The README's commands run as typed, and its links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kinj.cli.main import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```bash\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
LINES = [line.partition("#")[0].strip() for line in BLOCKS[0].splitlines()]
SMALL = {
    "KINJ__DATA__BIOGRAPHIES__PEOPLE": "6",
    "KINJ__DATA__BIOGRAPHIES__TEACHERS": "4",
    "KINJ__TRAIN__STAGES__INJECT__EPOCHS": "null",
    "KINJ__TRAIN__STAGES__INJECT__STEPS": "3",
    "KINJ__EVAL__LIMIT": "12",
    "KINJ__EVAL__MAX_NEW_TOKENS": "8",
}
"""What makes the commands quick; in the environment, so that each line stays as it is typed."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, with quick settings."""
    monkeypatch.chdir(tmp_path)
    for name, value in SMALL.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def test_first_block_shows_every_command() -> None:
    assert [line.split()[1] for line in LINES] == ["show", "augment", "train", "eval", "sweep"]
    assert "-n 50 > corpus.jsonl" in LINES[0]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.split()[1])
def test_line_is_accepted(line: str, folder: Path) -> None:
    command, _, target = line.partition(" > ")
    words = shlex.split(command)[1:]
    (folder / "corpus.jsonl").write_text('{"id": "a", "text": "Ada Byron was born in London. She wrote a program."}\n')
    done = CliRunner().invoke(app, words if target else [*words, "--dry-run"])
    assert done.exit_code == 0, done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["corpus.jsonl"]
    if target:
        assert len([json.loads(row) for row in done.stdout.splitlines()]) == 50


@pytest.mark.slow
def test_first_block_runs_as_typed(folder: Path) -> None:
    script = "set -euo pipefail\n" + BLOCKS[0]
    environ = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    done = subprocess.run(["bash", "-c", script], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len((folder / "corpus.jsonl").read_text(encoding="utf-8").splitlines()) == 50
    views = [path for path in folder.glob("corpus*.jsonl") if path.name != "corpus.jsonl"]
    assert len(views) == 1
    assert len(views[0].read_text(encoding="utf-8").splitlines()) > 50
    trained = folder / "runs" / "inject-001"
    results = json.loads((trained / "results.json").read_text(encoding="utf-8"))
    assert list(results["probes"]) == ["wikidyk-stand-in"]
    (sweep,) = (folder / "runs").glob("sweep-*")
    found = json.loads((sweep / "results.json").read_text(encoding="utf-8"))
    assert [trial["done"] for trial in found["groups"][0]["trials"]] == [True, True]


def test_links_lead_somewhere() -> None:
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in target]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_code_it_names_exists() -> None:
    named = re.findall(r"`(kinj/[\w/]+\.py)`", README)
    assert named
    assert [path for path in named if not (ROOT / path).is_file()] == []
