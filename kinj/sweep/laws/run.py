"""`--law NAME`: fits a law to the trials in a sweep's folder and writes what was found there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kinj.data.files import atomic_write
from kinj.report.law import law_plot
from kinj.sweep.laws.registry import LAWS
from kinj.sweep.laws.rows import read_rows
from kinj.sweep.laws.study import study
from kinj.sweep.snapshot import table_of


def fit_law(folder: Path, name: str, at: Sequence[float] = ()) -> dict[str, Any]:
    """Fits a law to the finished trials of a sweep; writes `laws/NAME.json` and `laws/NAME.svg` into its folder.

    Args:
        folder: of the sweep.
        name: of the law; a key of `kinj.sweep.laws.registry.LAWS`.
        at: values of the law's x to predict.

    Returns:
        The content of the JSON file (docs/laws/README.md).

    Raises:
        UsageError: the folder holds no results of a sweep, or too few for this law.
    """
    law = LAWS[name]()
    result = study(law, read_rows(folder, law), at)
    if pruned := table_of(folder).get("pruned"):
        gap = "where they would have done badly, the law has gaps, and the means of the seeds that were left look too good"
        result["notices"].append(f"pruned trials are left out ({len(pruned)}): {gap}")
    text = json.dumps(result, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    atomic_write(folder / "laws" / f"{name}.json", text)
    atomic_write(folder / "laws" / f"{name}.svg", law_plot(result))
    return result
