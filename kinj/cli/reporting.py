"""What `kinj report` does: tells what each path is, and writes what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kinj.cli.common import emit, note
from kinj.config.errors import DONE, UsageError
from kinj.data.rundir import RunDir
from kinj.report.blocks import Report
from kinj.report.read import RunFiles
from kinj.report.run import run_report
from kinj.report.sweep import sweep_report
from kinj.report.write import FORMATS, write, write_plots
from kinj.sweep.ledger import holds_sweep
from kinj.sweep.snapshot import table_of


def write_reports(paths: Sequence[str], output: str | None, formats: Sequence[str], *, as_json: bool) -> int:
    """Writes one report over all paths, and its plots beside it.

    Args:
        output: the file; by default `report.html` in the run or sweep, or in the current folder for several.
        formats: of html, md and json, each alone or several with commas between; none: what `output` ends in.

    Raises:
        UsageError: a path is neither a run nor a sweep, or a format is unknown.
    """
    wanted = chosen_formats(formats, output)
    reports = [report_of(Path(path)) for path in paths]
    target = Path(output) if output else (reports[0].path if len(reports) == 1 else Path()) / "report.html"
    if target.is_dir():
        raise UsageError(f"{target} is a folder", f"name a file in it: -o {target / 'report.html'}")
    plots = write_plots(reports, target)
    pages = write(reports, target, wanted)
    if as_json:
        told = [
            {"path": str(one.path), "kind": one.kind, "answer": one.answer, "missing": list(one.missing)}
            for one in reports
        ]
        emit("report", pages=[str(path) for path in pages], plots=[str(path) for path in plots], reports=told)
        return DONE
    for one in reports:
        for line in one.missing:
            note(f"missing in {one.path}: {line}")
    print("\n".join(map(str, pages)))
    if plots:
        note(f"plots as SVG and PNG: {plots[0].parent}")
    return DONE


def chosen_formats(formats: Sequence[str], output: str | None) -> list[str]:
    """The formats asked for, once each.

    Raises:
        UsageError: there is no such format.
    """
    named = [one.strip() for many in formats for one in many.split(",") if one.strip()]
    ending = Path(output).suffix.removeprefix(".") if output else ""
    wanted = list(dict.fromkeys(named or [ending if ending in FORMATS else "html"]))
    unknown = [one for one in wanted if one not in FORMATS]
    if unknown:
        raise UsageError(f"--format {unknown[0]}: there is no such format", f"formats are: {', '.join(FORMATS)}")
    return wanted


def report_of(path: Path) -> Report:
    """What there is to say about a folder.

    Raises:
        UsageError: it does not exist, or is neither a run nor a sweep.
    """
    if not path.exists():
        raise UsageError(f"{path} does not exist", "name the folder of a run or a sweep: kinj report runs/inject-001")
    if holds_sweep(path):
        return sweep_report(path, table_of(path))
    if RunDir(path).is_run():
        return run_report(RunFiles(path))
    inside = sorted({entry.parent for name in ("config.yaml", "sweep.yaml") for entry in path.glob(f"*/{name}")})
    hint = "runs are made by kinj train, sweeps by kinj sweep"
    if inside:
        hint = f"did you mean: kinj report {' '.join(map(str, inside[:3]))}"
    what = f"{path} is neither a run nor a sweep: it has no config.yaml and no sweep.yaml"
    raise UsageError(what, hint)
