"""`--resume`: which run goes on, with which settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kinj.config import Loaded, from_yaml, to_yaml
from kinj.config.build import flatten
from kinj.config.errors import UsageError
from kinj.config.schema import Settings
from kinj.data.files import atomic_write
from kinj.data.rundir import RunDir

RUNS = Path("runs")

HARMLESS = (
    *("train.recipe", "train.checkpoint_every", "train.keep_checkpoints", "train.threads"),
    *("train.probe_every", "train.probe_log", "train.probes"),
    *("eval.probes", "eval.limit", "eval.batch_tokens", "model.lora.merge", "sweep."),
)
"""Settings (a final dot: all below) that change nothing a model learns; the threads change its last bits."""


def resumed(loaded: Loaded, anyway: bool) -> tuple[Loaded, list[str]]:
    """The settings of the run to go on with: its own, and with `anyway` harmless ones that were typed on top.

    Returns:
        The settings, and the changes, one a line.

    Raises:
        UsageError: there is no such run, or a setting that was typed differs from the run's.
    """
    path = Path(loaded.settings.run.dir) if loaded.settings.run.dir else _latest_unfinished()
    config = path / "config.yaml"
    if not config.exists():
        raise UsageError(f"{path} is no run to resume: it has no config.yaml", "start it without --resume")
    now = loaded.over(config)
    before, after = flatten(from_yaml(config)), flatten(now.settings)
    changed = [key for key in after if not key.startswith("run.") and after[key] != before.get(key, after[key])]
    rows = [f"{key}  was {before.get(key)}, now {after[key]}" for key in changed]
    if changed and not (anyway and all(key.startswith(HARMLESS) for key in changed)):
        raise UsageError(f"{path} cannot be resumed with other settings", "\n".join([*rows, _way_out(changed)]))
    now.settings.run.dir, now.settings.run.resume, now.settings.run.overwrite = str(path), True, False
    return now, rows


def _way_out(changed: Sequence[str]) -> str:
    harmful = [key for key in changed if not key.startswith(HARMLESS)]
    if not harmful:
        return "leave them out, or go on with them: --resume-anyway (they change nothing that is learned)"
    return f"leave them out, or start a new run; what is learned depends on {', '.join(harmful)}"


def keep_changes(loaded: Loaded, rows: Sequence[str]) -> None:
    """Writes changed settings into the run that goes on with them, and says so in its events."""
    if not rows:
        return
    run = RunDir(loaded.settings.run.dir or "")
    atomic_write(run.path / "config.yaml", to_yaml(kept(loaded.settings)))
    run.event("notice", text=f"resumed with other settings: {'; '.join(rows)}")


def kept(settings: Settings) -> Settings:
    """The settings as a run keeps them: what replaces or continues something was meant for one call."""
    return replace(settings, run=replace(settings.run, overwrite=False, resume=False))


def _latest_unfinished() -> Path:
    runs = [path for path in RUNS.iterdir() if (path / "config.yaml").exists()] if RUNS.is_dir() else []
    open_runs = [path for path in runs if not (path / "summary.json").exists()]
    if not open_runs:
        raise UsageError("there is no unfinished run in runs/ to resume", "name one: kinj train -o runs/NAME --resume")
    return max(open_runs, key=lambda path: (path / "config.yaml").stat().st_mtime)


def latest_evaluation(label: str) -> Path:
    """The newest folder of an evaluation.

    Raises:
        UsageError: there is none.
    """
    found = sorted(RUNS.glob(f"{label}-[0-9]*"))
    if not found:
        raise UsageError(
            f"there is no {RUNS}/{label}-… to go on with", "start it without --resume, or name it: -o FOLDER"
        )
    return found[-1]
