"""`kinj sweep` from settings to the table: arms and values become trials, trials become runs, runs become a comparison."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

from kinj.cli.common import change_records, changes, emit, note
from kinj.cli.laws import fitted
from kinj.cli.progress import PLAIN_SECONDS, on_terminal
from kinj.config import Loaded, multiplex
from kinj.config.build import flatten
from kinj.config.errors import UsageError
from kinj.config.schema import Settings
from kinj.config.wording import counted
from kinj.data import open_data
from kinj.report.card import write_sweep_card
from kinj.report.law import outdated, read_laws, show_law
from kinj.report.naming import shortly_named
from kinj.report.sweep import write_sweep_report
from kinj.report.tables import ended, show_sweep
from kinj.sweep.conditions import Condition
from kinj.sweep.engines import at_a_time
from kinj.sweep.identity import identity
from kinj.sweep.laws.planned import check_planned
from kinj.sweep.multiplex import with_controls
from kinj.sweep.pruning import watched
from kinj.sweep.results import PlannedTrial
from kinj.sweep.run import SweepResult, enter, plan, sweep
from kinj.sweep.samplers import random_points
from kinj.sweep.search import search
from kinj.sweep.space import Trial, grid, spread
from kinj.sweep.unread import unread
from kinj.sweep.watch import SweepProgress
from kinj.sweep.work import Progress
from kinj.train.multiplex import check_treatments

TRIAL = "kinj.cli.trial:run_trial"
SAMPLE = 16
"""Points of a search that are looked at before it begins."""


def run_sweep(loaded: Loaded, space: Mapping[str, Sequence[Any]], *, dry_run: bool, as_json: bool) -> int:
    """Plans the trials, runs what is not done, prints the table and writes the report."""
    settings = loaded.settings
    chooser = Chooser(settings, loaded, space)
    searching = settings.sweep.sampler == "tpe"
    trials = [] if searching else chooser.trials()
    folder = Path(settings.run.dir) if settings.run.dir else chooser.search_folder() if searching else None
    where, planned = plan(trials, chooser.settings_of, folder)
    looked_at = plan(chooser.sample(), chooser.settings_of, where)[1] if searching else planned
    if settings.sweep.law and not searching:
        check_planned(settings.sweep.law, planned)
    for warning in unread(looked_at, loaded):
        note(f"warning: {warning}")
    for one in looked_at:
        open_data(one.settings.data)  # a path that is missing is said now, not by every trial
    if settings.train.multiplex:
        check_treatments(planned[0].settings, open_data(planned[0].settings.data))
    if len(planned) == 1 and not space and not settings.sweep.arms and not settings.train.multiplex:
        note("nothing is varied, so there is one trial; values to try: kinj sweep optim.lr=1e-4,1e-3 seed=0..4")
    if dry_run:
        return _describe(loaded, where, chooser, [str(one.trial) for one in planned], as_json)
    if settings.sweep.workers == 0:
        return _only_plan(settings, where, planned, as_json)
    size = f"{settings.sweep.points} points" if searching else counted(len(planned), "trial")
    most = at_a_time(settings.sweep) or "as many as the cluster has room for"
    note(f"sweep {where}: {size}, {most} at a time" + chooser.told())
    if settings.sweep.prune:
        note(
            f"trials may be pruned by their curve of {watched(settings.sweep)}, beside others of the same arm and seeds"
        )
    kept = replace(settings, run=replace(settings.run, overwrite=False)) if searching else settings
    with sweep_progress() as progress:

        def run(chosen: Sequence[Trial]) -> SweepResult:
            return sweep(chosen, chooser.settings_of, where, TRIAL, settings.sweep.workers, kept, progress)

        result = (
            search(space, settings, where, lambda points: run(chooser.at(points)), chooser.wants)
            if searching
            else run(trials)
        )
    report = write_sweep_report(where)
    write_sweep_card(where)
    others = [law for law in read_laws(where) if law["law"] != settings.sweep.law]
    stale = [said for law in others if (said := outdated(where, law, result.table))]
    if as_json:
        for said in stale:
            note(said)
        law = {"law": fitted(where, settings.sweep)} if settings.sweep.law else {}
        counts = {"done": result.done, "failed": result.failed, "resumed": result.resumed}
        emit("sweep", folder=str(where), **counts, **result.table, **law)
        return result.exit_code
    show_sweep(shortly_named(result.table))
    for point in result.table.get("search", {}).get("best", []):
        print("best      " + ", ".join(f"{axis}={value}" for axis, value in point.items()))
    note(f"the whole story with plots: {report}")
    stopped = sum(ended(failure) == "interrupted" for failure in result.table["failures"])
    if stopped:
        note(f"{counted(stopped, 'trial')} interrupted, as said above; the same command goes on with what is left.")
    if result.failed > stopped:
        note(f"{counted(result.failed - stopped, 'trial')} failed; log.txt says why. --retry-failed tries again.")
    for said in stale:
        note(said)
    if settings.sweep.law:  # last: a law with too few trials is refused, and what was run should be seen all the same
        show_law(fitted(where, settings.sweep))
    return result.exit_code


class Chooser:
    """Which trials a sweep has: the points of its space, every seed and arm, less those that `sweep.where` leaves out."""

    def __init__(self, settings: Settings, loaded: Loaded, space: Mapping[str, Sequence[Any]]) -> None:
        self.settings, self.loaded, self.space = settings, loaded, space
        self.condition = Condition(settings.sweep.where) if settings.sweep.where else None
        self.left_out = self.fewer = 0

    def settings_of(self, trial: Trial) -> Settings:
        """The settings a trial runs with. `augment.method` and `augment.views`, where varied, go to its sources of documents."""
        settings = self.loaded.override(trial.overrides, command="train").settings
        views = {"augment.method": settings.augment.method, "augment.views": settings.augment.views}
        varied = {key: value for key, value in views.items() if key in trial.overrides}
        return multiplex.settings_of(settings, varied) if varied else settings

    def at(self, points: Sequence[Mapping[str, Any]]) -> list[Trial]:
        """The trials at some points."""
        return [trial for trial in spread(points, self.space, self.settings.sweep.arms) if self._wanted(trial)]

    def wants(self, point: Mapping[str, Any]) -> bool:
        """Whether there is a trial at a point."""
        return self.condition is None or bool(self.at([point]))

    def sample(self) -> list[Trial]:
        """Trials at a few points drawn at random: what a search, whose points are not known yet, may come to.

        Raises:
            UsageError: the condition leaves nothing.
        """
        found = self.at(list(islice(random_points(self.space, self.settings.seed, self.wants), SAMPLE)))
        return found or self._none_left()

    def trials(self) -> list[Trial]:
        """The trials of a grid, or at points drawn at random.

        Raises:
            UsageError: the condition leaves nothing.
        """
        sweep = self.settings.sweep
        if sweep.sampler == "random":
            points = list(islice(random_points(self.space, self.settings.seed, self.wants), sweep.points))
            self.fewer = sweep.points - len(points)
            found = self.at(points)
        else:
            found = [trial for trial in grid(self.space, sweep.arms) if self._wanted(trial)]
        if not found:
            self._none_left()
        return with_controls(found, self.settings, self.settings_of)

    def _none_left(self) -> NoReturn:
        what = f"sweep.where: `{self.settings.sweep.where}` leaves no trial"
        raise UsageError(what, "try fewer conditions, or more values")

    def _wanted(self, trial: Trial) -> bool:
        if self.condition is None:
            return True
        wanted = self.condition.holds({"arm": trial.arm, **flatten(self.settings_of(trial))})
        self.left_out += not wanted
        return wanted

    def told(self) -> str:
        """What was left out, for the line that begins a sweep."""
        if self.fewer:
            asked = self.settings.sweep.points
            return f"; no more than {asked - self.fewer} of the {asked} points asked for were found"
        return (
            f"; {self.left_out} left out by sweep.where"
            if self.left_out and self.settings.sweep.sampler == "grid"
            else ""
        )

    def search_folder(self) -> Path:
        """A place that follows from what is searched, so that the same command finds it again."""
        sought = repr((identity(self.settings), sorted(self.space.items()), self.settings.sweep.objectives))
        return Path("runs") / f"search-{hashlib.sha256(sought.encode()).hexdigest()[:8]}"


def _describe(loaded: Loaded, where: Path, chooser: Chooser, trials: Sequence[str], as_json: bool) -> int:
    if as_json:
        emit("sweep", dry_run=True, folder=str(where), trials=list(trials), changed=change_records(loaded))
        return 0
    print(changes(loaded))
    searched = f"{chooser.settings.sweep.points} points, chosen on the way"
    print(f"sweep     {where}, {counted(len(trials), 'trial') if trials else searched}{chooser.told()}")
    for trial in trials:
        print(f"          {trial}")
    print("ready     nothing was written. Run it without --dry-run.")
    return 0


def _only_plan(settings: Settings, where: Path, planned: Sequence[PlannedTrial], as_json: bool) -> int:
    """Writes the trials down and leaves them to processes that join."""
    enter(where, planned, settings)
    if as_json:
        emit("sweep", folder=str(where), planned=len(planned))
    else:
        print(f"planned   {counted(len(planned), 'trial')} in {where}")
    note(f"run them, here or elsewhere, as often as you like at a time: kinj sweep {where} --worker")
    note("then the same command without --workers 0 makes the table and the report")
    return 0


@contextmanager
def sweep_progress() -> Iterator[Progress]:
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
