"""One model or run under `kinj eval`: load it, ask it, show what it answered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kinj.cli.common import note
from kinj.cli.pipeline import question_formats, start_model, stopped, write_pages
from kinj.cli.resuming import RUNS, latest_evaluation
from kinj.cli.scoring import show
from kinj.cli.workflow import run_settings
from kinj.config import Loaded, to_yaml
from kinj.config.errors import UsageError
from kinj.config.schema import Settings
from kinj.data import open_data
from kinj.data.base import DataSet
from kinj.data.files import atomic_write
from kinj.data.rundir import CHECKPOINTS, RunDir, next_run_dir
from kinj.models.expressions import amounts
from kinj.models.loading import LanguageModel, load_model
from kinj.models.places import locate
from kinj.models.served import served
from kinj.sweep.record import note_process


@dataclass
class Evaluated:
    """Results of one model, and where they were written."""

    name: str
    content: dict[str, Any]
    folder: Path
    data: DataSet

    def show(self, details: bool) -> None:
        """Prints the results."""
        show(self.content, self.folder, details)


def evaluate_one(name: str, loaded: Loaded, before: str | None = None) -> Evaluated:
    """Asks one model or run the probes of `eval.probes`.

    Results of a run go into its directory, those of another model into `run.dir` or a new folder in `runs/`.

    Args:
        name: a run directory or a model.
        loaded: settings as typed; a run's own settings stand below them.
        before: another model to ask the same, for the changes since it.
    """
    from kinj.eval.base import Context
    from kinj.eval.run import evaluate

    settings, run = run_settings(name, loaded)
    if before and settings.eval.engine == "vllm":
        raise UsageError(
            "--compare holds two models, and eval.engine=vllm takes the device for one", "eval.engine=transformers"
        )
    folder = _folder(settings, loaded, run, name)
    data = open_data(settings.data, settings.run.on_error, folder)
    language_model = served(name, settings.eval.in_flight) or model_of(settings, run, name)
    earlier = served(before, settings.eval.in_flight) or model_of(settings, None, before) if before else None
    context = Context(settings=settings, data=data, run=run, reformat=question_formats(settings))
    context.notices += _unfinished([name, before])
    try:
        content = evaluate(settings, language_model, context, settings.eval.probes, folder, before=earlier)
    except BaseException as error:
        if run != folder:
            stopped(RunDir(folder), error)
        raise
    if run == folder:
        write_pages(RunDir(run))
    for account in data.accounts:
        note(f"data: {account}")
    return Evaluated(name, content, folder, data)


def _unfinished(names: Sequence[str | None]) -> list[str]:
    """What must be said of runs whose training goes on or was stopped."""
    runs = [RunDir(name) for name in names if name and Path(name, CHECKPOINTS).is_dir()]
    return [
        f"{run.path} is not finished: asked as it was after step {run.checkpoints()[-1][0]:,}"
        for run in runs
        if run.checkpoints() and not run.finished()
    ]


def model_of(settings: Settings, run: Path | None, name: str) -> LanguageModel:
    """The model of a run, or one of that name, asked by `eval.engine`."""
    if run is None:
        found = load_model(replace(settings.model, name=name), settings.seed, max_tokens=settings.data.max_tokens)
    else:
        checkpoint = locate(str(run))
        found = replace(start_model(settings, open_data(settings.data), checkpoint), name=name)
    if settings.eval.engine == "vllm":
        from kinj.models.vllm_engine import engine

        found.engine = engine(found, settings.model)
    return found


def _folder(settings: Settings, loaded: Loaded, run: Path | None, name: str) -> Path:
    typed = loaded.settings.run.dir
    if run is not None and (typed is None or Path(typed) == run):
        return run
    resume = loaded.settings.run.resume
    label = f"eval-{_short(name)}"
    target = Path(typed) if typed else latest_evaluation(label) if resume else next_run_dir(RUNS, label)
    made = RunDir.create(target, overwrite=loaded.settings.run.overwrite, resume=resume)
    atomic_write(made.path / "config.yaml", to_yaml(settings))
    made.write_env()
    note_process(made)
    return made.path


def _short(name: str) -> str:
    """A model's name for a folder: of a path its last part; of a model expression all of it, without the operators."""
    if remote := served(name, 1):
        return remote.model.replace("/", "-")
    return "-".join(re.findall(r"[\w.-]*\w", name)) if amounts(name) else Path(name).name
