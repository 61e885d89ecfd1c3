"""report.html of a run."""

from __future__ import annotations

from pathlib import Path

from kinj.report.read import RunFiles
from kinj.report.run import run_report
from kinj.report.write import write_page


def write_run_report(run_dir: Path) -> Path:
    """Writes `report.html` into a run's directory and returns its path.

    Raises:
        UsageError: it is no run directory.
    """
    return write_page(run_report(RunFiles(Path(run_dir))))
