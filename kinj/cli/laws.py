"""`kinj sweep … --law NAME`: a law fitted to what a sweep has finished."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kinj.cli.common import emit, note
from kinj.config.errors import DONE, UsageError
from kinj.config.names import LAWS
from kinj.config.schema import SweepSettings, count_of
from kinj.report.law import show_law
from kinj.report.sweep import sweep_report
from kinj.report.write import write_page
from kinj.sweep.laws.run import fit_law
from kinj.sweep.snapshot import table_of


def law_of(folder: str, settings: SweepSettings, *, as_json: bool) -> int:
    """`kinj sweep FOLDER --law NAME`: fits a law to a sweep that is there; nothing is run.

    Raises:
        UsageError: no law is named, the folder holds no sweep, or too little for the law.
    """
    if settings.law is None:
        hint = f"fit a law: --law NAME, of {', '.join(LAWS)}\njoin it: --worker\nread it: kinj report {folder}"
        raise UsageError(f"`{folder}` is a sweep that is there; name what to do with it", hint)
    found = fitted(Path(folder), settings)
    if as_json:
        emit("sweep", folder=folder, law=found)
    else:
        show_law(found)
    return DONE


def fitted(folder: Path, settings: SweepSettings) -> dict[str, Any]:
    """Fits the law of some settings to the trials in a folder, puts it into its report, and says where it was written."""
    assert settings.law is not None
    found = fit_law(folder, settings.law, [float(count_of(value) or 0) for value in settings.at])
    write_page(sweep_report(folder, table_of(folder)))
    note(f"the law with its plot: {folder / 'laws' / settings.law}.json, .svg")
    return found
