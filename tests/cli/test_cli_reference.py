"""The reference pages: settings.md and the cards are what the code says; commands.md leaves no command or key of its JSON out."""

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
from kinj.config.names import ASCENTS, LAWS, METHODS, PROBES, WRITTEN
from kinj.config.schema import OptimSettings, Settings
from kinj.config.tree import choices

ROOT = Path(__file__).parents[2]
CLI = ROOT / "kinj" / "cli"
COMMANDS_PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def test_committed_pages_are_up_to_date() -> None:
    stale = [
        str(path.relative_to(ROOT))
        for path, text in reference.pages(ROOT / "docs").items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    assert stale == [], "the code changed: run `make docs`"


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


def test_pages_are_written_where_asked_and_those_that_changed_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "probes").mkdir()
    (tmp_path / "probes" / "cloze.md").write_text(
        "# Cloze\n\nan old head\n\n## What it measures\n\nValues.\n\n## Cost\n"
    )
    assert reference.main([str(tmp_path)]) == 0
    lists = [f"{folder}/README.md" for folder in ("methods", "probes", "ascents")]
    written = [str(Path(line).relative_to(tmp_path)) for line in capsys.readouterr().out.splitlines()]
    assert written == ["settings.md", "probes/cloze.md", *lists]
    assert (tmp_path / "settings.md").read_text(encoding="utf-8") == reference.settings_page()
    assert reference.main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""


def test_a_card_says_how_it_is_asked_for_what_it_is_and_what_can_be_set(tmp_path: Path) -> None:
    (tmp_path / "probes").mkdir()
    card = tmp_path / "probes" / "cloze.md"
    card.write_text("# Cloze\n\nan old head\n\n## What it measures\n\nValues.\n\n## Cost\n")
    title, command, about, *table, heading, text, cost = reference.pages(tmp_path)[card].split("\n\n")
    assert [title, command] == ["# Cloze", "`kinj eval RUN --probe cloze`"]
    assert about == f"`cloze`: {PROBES['cloze']}."
    assert "| `eval.cloze.blanks` | whole number | `4` |" in table[0]
    assert [heading, text, cost] == ["## What it measures", "Values.", "## Cost\n"]


def test_lists_of_cards_leave_none_out_and_say_what_methods_promise() -> None:
    for folder, names in {"methods": METHODS, "probes": PROBES, "ascents": ASCENTS, "laws": LAWS}.items():
        page = (ROOT / "docs" / folder / "README.md").read_text(encoding="utf-8")
        assert [name for name in names if f"[`{name}`]({name}.md)" not in page] == []
        assert {path.stem for path in (ROOT / "docs" / folder).glob("*.md")} == {*names, "README"}
    methods = (ROOT / "docs" / "methods" / "README.md").read_text(encoding="utf-8")
    assert "formatting.md) | the same words in other shapes" in methods
    assert methods.count("Every letter, mark and digit stays") == 1
    assert methods.count("Nothing is promised") == len(WRITTEN)


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
