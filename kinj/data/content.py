"""Files and folders by what they hold: moving one changes nothing, editing it does."""

from __future__ import annotations

import fnmatch
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

CHECKSUMS = "checksums.json"
"""In a checkpoint: what `checksums` found when it was written."""


def content_of(value: Any) -> Any:
    """A path, or each path of a list, by its content; anything else (`hf:NAME`, a path that is not there) as it is."""
    if isinstance(value, list):
        return [content_of(item) for item in value]
    if isinstance(value, str) and not value.startswith("hf:") and Path(value).expanduser().exists():
        return _file_or_folder(Path(value).expanduser())
    return value


def digest(files: Iterable[tuple[str, Path]]) -> str:
    """One hash of several files and what they are called."""
    parts = [[name, _hash(path.resolve(), *_version(path))] for name, path in files]
    return "content:" + hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def checksums(folder: Path, pattern: str = "*") -> dict[str, str]:
    """SHA-256 of the files below a folder, by their path in it; read now, whatever was read before."""
    found = {}
    for path in sorted(path for path in folder.rglob(pattern) if path.is_file()):
        with path.open("rb") as file:
            found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def damage_of(folder: Path, pattern: str = "*") -> str | None:
    """What is wrong with a checkpoint's files, or with those whose names are like the pattern.

    Without checksums (a folder of another program, or of kinj when it did not write them) nothing is known.
    """
    if not (folder / CHECKSUMS).exists():
        return None
    try:
        written = json.loads((folder / CHECKSUMS).read_text())
    except (OSError, ValueError):
        return f"{CHECKSUMS} is broken"
    there = checksums(folder, pattern)
    for name in fnmatch.filter(written, pattern):
        if name not in there:
            return f"{name} is missing"
        if there[name] != written[name]:
            return f"{name} is not as it was written"
    return None


def _file_or_folder(path: Path) -> str:
    if path.is_dir():
        files = (file for file in sorted(path.rglob("*")) if file.is_file())
        return digest((file.relative_to(path).as_posix(), file) for file in files)
    return digest([("", path)])


def _version(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


@cache
def _hash(path: Path, size: int, changed: int) -> str:  # noqa: ARG001 - size and time are part of the cache's key
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
