"""What a folder holds before a sweep goes on in it: its own trials, another sweep, or trials of another version."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kinj.config import from_yaml
from kinj.config.build import flatten
from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import Settings
from kinj.report.read import read_lines
from kinj.sweep import identity
from kinj.sweep.ledger import read_states
from kinj.sweep.outcome import TrialResult
from kinj.sweep.results import PlannedTrial
from kinj.sweep.worker import finished


def refuse_other_sweep(folder: Path, settings: Settings, planned: Sequence[PlannedTrial] = ()) -> None:
    """Refuses to put a sweep into the folder of another one.

    More values make the same sweep larger. A sweep is another one where no trial is common to both and a setting differs that
    neither of them varies.

    Args:
        folder: of the sweep.
        settings: that all its trials share.
        planned: its trials, where they are known.

    Raises:
        UsageError: the folder holds another sweep.
    """
    known = read_states(folder)
    if not known or not (folder / "sweep.yaml").exists() or any(one.identity in known for one in planned):
        return
    before, now = flatten(from_yaml(folder / "sweep.yaml")), flatten(settings)
    varied = {key for one in planned for key in one.trial.overrides} | set(_varied(folder, known))
    other = [key for key in now if not key.startswith(identity.NOT_IN_IT) and key not in varied]
    rows = [f"{key}  was {before[key]}, is {now[key]}" for key in other if key in before and before[key] != now[key]]
    if rows:
        hint = "choose another place with -o, or replace what is there: --overwrite"
        raise UsageError(f"{folder} holds another sweep, with other settings", "\n".join([*rows, hint]))


def _varied(folder: Path, trials: Collection[str]) -> Iterator[str]:
    """The keys in which the trials of a folder differ from what they share."""
    for trial in trials:
        path = folder / "trials" / trial / "overrides.txt"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        yield from (line.partition("=")[0] for line in lines)


def refuse_unreadable(planned: Sequence[PlannedTrial]) -> None:
    """Reads the results that are there, so that what cannot be used is said before anything runs.

    Raises:
        KinjError: another version of kinj wrote some of them, or they are damaged.
    """
    problems = list(_problems(planned))
    if problems:
        more = [f"and {len(problems) - 1:,} more like it"] if len(problems) > 1 else []
        raise KinjError(problems[0].what, "\n".join([*more, problems[0].hint]))


def _problems(planned: Sequence[PlannedTrial]) -> Iterator[KinjError]:
    for one in planned:
        if finished(one.folder):
            try:
                _ = TrialResult(one.identity, one.replicate, one.folder).probes
            except KinjError as problem:
                yield problem


def strangers(folder: Path, states: Mapping[str, Any], planned: Collection[str]) -> list[str]:
    """What to say of trials in a folder that a command does not ask for: they are kept, and not in its table."""
    others = [trial for trial in states if trial not in planned]
    older = [trial for trial in others if _version(folder / "trials" / trial) not in (None, identity.SCHEMA)]
    said = []
    if older:
        what = f"{len(older):,} trials in {folder} were made by another version of kinj, whose results may differ"
        said.append(f"{what}: they are kept, left out of this table, and run anew where this command asks for them")
    if left := len(others) - len(older):
        what = f"{left:,} more trials in {folder} are none of those asked for (other values, or input that was edited since)"
        said.append(f"{what}: they are kept, and left out of this table")
    return said


def _version(trial: Path) -> int | None:
    """The schema of identities that a trial was last at work under; None where it does not say."""
    rows = [row for row in read_lines(trial / "events.jsonl") if row.get("kind") == "process"]
    return rows[-1].get("schema") if rows else None
