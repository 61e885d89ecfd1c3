"""`kinj eval --from-predictions`: scores answers made elsewhere. No model, no torch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kinj.cli.common import change_records, changes, emit, note
from kinj.cli.resuming import RUNS, latest_evaluation
from kinj.config import Loaded, to_yaml
from kinj.config.errors import DONE, PARTLY
from kinj.config.schema import Settings
from kinj.data.files import Rejects, atomic_write
from kinj.data.rejects import lines_set_aside, stem
from kinj.data.rows import find
from kinj.data.rundir import RunDir, next_run_dir
from kinj.sweep.record import note_process

if TYPE_CHECKING:
    from kinj.eval.judge import Judge


def score_predictions(source: str, loaded: Loaded, *, details: bool, dry_run: bool, as_json: bool) -> int:
    """Scores a file of answers into `run.dir`, or a new folder in `runs/`."""
    from kinj.eval.predictions import HINT, score_file

    settings = loaded.settings
    find(source, HINT)
    if dry_run:
        if as_json:
            emit("eval", dry_run=True, predictions=source, changed=change_records(loaded))
        else:
            print(changes(loaded))
            print(f"scores    {source}, compared as {settings.eval.normalizer}")
            print("ready     nothing was written. Run it without --dry-run.")
        return DONE
    label, resume = f"eval-{stem(source)}", settings.run.resume
    there = settings.run.dir or (latest_evaluation(label) if resume else next_run_dir(RUNS, label))
    judge = _judge(settings)
    folder = RunDir.create(Path(there), overwrite=settings.run.overwrite, resume=resume)
    atomic_write(folder.path / "config.yaml", to_yaml(settings))
    folder.write_env()
    note_process(folder)
    rejects = Rejects(settings.run.on_error, folder.path)
    results = score_file(source, settings.eval.normalizer, folder.path, rejects)
    if judge:
        results = judge.add_to(results, folder.path, list(results["probes"]))
    if as_json:
        emit("eval", results=[results | {"folder": str(folder.path)}])
    else:
        show(results, folder.path, details)
    if not rejects.count:
        return DONE
    note(f"{lines_set_aside(rejects.count)}, each with its reason: {', '.join(map(str, rejects.files))}")
    return PARTLY


def _judge(settings: Settings) -> Judge | None:
    if settings.eval.judge.model is None:
        return None
    from kinj.eval.judge import Judge  # imports torch, which scoring does without

    return Judge(settings.eval)


def show(content: dict[str, Any], folder: Path, details: bool) -> None:
    """The table of results on stdout, with what its intervals cover; notices, and where the answers are, on stderr.

    Args:
        details: whether also the measures of parts of the questions are shown.
    """
    from rich.console import Console

    from kinj.eval.table import (
        comparison_lines,
        interval_lines,
        judge_lines,
        overlap_lines,
        results_table,
        treatment_lines,
    )

    for line in [*content["notices"], *overlap_lines(content)]:
        note(f"note: {line}")
    Console(width=None if sys.stdout.isatty() else 120).print(results_table(content, details))
    print(
        "\n".join(
            [*treatment_lines(content), *comparison_lines(content), *interval_lines(content), *judge_lines(content)]
        )
    )
    note(f"answers, one a line: {folder / 'predictions'}")
