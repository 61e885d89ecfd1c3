"""The reference pages: settings.md is what the schema says, and commands.md leaves no command or key of its JSON out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from kinj.augment.report import AugmentReport
from kinj.cli import reference
from kinj.cli.main import app
from kinj.config.keys import all_keys
from kinj.config.schema import OptimSettings, Settings
from kinj.config.tree import choices

ROOT = Path(__file__).parents[2]
CLI = ROOT / "kinj" / "cli"
COMMANDS_PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def test_committed_page_is_up_to_date() -> None:
    committed = (ROOT / "docs" / reference.PAGE).read_text(encoding="utf-8")
    assert committed == reference.settings_page(), "the schema changed: run `make docs`"


def rows() -> dict[str, list[str]]:
    """Cells of the tables of keys, by key."""
    found = [
        re.split(r"(?<!\\) \| ", line[2:-2]) for line in reference.settings_page().splitlines() if line[:3] == "| `"
    ]
    return {cells[0].strip("`"): cells[1:] for cells in found if len(cells) == 4}


def test_every_key_is_there_with_a_type_and_a_meaning() -> None:
    keys = [key for key in all_keys() if not re.match(r"train\.stages\.NAME\.optim\.|sweep\.arms\.", key)]
    found = rows()
    missing = {key for key in keys if key not in found and key.removesuffix(".NAME") not in found}
    assert missing == set()
    assert [key for key, (kind, _, meaning) in found.items() if not kind or not meaning.endswith(".")] == []


def test_defaults_are_the_schemas() -> None:
    found = rows()
    assert found["optim.lr"] == ["number", "`0.001`", reference.meanings(OptimSettings)["lr"]]
    assert found["run.dir"][:2] == ["text or `null`", "`null`"]
    assert found["optim.betas"][:2] == ["list of numbers", "`[0.9, 0.95]`"]
    assert found["train.stages.NAME.optim"][:2] == ["keys of `optim`", "`{}`"]
    assert found["sweep.compare"][0] == "list of lists of texts"


def test_every_choice_is_there() -> None:
    page = reference.settings_page()
    assert all(f"`train={name}`" in page for name in choices("train"))
    assert "**`train=inject`**" in page
    assert "**`train=pit`**" not in page


def test_docstrings_are_read_from_the_source() -> None:
    assert reference.meanings(Settings)["seed"] == "Randomness of training."
    assert "run" not in reference.meanings(Settings)


def test_page_is_written_where_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reference.main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "settings.md")
    assert (tmp_path / "settings.md").read_text(encoding="utf-8") == reference.settings_page()


def commands() -> list[str]:
    """Every command as typed."""
    import typer.main

    group: Any = typer.main.get_command(app)
    below = {name: getattr(command, "commands", {}) for name, command in group.commands.items()}
    return [f"kinj {name} {sub}".strip() for name, subs in below.items() for sub in subs or [""]]


def test_every_command_has_its_section() -> None:
    headings = " ".join(line for line in COMMANDS_PAGE.splitlines() if line.startswith("### "))
    assert len(commands()) > 10
    assert [name for name in commands() if not re.search(rf"\b{re.escape(name)}\b(?! \w)", headings)] == []


def emitted() -> Iterator[str]:
    """Names of the keys in the calls of `emit` in kinj/cli."""
    for path in CLI.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "emit":
                yield from (word.arg for word in node.keywords if word.arg)


def test_every_key_of_the_objects_is_described() -> None:
    from kinj.train.accounts import TrainResult

    keys = {*emitted(), *vars(AugmentReport()), *(field.name for field in fields(TrainResult))}
    assert {"folder", "asked", "changed"} <= keys
    assert sorted(key for key in keys if f"`{key}`" not in COMMANDS_PAGE and f'"{key}"' not in COMMANDS_PAGE) == []


def test_exit_codes_are_those_of_the_program() -> None:
    from kinj.config import errors

    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", COMMANDS_PAGE, re.MULTILINE)}
    assert codes == {errors.DONE, errors.FAILED, errors.USAGE, errors.PARTLY, errors.INTERRUPTED}
