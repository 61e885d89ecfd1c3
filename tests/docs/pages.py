"""Pages of docs/: their blocks of code, and running what they tell the reader to type."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


class Block(NamedTuple):
    """A fenced block: its language, its lines, and the heading it stands under."""

    language: str
    text: str
    heading: str


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page of docs/, in order."""
    found, heading = [], ""
    text = (DOCS / page).read_text(encoding="utf-8")
    for match in re.finditer(r"^```(\w+)\n(.*?)^```$|^#+ ([^\n]*)$", text, re.MULTILINE | re.DOTALL):
        if match[3] is None:
            found.append(Block(match[1], match[2], heading))
        else:
            heading = match[3]
    return found


def records(path: Path) -> list[dict[str, Any]]:
    """The lines of a JSON Lines file; a text may hold what Python takes for the end of a line."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def typed(script: str, folder: Path, root: Path = ROOT, **environ: str) -> str:
    """What a block of commands prints on both streams when it is typed in a folder; each command must succeed.

    Args:
        root: the checkout whose kinj is meant.
        environ: settings that make it quick (`KINJ__…`), and other variables.
    """
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    variables = {**os.environ, "PATH": programs, "PYTHONPATH": str(root), "COLUMNS": "100", **environ}
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{script}"],
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}"
    return done.stdout
