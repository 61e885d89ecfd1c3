"""The training loop: stages in order, steps in order, probes and checkpoints on the way. Read it top to bottom."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from accelerate.accelerator import Accelerator

from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import Settings
from kinj.data.base import DataSet
from kinj.data.rng import stable_seed
from kinj.data.rundir import RunDir
from kinj.data.treatments import write_treatments
from kinj.models.loading import LanguageModel
from kinj.train.accounts import TrainResult, counts_of, metrics_of, times_of
from kinj.train.batching import Layout, layout_for
from kinj.train.checkpoint import Position, load_checkpoint, save_checkpoint
from kinj.train.doses import Doses
from kinj.train.health import Health
from kinj.train.interrupt import interruptible
from kinj.train.multiplex import Treated
from kinj.train.network import compiling, network_for
from kinj.train.objectives.base import Loss
from kinj.train.optim import build_adamw, learning_rate
from kinj.train.processes import Processes, accelerator_for, join
from kinj.train.select import Asker, Chooser
from kinj.train.stages import Augment, Stage, prepare_stage
from kinj.train.step import Stepper
from kinj.train.stopping import probes_at, reason_to_stop
from kinj.train.trackers import Trackers
from kinj.train.unread import unread_here

Observer = Callable[[int, LanguageModel], list[dict[str, Any]]]
Progress = Callable[[str, int, int, Mapping[str, Any]], None]
"""(stage, steps done in it, its steps, the step's metrics)."""
StageEnd = Callable[[int, Path], None]
"""(number of a stage in `train.order`, from 0; the checkpoint written at its end)."""


def train(
    settings: Settings,
    language_model: LanguageModel,
    data: DataSet,
    run: RunDir,
    *,
    augment: Augment | None = None,
    observer: Observer | None = None,
    asker: Asker | None = None,
    start_model: Callable[[], LanguageModel] | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    stage_end: StageEnd | None = None,
) -> TrainResult:
    """Trains through all stages and leaves checkpoints, metrics and doses in the run's directory.

    Args:
        settings: all of them; `train`, `optim`, `data.long`, `run.trackers` and `seed` are used here.
        language_model: the start model, or, with `resume`, the one of the run's latest checkpoint. It is trained in place.
        data: pools that the stages' sources name.
        augment: makes the views that a source asks for.
        observer: called every `train.probe_every` steps; its measures go to metrics.jsonl.
        asker: finds out what the model knows, for sources with `select`.
        start_model: loads the model the run began with, for objectives that need it.
        resume: go on from the run's latest checkpoint. The final weights are the same bytes as without interruption.
        progress: called after every step.
        stage_end: called when a stage is over and its checkpoint written, in the main process.

    Raises:
        KinjError: the loss is not finite, SAM was on and never acted, or a checkpoint cannot be written.
        KeyboardInterrupt: Ctrl-C, after the step in progress and a checkpoint.
    """
    processes = join()
    accelerator = accelerator_for(settings)
    language_model.model.to(accelerator.device)
    latest = run.latest_checkpoint() if resume else None
    saved = load_checkpoint(latest, None) if latest else Position()
    run.truncate_metrics(saved.step)
    with accelerator.autocast():
        layout = layout_for(settings.train.batching, language_model.model, language_model.codec)
    run.event("batching", layout=layout.name, why=layout.why)
    if len(saved.finished) == len(settings.train.order):
        run.event("notice", text=f"nothing was left to train: all {saved.step:,} steps had been taken")
    for text in unread_here(settings, processes, accelerator.device):
        run.event("notice", text=text)
    begin = Position(totals=dict(saved.totals), finished=list(saved.finished))
    trackers = Trackers(settings.run.trackers if processes.main else [], run, saved.step)
    calls = (observer, start_model, progress, stage_end)
    loop = _Loop(settings, language_model, run, begin, *calls, accelerator, processes, layout, trackers)
    if settings.train.multiplex and processes.main:
        write_treatments(run.path, Treated(settings, data).of_document)
    begun = settings.train.order[: saved.stage + 1] if latest else []
    choose = Chooser(settings, language_model, run, asker, begun, processes)
    with interruptible() as interrupted, closing(trackers):
        loop.interrupted = interrupted
        for index, name in enumerate(settings.train.order):
            stage = prepare_stage(name, settings, data, language_model.codec, augment, choose)
            for notice in stage.notices:
                run.event("notice", text=notice)
            if index < len(saved.finished):
                stage.steps = saved.finished[index]  # it may have ended early
            loop.refuse_idle_sam(stage, last=index == len(settings.train.order) - 1)
            loop.run_stage(index, stage, _done(index, saved), resume_from=latest if index == saved.stage else None)
    result = TrainResult.from_totals(loop.position.totals | times_of(run))
    if loop.sam_was_on and not result.sam_steps:
        raise KinjError(
            f"SAM was on but never moved the weights in {result.steps} steps",
            "check optim.sam.start_step and optim.sam.every against the number of steps, and the gradients in metrics.jsonl",
        )
    if processes.main:
        loop.doses.write(run.path / "doses.parquet")
    return result


def _done(index: int, saved: Position) -> int:
    """Steps of this stage that an earlier run has done."""
    if index < len(saved.finished):
        return saved.finished[index]
    return saved.stage_step if index == saved.stage else 0


@dataclass
class _Loop:
    settings: Settings
    language_model: LanguageModel
    run: RunDir
    position: Position
    observer: Observer | None
    start_model: Callable[[], LanguageModel] | None
    progress: Progress | None
    stage_end: StageEnd | None
    accelerator: Accelerator
    processes: Processes
    layout: Layout
    trackers: Trackers

    def __post_init__(self) -> None:
        self.network = network_for(self.language_model.model, self.settings.train, self.processes)
        self.doses = Doses()
        self.interrupted = threading.Event()
        self.health = Health(self.run)
        self.sam_was_on = False
        self._seconds = self._sam_seconds = 0.0

    def run_stage(self, index: int, stage: Stage, done: int, resume_from: Any) -> None:
        """Takes the steps of a stage; the first `done` are only counted, for their doses."""
        optimizer = build_adamw(self.language_model.model, stage.optim)
        stepper = Stepper(
            self.language_model.model,
            optimizer,
            stage.optim,
            self.language_model.codec.pad_id,
            self.accelerator.autocast,
            self.network,
            self.processes,
            self._loss(stage),
            self.layout.packed,
        )
        if resume_from is not None:
            load_checkpoint(resume_from, stepper)
        before = self.position.step
        self.sam_was_on = self.sam_was_on or stage.optim.sam.rho > 0
        self.run.event("stage", name=stage.name, steps=stage.steps, done=done)
        self.language_model.model.train()
        for number, (epoch, rows) in enumerate(stage.plan()):
            for draw, _ in rows:
                self.doses.add(draw, self.position.step + 1)
            if number >= done:
                self._step(stage, stepper, number, epoch, stage.examples(rows, number))
            self.position = replace(self.position, step=self.position.step + 1, stage=index, stage_step=number + 1)
            if number >= done and self._between_steps(stage, stepper, number + 1, before):
                break
        self.language_model.model.eval()

    def refuse_idle_sam(self, stage: Stage, last: bool) -> None:
        """Fails before the last stage where SAM has not acted yet and cannot there: nobody should wait for that.

        Raises:
            KinjError: SAM is on and will act on no step of the run.
        """
        sam = stage.optim.sam
        on, acts = self.sam_was_on or sam.rho > 0, sam.rho > 0 and sam.start_step < stage.steps
        if last and on and not acts and not self.position.totals.get("sam_steps"):
            raise KinjError(
                f"SAM is on and would act on none of the {self.position.step + stage.steps:,} steps of the run",
                f"start it earlier (optim.sam.start_step, now {sam.start_step:,}), or switch it off (optim.sam.rho=0)",
            )

    def _loss(self, stage: Stage) -> Loss | None:
        if "start_model" not in stage.objective.needs:
            return stage.objective.loss(None)
        if self.start_model is None:
            raise UsageError(f"the objective of stage `{stage.name}` needs the start model, and this call has none")
        model = self.start_model().model.to(self.accelerator.device).eval().requires_grad_(False)
        layout_for(self.layout.name, model, self.language_model.codec)  # it reads the same micro-batches
        return stage.objective.loss(model)

    def _step(self, stage: Stage, stepper: Stepper, number: int, epoch: float, rows: list[Any]) -> None:
        rate = learning_rate(stage.optim, number, stage.steps)
        for group in stepper.optimizer.param_groups:
            group["lr"] = rate
        # Dropout draws from a seed of the step's own: nothing before it, such as a probe or a resumption, changes the numbers.
        torch.manual_seed(stable_seed(self.settings.seed, "step", self.position.step, self.processes.rank))
        began = time.perf_counter()
        with compiling():
            report = stepper.take(rows, number)
        self.health.check(report, self.position.step + 1, stage.name, stage.optim)
        self._seconds += time.perf_counter() - began
        self._sam_seconds += report.sam_seconds
        for name, amount in counts_of(report).items():
            self.position.totals[name] = self.position.totals.get(name, 0) + amount
        metrics = {
            "step": self.position.step + 1,
            "stage": stage.name,
            "epoch": round(epoch, 4),
            "lr": rate,
            **metrics_of(report, self.position.totals),
        }
        self._record(metrics)
        if self.progress:
            self.progress(stage.name, number + 1, stage.steps, metrics)

    def _record(self, metrics: dict[str, Any]) -> None:
        self.run.metric(**metrics)
        self.trackers.show(metrics)

    def _probe(self, observer: Observer, before: int) -> str | None:
        """Asks the probes; says why the stage should end now, if it should.

        Raises:
            UsageError: they did not find the measure that stages are stopped by.
        """
        for measures in observer(self.position.step, self.language_model):
            self._record({"step": self.position.step, **measures})
        self.language_model.model.train()
        return reason_to_stop(self.settings.train.stop, self.run.metrics(), before)

    def _between_steps(self, stage: Stage, stepper: Stepper, number: int, before: int) -> bool:
        """Probes and checkpoints after `number` steps of a stage that `before` steps of the run came before; is it over?"""
        step, train = self.position.step, self.settings.train
        over = number == stage.steps
        if self.observer and probes_at(step, train):
            # The main process asks; all end the stage after the same step.
            reason = self.processes.agree(self._probe(self.observer, before) if self.processes.main else None)
            if reason and not over:
                self.run.event(
                    "notice", text=f"stage `{stage.name}` ended after {number:,} of {stage.steps:,} steps: {reason}"
                )
            over = over or reason is not None
        if over:
            self.position = replace(self.position, finished=[*self.position.finished, number])
        # All processes stop after the same step, whichever of them heard the Ctrl-C.
        stop = any(self.processes.sum([self.interrupted.is_set()], stepper.device))
        if stop or over or (train.checkpoint_every and step % train.checkpoint_every == 0):
            began, checkpoint = time.perf_counter(), None
            if self.processes.main:
                checkpoint = save_checkpoint(
                    self.run, self.language_model, stepper, self.position, train.keep_checkpoints
                )
            saving = round(time.perf_counter() - began, 3)
            # Times stand here, not in the checkpoint or the metrics: their bytes must not depend on time.
            share = self._sam_seconds / self._seconds if self._seconds else 0.0
            self.run.event(
                "checkpoint",
                step=step,
                seconds=round(self._seconds, 3),
                saving=saving,
                **{"sam/time_share": round(share, 4)},
            )
            self._seconds = self._sam_seconds = 0.0
            if over and self.stage_end and checkpoint:
                self.stage_end(self.position.stage, checkpoint)
        if stop:
            raise KeyboardInterrupt
        return over
