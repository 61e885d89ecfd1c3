"""The one tree of settings. The docstring under a field is its help text.

Checks that need only one section live in its `__post_init__`; they run when the tree is converted to plain dataclasses,
before anything heavy loads. Messages start with the setting's name inside its section: `rho must be 0 or more, got -1`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kinj.config.names import LAWS, NORMALIZERS
from kinj.config.schema.augment import (
    AtomicSettings,
    AuditSettings,
    AugmentSettings,
    EntigraphSettings,
    FormattingSettings,
    LlmSettings,
    MaskedSettings,
    ParaphraseSettings,
    QaSettings,
    ReverseSettings,
    StructuredSettings,
    TemplatesSettings,
)
from kinj.config.schema.checks import check, choice, count_of
from kinj.config.schema.data import (
    BiographySettings,
    DataSettings,
    FieldSettings,
    LoraSettings,
    ModelSettings,
    RetentionDataSettings,
    RunSettings,
)
from kinj.config.schema.train import (
    AskingSettings,
    DistillSettings,
    MaskedObjectiveSettings,
    OptimSettings,
    PathObjectiveSettings,
    SamSettings,
    SelectSettings,
    SourceSettings,
    SpanObjectiveSettings,
    StageSettings,
    StopSettings,
    TrainSettings,
)

__all__ = [
    "AskingSettings",
    "AtomicSettings",
    "AuditSettings",
    "AugmentSettings",
    "BiographySettings",
    "ClozeSettings",
    "DataSettings",
    "DistillSettings",
    "EntigraphSettings",
    "EvalSettings",
    "FieldSettings",
    "FormattingSettings",
    "JudgeSettings",
    "LlmSettings",
    "LoraSettings",
    "MaskedObjectiveSettings",
    "MaskedSettings",
    "ModelSettings",
    "OptimSettings",
    "ParaphraseSettings",
    "PathObjectiveSettings",
    "QaSettings",
    "RetentionDataSettings",
    "RetentionSettings",
    "ReverseSettings",
    "RunSettings",
    "SamSettings",
    "SelectSettings",
    "Settings",
    "SourceSettings",
    "SpanObjectiveSettings",
    "StageSettings",
    "StopSettings",
    "StructuredSettings",
    "SweepSettings",
    "TemplatesSettings",
    "TrainSettings",
    "count_of",
]


@dataclass(kw_only=True)
class ClozeSettings:
    candidates: int = 9
    """Wrong values that the true one is ranked against; fewer where the documents have no more of its type."""
    blanks: int = 4
    """Most blanks of one document."""

    def __post_init__(self) -> None:
        check(self.candidates >= 1, f"candidates must be 1 or more, got {self.candidates}")
        check(self.blanks >= 1, f"blanks must be 1 or more, got {self.blanks}")


@dataclass(kw_only=True)
class JudgeSettings:
    model: str | None = None
    """A served model (`openai:NAME@URL`) that says of every answer whether it is right, beside the scores; null asks none."""
    prompt: str | None = None
    """File with what it is asked, in place of the shipped one (`kinj show prompt judge`)."""
    max_new_tokens: int = 16
    """Longest reply of the judge; one that reasons before it says yes or no needs more."""

    def __post_init__(self) -> None:
        check(self.max_new_tokens >= 1, f"max_new_tokens must be 1 or more, got {self.max_new_tokens}")


@dataclass(kw_only=True)
class RetentionSettings:
    sampled_tokens: int | None = None
    """Tokens of text drawn from the start model, on which loss and divergence are measured; by default 4,096, and none (0) where
    the model began as a shipped one, whose facts are asked instead."""
    seed: int = 0
    """Randomness of that text."""

    def __post_init__(self) -> None:
        check((self.sampled_tokens or 0) >= 0, f"sampled_tokens must be 0 or more, got {self.sampled_tokens}")


@dataclass(kw_only=True)
class EvalSettings:
    probes: list[str] = field(default_factory=lambda: ["biographies", "retention"])
    """What to ask; `kinj show probes` lists them."""
    max_new_tokens: int = 32
    """Longest answer generated."""
    stop: list[str] = field(default_factory=list)
    """Texts that end an answer; it is cut before the first of them. EOS ends it always."""
    normalizer: str = "squad"
    """How answers are compared: as the official scorer of `squad` (1.1), `squad2` (2.0), `triviaqa`, `nq` or `mlqa-LANGUAGE` does,
    `light` (case and spaces) or `exact`."""
    engine: str = "transformers"
    """What runs the model under `kinj eval`: `transformers`, or `vllm` where it is installed (causal models)."""
    batch_tokens: int = 8192
    """Tokens per evaluation batch. Answers do not depend on it."""
    in_flight: int = 8
    """Questions on their way at a time to a served model or a judge (`openai:NAME@URL`)."""
    limit: int | None = None
    """Ask only so many questions of each probe: the first ones, unless `eval.sample`."""
    sample: bool = False
    """With `eval.limit`: ask a sample of all questions in place of the first ones, the same sample of any model."""
    shots: int = 0
    """Questions with their answers put before each question of `qa` and `wiki2023`, about other documents."""
    open_book: bool = False
    """Put the document before each question of `qa` and `wiki2023`: the ceiling, reported under other names."""
    formats: list[str] = field(default_factory=list)
    """Format families that the probe `formats` asks in; empty means all."""
    sharpness_rho: float = 0.5
    """How far the probe `sharpness` moves the weights; much less only tells the gradient's norm."""
    sharpness_steps: int = 50
    """Most steps of power iteration for its `top_eigenvalue`, each about as much work as a training step; 0 leaves it out."""
    cloze: ClozeSettings = field(default_factory=ClozeSettings)
    judge: JudgeSettings = field(default_factory=JudgeSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    refusal: list[str] = field(default_factory=list)
    """More texts that make an answer a refusal, wherever they stand in it (docs/probes/calibration.md has the list)."""

    def __post_init__(self) -> None:
        check(self.max_new_tokens >= 1, f"max_new_tokens must be 1 or more, got {self.max_new_tokens}")
        check(all(self.stop), "stop holds an empty text, which would end every answer before it begins")
        choice("normalizer", self.normalizer, NORMALIZERS)
        choice("engine", self.engine, ("transformers", "vllm"))
        check(self.batch_tokens >= 1, f"batch_tokens must be 1 or more, got {self.batch_tokens}")
        check(self.limit is None or self.limit >= 1, f"limit must be 1 or more, got {self.limit}")
        check(self.shots >= 0, f"shots must be 0 or more, got {self.shots}")
        check(self.in_flight >= 1, f"in_flight must be 1 or more, got {self.in_flight}")
        check(self.sharpness_rho > 0, f"sharpness_rho must be above 0, got {self.sharpness_rho}")
        check(self.sharpness_steps >= 0, f"sharpness_steps must be 0 or more, got {self.sharpness_steps}")


@dataclass(kw_only=True)
class SweepSettings:
    engine: str = "local"
    """Where trials run: `local` (processes on this machine) or `ray` (a Ray cluster; needs `kinj[ray]`)."""
    workers: int | None = None
    """Trials at a time, each in a process of its own; by default one per GPU, or one; with `ray`, as many as there is room for.
    0 only plans: processes that join the sweep (`kinj sweep FOLDER --worker`) do the work."""
    cpus: int | None = None
    """CPU cores of a trial; by default an equal share of this machine's, or 1 with `ray`."""
    gpus: float | None = None
    """GPUs of a trial: whole, or a fraction (several trials share one); by default one where there are any."""
    retry_failed: bool = False
    """Whether trials that failed before are tried again; those that were interrupted always are."""
    reuse: bool = True
    """Whether stages that several trials begin with are trained once, by the first of them (docs/sweep.md)."""
    where: str | None = None
    """Condition on settings and `arm`; trials of which it is not true are left out."""
    sampler: str = "grid"
    """How trials are chosen: `grid` (all), `random`, or `tpe` (Optuna: by the results so far)."""
    points: int = 20
    """Different settings that `random` and `tpe` try, each with every seed and arm."""
    objectives: list[str] = field(default_factory=list)
    """Measures and costs that `tpe` trades off against each other, such as `[recall, perplexity, passes]`; by default `measure`."""
    prune: str | None = None
    """Ends trials whose curve of `measure` falls behind: `median`, `halving` or `hyperband` (Optuna); null ends none."""
    prune_after: int = 1
    """Steps that every trial may take before it can be ended; with `halving` and `hyperband`, the first rung."""
    alone: bool = False
    """With `train.multiplex`: also train with every treatment alone, and without each group, to see what they do to each other."""
    law: str | None = None
    """Law to fit to the results; `kinj show laws` lists them."""
    at: list[str] = field(default_factory=list)
    """Sizes or doses for which the law predicts, such as 1.5M or 200."""
    arms: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Named ways of teaching: each a mapping from full keys to values, in the order of the table."""
    compare: list[list[str]] = field(default_factory=list)
    """Pairs of arms whose paired difference is reported."""
    measure: str = "recall"
    """The measure compared."""
    labels: dict[str, str] = field(default_factory=dict)
    """What arms are called in tables and reports; by default their names."""
    reference: str | None = None
    """Committed `results.json` of the same comparison with more seeds, or its folder; shown beside the sweep's own."""

    def __post_init__(self) -> None:
        choice("engine", self.engine, ("local", "ray"))
        choice("sampler", self.sampler, ("grid", "random", "tpe"))
        if self.prune is not None:
            choice("prune", self.prune, ("median", "halving", "hyperband"))
        check(self.prune_after >= 1, f"prune_after must be 1 or more, got {self.prune_after}")
        check(self.points >= 1, f"points must be 1 or more, got {self.points}")
        check((self.workers or 0) >= 0, f"workers must be 0 or more, got {self.workers}")
        planning = self.workers == 0 and self.sampler == "tpe"
        check(not planning, "workers=0 only plans, and sampler=tpe plans by what trials show")
        check(self.cpus is None or self.cpus >= 1, f"cpus must be 1 or more, got {self.cpus}")
        gpus = self.gpus or 0.0
        check(0 <= gpus < 1 or gpus == int(gpus) > 0, f"gpus must be a whole number or lie in [0, 1), got {self.gpus}")
        if self.law is not None:
            choice("law", self.law, tuple(LAWS))
        for value in self.at:
            check(count_of(value) is not None, f"at holds numbers such as 200 or 1.5M, got {value}")


@dataclass(kw_only=True)
class Settings:
    """Everything an experiment depends on."""

    seed: int = 0
    """Randomness of training."""
    run: RunSettings = field(default_factory=RunSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    data: DataSettings = field(default_factory=DataSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    optim: OptimSettings = field(default_factory=OptimSettings)
    eval: EvalSettings = field(default_factory=EvalSettings)
    sweep: SweepSettings = field(default_factory=SweepSettings)
