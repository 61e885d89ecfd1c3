"""The method that docs/how-to/add-a-method.md adds, put into a copy of the repository, passes what every method passes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from random import Random
from typing import Any

import pytest

from kinj.augment.audit import audit
from kinj.config.schema import AugmentSettings
from kinj.data.records import Document, Fact
from tests.docs.pages import ROOT, Block, blocks, records, typed

BLOCKS = blocks("how-to/add-a-method.md")
MODULE, NAME, SETTINGS, CARD, CASE, TRY = BLOCKS
TEXT = "Ada Byron was born in London. She wrote 12 programs."
BORN = Fact(subject="Ada Byron", relation="birth_city", value="London", start=22, end=28)


def file_of(block: Block) -> str:
    """The file that the heading above a block names."""
    return re.findall(r"`([\w/]+\.\w+)`", block.heading)[-1]


def changed(block: Block, old: str, new: str, root: Path = ROOT) -> str:
    """The file a block is about, with a text that stands there once replaced."""
    text = (root / file_of(block)).read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{file_of(block)} no longer has: {old}"
    return text.replace(old, new)


def test_it_takes_at_most_100_lines_and_names_what_is_there() -> None:
    assert sum(len(block.text.splitlines()) for block in BLOCKS[:5]) <= 100
    assert [file_of(block) for block in BLOCKS[:5]] == [
        "kinj/augment/methods/echo.py",
        "kinj/config/names.py",
        "conf/augment/echo.yaml",
        "docs/methods/echo.md",
        "tests/augment/test_augment_conformance.py",
    ]
    assert changed(NAME, "METHODS = {\n", "METHODS = {\n" + NAME.text)
    assert changed(CASE, CASE.text.replace('"echo", ', ""), CASE.text)


def test_its_views_repeat_a_sentence_and_keep_the_facts() -> None:
    space: dict[str, Any] = {"__name__": "echo"}
    exec(compile(MODULE.text, "echo.py", "exec"), space)  # the module as the page shows it
    original = Document(id="a", text=TEXT, facts=[BORN])
    method = space["build"](AugmentSettings(), 0)
    views = list(method.views(original, 20, Random(0)))
    assert len(views) == 8
    assert all(view.text.startswith(f"{TEXT}\n\n") and not audit(original, view) for view in views)
    assert all(view.text[fact.start : fact.end] == "London" for view in views for fact in view.facts)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with the method added."""
    root = tmp_path_factory.mktemp("copy")
    for name in ("kinj", "conf", "docs", "tests"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    for block in (MODULE, SETTINGS, CARD):
        (root / file_of(block)).write_text(block.text, encoding="utf-8")
    for block, old, new in (
        (NAME, "METHODS = {\n", "METHODS = {\n" + NAME.text),
        (CASE, CASE.text.replace('"echo", ', ""), CASE.text),
    ):
        (root / file_of(block)).write_text(changed(block, old, new, root), encoding="utf-8")
    return root


@pytest.mark.slow
def test_what_the_page_tries_works(copy: Path, tmp_path: Path) -> None:
    commands, _, tests = TRY.text.partition("make docs\n")
    said = typed(commands.replace("kinj ", "python -m kinj "), tmp_path, copy)
    assert "echo" in said
    views = records(tmp_path / "views.jsonl")
    assert len(views) == 20 * 5
    assert all(view["view"]["method"].startswith("echo+formatting/") for view in views if "view" in view)
    typed("python -m kinj.cli.reference docs", copy, copy)
    card = (copy / file_of(CARD)).read_text(encoding="utf-8")
    assert "Facts stay; each view is audited." in card
    assert "[`echo`](echo.md)" in (copy / "docs/methods/README.md").read_text(encoding="utf-8")
    assert "passed" in typed(f"{tests.strip()} -k echo", copy, copy)
