"""The examples on laws: their designs hold what their laws need, and the whole path in small."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kinj.cli.main import app
from kinj.config import load

EXAMPLES = Path(__file__).parents[2] / "examples"
WEIGHTS = "train.stages.teach.data.documents.weight=1,3,9,27"
SIZE = "SIZE"
CASES: dict[str, tuple[str, list[str], list[str]]] = {
    "capacity": ("capacity", ["capacity", SIZE], ["train.stages.teach.epochs=1,2,4"]),
    "collapse": ("collapse", ["collapse", SIZE], [WEIGHTS]),
    "collapse on top": ("collapse", ["collapse", SIZE, "ontop"], [WEIGHTS]),
    "forgetting": ("forgetting", ["forgetting", SIZE], ["train.stages.teach.epochs=1,2,3,5"]),
    "plateau": ("plateau", ["plateau", SIZE], ["data.biographies.people=4,5,6,8"]),
    "efficiency": ("efficiency", ["efficiency", SIZE], []),
}
"""The example, its files with the place of those that set its size, and its grid in small."""


def files(case: str, size: str | None) -> list[str]:
    example, names, _ = CASES[case]
    chosen = [size if name == SIZE else name for name in names]
    return [str(EXAMPLES / example / f"{name}.yaml") for name in chosen if name]


@pytest.mark.parametrize("case", CASES)
def test_settings_are_right_at_every_size(case: str) -> None:
    for size in (None, "quick", "smoke"):
        loaded = load("sweep", files=files(case, size), environ={})
        assert loaded.warnings == []
        assert loaded.settings.sweep.law == CASES[case][0]
        for arm in loaded.settings.sweep.arms.values():
            loaded.override(arm, "train")


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
@pytest.mark.usefixtures("trials_here")
def test_smoke_goes_the_whole_way(case: str, tmp_path: Path) -> None:
    example, _, grid = CASES[case]
    chosen = [part for file in files(case, "smoke") for part in ("-c", file)]
    done = CliRunner().invoke(app, ["sweep", *chosen, *grid, "seed+data.seed=0,1", "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.stderr
    law: dict[str, Any] = json.loads((tmp_path / "out" / "laws" / f"{example}.json").read_text(encoding="utf-8"))
    assert law["answer"] in done.stdout
    assert law["seeds"] == 2
    assert law["trials"] == sum(len(group["trials"]) for group in _groups(tmp_path / "out"))
    assert (tmp_path / "out" / "laws" / f"{example}.svg").exists()


def _groups(folder: Path) -> list[dict[str, Any]]:
    content: dict[str, list[dict[str, Any]]] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return content["groups"]


@pytest.mark.slow
@pytest.mark.parametrize("example", sorted({example for example, _, _ in CASES.values()}))
def test_commands_of_the_readme_are_right(example: str, try_commands: Callable[[Path], int]) -> None:
    assert try_commands(EXAMPLES / example) > 2
