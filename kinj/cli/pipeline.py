"""How the stations work together: from settings to a trained and evaluated run."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from kinj.augment.engine import augment_documents
from kinj.augment.questions import augment_questions
from kinj.cli.common import note
from kinj.cli.resuming import kept
from kinj.config import to_yaml
from kinj.config.errors import DONE, PARTLY, InterruptError, KinjError, UnfinishedError, UsageError
from kinj.config.schema import LoraSettings, Settings
from kinj.data import open_data
from kinj.data.base import DataSet
from kinj.data.files import atomic_folder, atomic_write
from kinj.data.records import Document, Question, Record
from kinj.data.rejects import lines_set_aside, rejected
from kinj.data.rundir import RunDir, next_run_dir
from kinj.models.loading import LanguageModel, load_model
from kinj.sweep.record import note_process
from kinj.train.accounts import TrainResult
from kinj.train.checkpoint import sound_checkpoint
from kinj.train.handover import TAKEN_OVER, taken_over
from kinj.train.processes import Onlooker, join
from kinj.train.run import Progress, StageEnd, train
from kinj.train.stages import Augment, records_of

TOKENIZER_DOCUMENTS = 20_000
"""Documents per source that a new tokenizer learns from; more change its vocabulary little."""


def augmenter(settings: Settings) -> Augment:
    """The augmenter that sources with `augment` use: methods and views from the source, the rest from `augment`."""
    from dataclasses import replace

    def make_views(records: Sequence[Record], methods: Sequence[str], views: int) -> list[Record]:
        chosen = replace(settings.augment, method=list(methods), views=views, workers=1)
        documents = (record for record in records if isinstance(record, Document))
        questions = (record for record in records if isinstance(record, Question))
        seed = settings.data.seed
        return [*augment_documents(documents, chosen, seed), *augment_questions(questions, chosen, seed)]

    return make_views


def question_formats(settings: Settings) -> Callable[[Sequence[Question]], list[Question]]:
    """Puts each question into one format of `eval.formats`, for the probe that asks so."""
    from dataclasses import replace

    formatting = replace(settings.augment.formatting, families=settings.eval.formats, exclude=[])
    chosen = replace(settings.augment, method=["formatting"], views=1, workers=1, formatting=formatting)

    def reformat(questions: Sequence[Question]) -> list[Question]:
        return [view for view in augment_questions(questions, chosen, settings.data.seed) if view.view is not None]

    return reformat


def training_texts(settings: Settings, data: DataSet) -> Iterator[str]:
    """The texts a new tokenizer learns from: what the stages' sources hold, each once, their views and questions included.

    Stages outside `train.order` count too, so that arms which differ in the order of the same stages share a tokenizer.
    """
    views = augmenter(settings)
    read: set[tuple[str | None, str, tuple[str, ...]]] = set()
    for stage in settings.train.stages.values():
        for key, source in stage.data.items():
            part = (source.path, "" if source.path else source.pool or key, tuple(source.augment))
            records = records_of(key, source, settings, data) if source.weight > 0 and part not in read else None
            if records is None:
                continue
            read.add(part)
            documents = [record for record in records if isinstance(record, Document)][:TOKENIZER_DOCUMENTS]
            pairs = [record for record in records if isinstance(record, Question)][:TOKENIZER_DOCUMENTS]
            chosen: list[Record] = [*documents, *pairs]
            for record in views(chosen, source.augment, 1) if source.augment else chosen:
                yield _training_text(record, settings)


def _training_text(record: Record, settings: Settings) -> str:
    if isinstance(record, Document):
        return record.text
    return f"{settings.model.prompt.replace('{prompt}', record.prompt)} {record.answers[0]}"


def start_run(settings: Settings, name: str, overrides: Sequence[str] = ()) -> RunDir:
    """Creates the run's directory and writes what is needed to repeat it. Of several processes, the main one does.

    Raises:
        UsageError: the directory exists and neither overwrite nor resume was given.
    """
    processes = join()
    if not processes.main:
        return Onlooker(processes.agree(""))
    path = Path(settings.run.dir) if settings.run.dir else next_run_dir(Path("runs"), name)
    run = RunDir.create(path, overwrite=settings.run.overwrite, resume=settings.run.resume)
    if not (settings.run.resume and (path / "config.yaml").exists()):
        atomic_write(path / "config.yaml", to_yaml(kept(settings)))
        atomic_write(path / "overrides.txt", "".join(f"{line}\n" for line in overrides))
    run.write_env()
    note_process(run)
    processes.agree(str(run.path))
    return run


@contextmanager
def new_run(settings: Settings, name: str, overrides: Sequence[str] = ()) -> Iterator[RunDir]:
    """`start_run`, and a clean slate if it fails before the first step: then the directory goes, unless it was resumed.

    A directory that stays says in its events why the run stopped.

    Raises:
        InterruptError: Ctrl-C before the first step: nothing is left to resume.
    """
    run = start_run(settings, name, overrides)
    try:
        yield run
    except BaseException as error:
        if isinstance(run, Onlooker):
            raise
        if not (settings.run.resume or run.metrics() or run.checkpoints()):
            shutil.rmtree(run.path)
            if isinstance(error, KeyboardInterrupt):
                raise InterruptError("interrupted before the first step", "the same command starts it again") from None
        else:
            stopped(run, error)
        raise


def stopped(run: RunDir, error: BaseException) -> None:
    """Notes in a run's events that it was interrupted, or why it failed."""
    asked = isinstance(error, KeyboardInterrupt | UnfinishedError)
    why = {} if asked else {"error": str(error).removeprefix("error: ") or type(error).__name__}
    with suppress(KinjError):  # on a disk that is full there is no room for this either
        run.event("stopped", state="interrupted" if asked else "failed", **why)


def start_model(settings: Settings, data: DataSet, checkpoint: Path | None = None) -> LanguageModel:
    """The model a run starts from, or the one of a checkpoint."""
    from dataclasses import replace

    model = replace(settings.model, name=str(checkpoint)) if checkpoint else settings.model
    texts, longest = lambda: training_texts(settings, data), settings.data.max_tokens
    return load_model(model, settings.seed, texts, longest, start=checkpoint is None)


def train_in(
    settings: Settings, run: RunDir, progress: Progress | None = None, stage_end: StageEnd | None = None
) -> tuple[TrainResult, DataSet]:
    """Trains in a run directory, from its latest checkpoint where `run.resume` is set, and says so in its events.

    Args:
        progress: called after every step.
        stage_end: called when a stage is over.

    Returns:
        What the run did, and its data with the accounts of what was used and what was left out.

    Raises:
        UsageError: adapters are to be merged, and there are none.
    """
    if settings.model.lora.merge and not settings.model.lora.rank:
        raise UsageError("model.lora.merge: there are no adapters to merge (model.lora.rank is 0)")
    processes = join()
    # Lines that the main process sets aside are passed over by the others, which read the same files.
    on_error = "ignore" if settings.run.on_error == "skip" and not processes.main else settings.run.on_error
    data = open_data(settings.data, on_error, run.path)
    checkpoint = processes.agree(sound_checkpoint(run) if settings.run.resume and processes.main else None)
    language_model = start_model(settings, data, checkpoint)
    sizes = {"parameters": language_model.parameters, "trained": language_model.trained}
    run.event("started", model=settings.model.name, **sizes, resumed=checkpoint is not None)
    from kinj.eval.asker import QuestionAsker

    observer = _observer(settings, data, run)
    result = train(
        settings,
        language_model,
        data,
        run,
        augment=augmenter(settings),
        observer=observer,
        asker=QuestionAsker(settings),
        start_model=lambda: start_model(settings, data),
        resume=settings.run.resume,
        progress=progress,
        stage_end=stage_end,
    )
    if settings.model.lora.merge and processes.main:
        write_merged(settings, run)
    summary = {"schema": 1, **sizes, **vars(result), "data": [str(a) for a in data.accounts]}
    if others := taken_over(run):
        summary[TAKEN_OVER] = others
    run.write_json("summary.json", summary)
    run.event("finished", **vars(result))
    return result, data


def write_merged(settings: Settings, run: RunDir) -> None:
    """Writes the run's final model with its adapters merged in, an ordinary model, to `RUN/merged`."""
    from dataclasses import replace

    checkpoint, target = run.latest_checkpoint(), run.path / "merged"
    assert checkpoint is not None  # a run that has finished has one
    plain = replace(settings.model, name=str(checkpoint), lora=LoraSettings())
    language_model = load_model(plain, start=True)
    if target.exists():
        shutil.rmtree(target)
    with atomic_folder(target) as folder:
        language_model.model.save_pretrained(folder)
        language_model.tokenizer.save_pretrained(folder)
    note(f"merged model: {target}")


def set_aside(data: DataSet) -> int:
    """The exit code that the input lines call for: `PARTLY`, said on stderr, where some were set aside."""
    count = rejected(data)
    if not count:
        return DONE
    note(f"{lines_set_aside(count)}, each with its reason, in *.rejected.jsonl")
    return PARTLY


def _observer(settings: Settings, data: DataSet, run: RunDir) -> Any:
    if not ((settings.train.probe_every or settings.train.probe_log) and settings.train.probes):
        return None
    from kinj.eval.base import Context
    from kinj.eval.observer import ProbeObserver

    context = Context(settings=settings, data=data, run=run.path, reformat=question_formats(settings))
    ask = ProbeObserver(settings, context, settings.train.probes)
    told: set[str] = set()

    def observe(step: int, language_model: LanguageModel) -> list[dict[str, Any]]:
        rows = ask(step, language_model)
        for text in context.notices:
            if text not in told:
                told.add(text)
                run.event("notice", text=f"probes on the way: {text}")
        return rows

    return observe


def evaluate_run(settings: Settings, run: RunDir) -> dict[str, Any]:
    """Asks the run's final model the probes of `eval.probes` and writes results into the run's directory."""
    from kinj.eval.base import Context
    from kinj.eval.run import evaluate

    data = open_data(settings.data, settings.run.on_error, run.path)
    checkpoint = run.latest_checkpoint()
    if checkpoint is None:
        raise KinjError(
            f"the run {run.path} has no complete checkpoint", f"finish it: kinj train -o {run.path} --resume"
        )
    language_model = start_model(settings, data, checkpoint)
    context = Context(settings=settings, data=data, run=run.path, reformat=question_formats(settings))
    results = evaluate(settings, language_model, context, settings.eval.probes, run.path)
    write_pages(run)
    return results


def write_pages(run: RunDir) -> None:
    """The run's card and report, from the files that are there now."""
    from kinj.report.card import write_card
    from kinj.report.html import write_run_report

    write_card(run.path)
    write_run_report(run.path)
