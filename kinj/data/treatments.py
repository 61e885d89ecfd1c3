"""`treatments.jsonl` of a run: which documents were taught how, where they were not all taught alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from kinj.data.writers import atomic_write, to_json

TREATMENTS = "treatments.jsonl"


def write_treatments(folder: Path, of_document: Mapping[str, int]) -> None:
    """One line per document with the number of its treatment, from 0."""
    rows = ({"document": name, "treatment": number} for name, number in of_document.items())
    atomic_write(folder / TREATMENTS, b"".join(to_json(row) + b"\n" for row in rows))


def read_treatments(folder: Path | None) -> dict[str, int]:
    """The number of each document's treatment; empty where a run taught all alike, or no run is named."""
    path = folder / TREATMENTS if folder else None
    if path is None or not path.exists():
        return {}
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {row["document"]: row["treatment"] for row in rows}
