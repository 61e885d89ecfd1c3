"""What the pages tell the reader to type is spelled right: commands, flags, keys and choices exist; transcripts are as printed."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from kinj.cli.main import app
from kinj.config import load
from kinj.config.errors import SettingsError
from tests.docs.pages import DOCS, ROOT, blocks

PAGES = [*sorted(DOCS.rglob("*.md")), ROOT / "README.md", *sorted((ROOT / "examples").glob("*/README.md"))]
MISTAKES = DOCS / "mistakes.md"
"""Its commands are wrong on purpose."""
FENCED = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PLACEHOLDER = re.compile(r"[A-Z]{2,}|…|\.\.\.$|\$")
"""Names in capitals stand for what the reader has; dots for what is left out."""
GROUP: Any = typer.main.get_command(app)


def command_lines(page: Path) -> list[str]:
    """The lines of a page's blocks in which kinj is called."""
    text = page.read_text(encoding="utf-8")
    lines = "\n".join(FENCED.findall(text)).replace("\\\n", " ").splitlines()
    found = [re.search(r"(?:^|^\$ |-m )kinj ([a-z].*)", line) for line in lines]
    return [match[1] for match in found if match]


def words_of(line: str) -> list[str]:
    """A command's words, up to a comment, a pipe or another command."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;>")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if set(word) <= set("|&;>"):
            break
        words.append(word)
    return words


def flags_of(command: Any) -> set[str]:
    return {
        flag for option in command.params for flag in [*option.opts, *option.secondary_opts] if flag.startswith("-")
    }


def misspelt(line: str) -> list[str]:
    """What in a command line does not exist."""
    name, *words = words_of(line)
    command = GROUP.commands.get(name)
    if command is None:
        return [f"kinj {name}"]
    if words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    flags = [word.partition("=")[0] for word in words if re.match(r"-{1,2}[a-zA-Z]", word)]
    wrong = [flag for flag in flags if flag not in {*flags_of(command), "--help"}]
    return [*wrong, *unknown(tuple(word for word in words if re.match(r"[a-z_]+[\w.+]*=", word)))]


@cache
def unknown(settings: tuple[str, ...]) -> list[str]:
    """The keys of `KEY=VALUE` that do not exist, and the choices of `GROUP=CHOICE`. Stages of other files are passed over."""
    overrides = []
    for setting in settings:
        keys, _, value = setting.partition("=")
        first = re.split(r",|\.\.", value)[0].strip("[]'")
        overrides += [f"{key}={first}" for key in keys.split("+") if not passed_over(key, value)]
    try:
        load("show", overrides)
    except SettingsError as error:
        told = ("no such setting", "no such choice")
        return [problem.key for problem in error.problems if any(words in problem.text for words in told)]
    return []


def passed_over(key: str, value: str) -> bool:
    elsewhere = re.match(r"train\.stages\.(?!inject)", key) or (key == "model" and "/" in value)
    return bool(PLACEHOLDER.search(key) or elsewhere)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page != MISTAKES], ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_commands_flags_and_keys_exist(page: Path) -> None:
    assert {line: wrong for line in command_lines(page) if (wrong := misspelt(line))} == {}


def test_misspelt_commands_are_found() -> None:
    assert misspelt("trian my_docs/") == ["kinj trian"]
    assert misspelt("train my_docs/ --sam-roh 0.1") == ["--sam-roh"]
    assert misspelt("sweep optim.lrr=1e-4,1e-3 seed+data.sed=0,1") == ["optim.lrr", "data.sed"]
    assert misspelt("train train=pitt") == ["train=pitt"]
    assert misspelt("eval RUN --probe qa data.questions=[FILE]  # a comment --such") == []


TRANSCRIPTS = [block.text for block in blocks("mistakes.md") if block.text.startswith("$ ")]


def transcripts() -> list[Any]:
    """The transcripts of the page on mistakes; those that load a model take their time."""
    slow = [("--dry-run" in text and "corpus.jsonl" not in text) or "eval tiny" in text for text in TRANSCRIPTS]
    marks = [pytest.mark.slow] if any(slow) else []
    return [
        pytest.param(text, id=text.splitlines()[0][2:], marks=marks if late else [])
        for text, late in zip(TRANSCRIPTS, slow, strict=True)
    ]


@pytest.mark.parametrize("transcript", transcripts())
def test_a_mistake_gets_the_answer_that_the_page_shows(
    transcript: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("handbook").mkdir()
    for team in range(3):
        Path(f"handbook/{team}.md").write_text(
            f"Handbook page {team}. The office of team {team} is on floor {team + 2}."
        )
    Path("corpus.jsonl").write_text('{"text": "The office of team one is on floor two."}\n{"text": "broken\n')
    typed, *shown = transcript.splitlines()
    result = CliRunner().invoke(app, shlex.split(typed)[2:])
    printed = " ".join((result.stdout + result.stderr).split())
    assert [line for line in shown if " ".join(line.removesuffix("…").split()) not in printed] == []
