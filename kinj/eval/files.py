"""The files of `predictions/`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kinj.data.files import atomic_write, to_json
from kinj.eval.documents import rows_by_document


def write_predictions(
    folder: Path, probe: str, rows: Sequence[dict[str, Any]], changed: Sequence[dict[str, Any]] | None
) -> None:
    """Writes `predictions/PROBE.jsonl`; its table by document; of a comparison, the answers that changed. Old ones go."""
    files = {probe: rows, f"{probe}.documents": list(rows_by_document(rows)) or None, f"{probe}.flips": changed}
    for name, lines in files.items():
        path = folder / "predictions" / f"{name}.jsonl"
        if lines is None:
            path.unlink(missing_ok=True)
        else:
            atomic_write(path, b"".join(to_json(row) + b"\n" for row in lines))
