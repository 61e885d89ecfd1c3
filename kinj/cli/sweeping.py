"""`kinj sweep` from settings to the table: arms and values become trials, trials become runs, runs become a comparison."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kinj.cli.common import change_records, changes, emit, note
from kinj.cli.laws import fitted
from kinj.cli.progress import PLAIN_SECONDS, on_terminal
from kinj.config import Loaded
from kinj.config.schema import Settings
from kinj.data import open_data
from kinj.report.card import write_sweep_card
from kinj.report.law import show_law
from kinj.report.sweep import write_sweep_report
from kinj.report.tables import show_sweep
from kinj.sweep.run import Progress, plan, sweep
from kinj.sweep.space import Trial, grid
from kinj.sweep.watch import SweepProgress

TRIAL = "kinj.cli.pipeline:run_trial"


def run_sweep(
    settings: Settings, loaded: Loaded, space: Mapping[str, Sequence[Any]], *, dry_run: bool, as_json: bool
) -> int:
    """Plans the trials, runs what is not done, prints the table and writes the report."""
    trials = grid(space, settings.sweep.arms)

    def make_settings(trial: Trial) -> Settings:
        return loaded.override(trial.overrides, command="train").settings

    folder = Path(settings.run.dir) if settings.run.dir else None
    where, planned = plan(trials, make_settings, folder)
    for one in planned:
        open_data(one.settings.data)  # a path that is missing is said now, not by every trial
    if dry_run:
        return _describe(loaded, where, [str(one.trial) for one in planned], as_json)
    note(f"sweep {where}: {len(planned)} trials, {settings.sweep.workers} at a time")
    with _progress() as progress:
        result = sweep(trials, make_settings, where, TRIAL, settings.sweep.workers, settings, progress)
    report = write_sweep_report(where)
    write_sweep_card(where)
    if as_json:
        law = {"law": fitted(where, settings.sweep)} if settings.sweep.law else {}
        counts = {"done": result.done, "failed": result.failed, "resumed": result.resumed}
        emit("sweep", folder=str(where), **counts, **result.table, **law)
        return result.exit_code
    show_sweep(result.table)
    note(f"the whole story with plots: {report}")
    if result.failed:
        note(f"{result.failed} trials failed; each says why in its log.txt. The same command tries them again.")
    if settings.sweep.law:  # last: a law with too few trials is refused, and what was run should be seen all the same
        show_law(fitted(where, settings.sweep))
    return result.exit_code


def _describe(loaded: Loaded, where: Path, trials: Sequence[str], as_json: bool) -> int:
    if as_json:
        emit("sweep", dry_run=True, folder=str(where), trials=list(trials), changed=change_records(loaded))
        return 0
    print(changes(loaded))
    print(f"sweep     {where}, {len(trials)} trials")
    for trial in trials:
        print(f"          {trial}")
    print("ready     nothing was written. Run it without --dry-run.")
    return 0


@contextmanager
def _progress() -> Iterator[Progress]:
    """One line that is redrawn on a terminal; a line now and then elsewhere."""
    last_time, last_text, live = time.monotonic(), "", on_terminal()

    def show(state: SweepProgress) -> None:
        nonlocal last_time, last_text
        text = str(state)
        if live:
            running = "   ".join(f"{one.name} {one.share or 0:.0%}" for one in state.running)
            sys.stderr.write(f"\r\x1b[2K  {text}   {running}")
            sys.stderr.flush()
        elif text != last_text and time.monotonic() - last_time >= PLAIN_SECONDS:
            last_time, last_text = time.monotonic(), text
            note(f"  {text}")

    try:
        yield show
    finally:
        if live:
            sys.stderr.write("\n")
