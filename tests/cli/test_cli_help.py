"""Help is light, and so it is quick."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

COMMANDS = [[], ["augment"], ["train"], ["eval"], ["sweep"], ["show"], ["show", "config"], ["show", "data"]]
HEAVY = ["torch", "transformers", "datasets", "evaluate", "accelerate", "numpy", "omegaconf", "yaml"]
PLAIN = {key: value for key, value in os.environ.items() if key not in ("FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS")}
SCRIPT = """
import json, sys
sys.argv = ["kinj", *json.loads(sys.argv[1])]
from kinj.cli.main import main
try:
    main()
except SystemExit as stop:
    print(json.dumps([stop.code, [name for name in {heavy!r} if name in sys.modules]]), file=sys.stderr)
"""


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    script = SCRIPT.replace("{heavy!r}", repr(HEAVY))
    return subprocess.run(
        [sys.executable, "-c", script, json.dumps(arguments)], capture_output=True, text=True, env=PLAIN, check=False
    )


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command) or "kinj")
def test_help_imports_nothing_heavy(command: list[str]) -> None:
    done = start(*command, "--help")
    assert json.loads(done.stderr.splitlines()[-1]) == [0, []]
    assert "Usage: kinj" in done.stdout


def test_version_names_the_libraries_without_importing_them() -> None:
    done = start("--version")
    assert json.loads(done.stderr.splitlines()[-1]) == [0, []]
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["kinj", "torch", "transformers"]


def test_settings_are_shown_without_torch() -> None:
    done = start("show", "config", "optim.lr=1e-4")
    assert json.loads(done.stderr.splitlines()[-1]) == [0, ["omegaconf", "yaml"]]


@pytest.mark.parametrize("command", [["--help"], ["train", "--help"]], ids=" ".join)
def test_help_imports_little(command: list[str]) -> None:
    """Within 0.4 s on a quiet core (0.23 and 0.33 s), nearly all of it imports: 336 and 437 modules, 11 of them kinj's."""
    script = SCRIPT.replace("{heavy!r}", "sys.modules")
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(command)], capture_output=True, text=True, env=PLAIN, check=True
    )
    imported = json.loads(done.stderr.splitlines()[-1])[1]
    assert len(imported) < 480
    assert sum(name.startswith("kinj") for name in imported) < 16


@pytest.mark.parametrize("command", ["augment", "train", "eval", "sweep"])
def test_every_command_has_the_common_options_and_examples(command: str) -> None:
    text = start(command, "--help").stdout
    for option in ("--config", "--dry-run", "--json", "--debug", "--output", "--overwrite"):
        assert option in text
    assert text.count(f" kinj {command}") >= 3


def test_no_colour_codes_when_asked_for_none() -> None:
    for extra in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        done = subprocess.run(
            [sys.executable, "-m", "kinj", "train", "--nope"],
            capture_output=True,
            text=True,
            env=PLAIN | extra,
            check=False,
        )
        assert done.returncode == 2
        assert "\x1b[3" not in done.stderr
        assert done.stdout == ""
