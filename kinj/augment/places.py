"""Where an output's further files go: set-aside lines, views that changed, counts."""

from __future__ import annotations

from pathlib import Path

from kinj.data.rejects import stem


def is_folder(output: Path) -> bool:
    """Whether an output is a folder of shards and not one file: its name has no ending."""
    return not output.suffix


def side_of(output: Path, name: str) -> Path:
    """A further file of an output: `views.jsonl.gz` has `views.NAME` beside it, a folder has it inside."""
    return output / name if is_folder(output) else output.with_name(f"{stem(str(output))}.{name}")
