"""What `kinj train` and `kinj eval` do once their settings are loaded."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from kinj.cli.common import emit, note
from kinj.cli.pipeline import new_run, set_aside, train_in, write_pages
from kinj.cli.progress import RunNotes, training_progress
from kinj.cli.resuming import RUNS, keep_changes, resumed
from kinj.config import Loaded
from kinj.config.errors import DONE, UsageError
from kinj.config.schema import Settings
from kinj.data.rundir import RunDir, latest_run
from kinj.train.processes import join

FALLBACK_MODEL = "tiny"
"""What is asked where no run was made yet."""


def train_run(loaded: Loaded, *, resume: bool, resume_anyway: bool = False, dry_run: bool, as_json: bool) -> int:
    """`kinj train`: a new run, or the rest of one."""
    changed: list[str] = []
    if resume:
        loaded, changed = resumed(loaded, resume_anyway)
    settings = loaded.settings
    main = join().main
    if dry_run:
        from kinj.cli.dry_run import describe_training

        return describe_training(settings, loaded, as_json) if main else DONE
    told = len(RunDir(settings.run.dir or "").events()) if resume else 0
    if main:
        keep_changes(loaded, changed)
    showing = training_progress() if main else nullcontext()
    with new_run(settings, settings.train.recipe, loaded.overrides()) as run, showing as progress:
        note(f"run {run.path}: {settings.model.name}, recipe {settings.train.recipe}, data {settings.data.name}")
        notes = RunNotes(run, told)
        try:
            result, data = train_in(settings, run, notes.with_each_stage(progress) if progress else None)
        finally:
            if main:
                notes.tell()
    if not main:
        return DONE
    write_pages(run)
    if as_json:
        emit("train", run=str(run.path), **vars(result))
    else:
        rate = result.tokens / result.seconds if result.seconds else 0.0
        passes = f"{result.passes:,} passes, {result.tokens:,} tokens"
        print(f"{run.path}  {result.steps:,} steps, {passes}, {result.seconds:.1f} s ({rate:,.0f} tokens/s)")
        note(f"next: kinj eval {run.path}")
    return set_aside(data)


def eval_models(
    loaded: Loaded,
    models: Sequence[str],
    *,
    ask: Sequence[str],
    compare: bool,
    details: bool,
    export: tuple[str, Path] | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """`kinj eval`: asks each model or run; the latest run, or the embedded model, where none is named."""
    named = list(models) or [_default_model(loaded)]
    if dry_run:
        from kinj.cli.eval_dry_run import describe_evaluation

        return describe_evaluation(named, loaded, as_json)
    if ask:
        return _ask(named, loaded, ask, as_json)
    if export:
        from kinj.cli.exporting import export_questions

        if len(named) > 1:
            raise UsageError("--export writes the questions as they are put to one model", "name one")
        return export_questions(named[0], loaded, *export, as_json=as_json)
    from kinj.cli.evaluation import evaluate_one

    if compare:
        results = [evaluate_one(named[0], loaded, before=_start_of(named, loaded))]
    else:
        results = [evaluate_one(name, loaded) for name in named]
    if as_json:
        emit("eval", results=[result.content | {"folder": str(result.folder)} for result in results])
    else:
        for result in results:
            result.show(details)
    return max(set_aside(result.data) for result in results)


def _start_of(named: Sequence[str], loaded: Loaded) -> str:
    """What `--compare` compares the first model with: the second one named, or the model a run started from.

    Raises:
        UsageError: there is nothing to compare with, or too much.
    """
    if len(named) == 2:
        return named[1]
    settings, run = run_settings(named[0], loaded)
    if len(named) > 2 or run is None or settings.model.name == "scratch":
        raise UsageError(
            "--compare takes two models, or one run that did not start from scratch", "kinj eval RUN MODEL --compare"
        )
    return settings.model.name


def _default_model(loaded: Loaded) -> str:
    if loaded.origins.get("model.name", "default").startswith(("conf/", "default")):
        run = latest_run(RUNS)
        if run is not None:
            note(f"asking the latest run: {run.path}")
            return str(run.path)
        note(f"no run in {RUNS}/ yet: asking the embedded model {FALLBACK_MODEL}")
    return loaded.settings.model.name


def run_settings(name: str, loaded: Loaded) -> tuple[Settings, Path | None]:
    """Settings to ask a model with: a run's own (what was typed on top), or those loaded; and the run's directory."""
    path = Path(name)
    if (path / "config.yaml").exists() and (path / "checkpoints").is_dir():
        return loaded.over(path / "config.yaml").settings, path
    return loaded.override({"model.name": name}).settings, None


def _ask(models: Sequence[str], loaded: Loaded, questions: Sequence[str], as_json: bool) -> int:
    """Prints the answer of each model; of a run, also the answer of the model it started from."""
    from dataclasses import replace

    from kinj.models.answering import answer
    from kinj.models.loading import load_model
    from kinj.models.requests import Request

    requests = [
        Request(kind="generate", prompt=text, max_new_tokens=loaded.settings.eval.max_new_tokens) for text in questions
    ]
    rows: list[dict[str, Any]] = []
    for name in models:
        settings, run = run_settings(name, loaded)
        names = [("before", settings.model.name), ("after", str(run))] if run else [("answer", name)]
        for label, model in names:
            if label == "before" and model == "scratch":
                continue  # new weights answer nothing
            language_model = load_model(replace(settings.model, name=model), max_tokens=settings.data.max_tokens)
            rows += [
                {"model": model, "when": label, "question": response.request.prompt, "answer": response.text}
                for response in answer(language_model, requests)
            ]
    if as_json:
        emit("eval", asked=rows)
        return 0
    for question in questions:
        print(question)
        for row in (row for row in rows if row["question"] == question):
            print(f"  {row['when']:<7} {row['answer']}   ({row['model']})")
    return 0
