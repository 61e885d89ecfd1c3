"""Settings of `kinj train`: stages and their sources, objectives, the optimizer and SAM."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kinj.config.names import ASCENTS
from kinj.config.schema.checks import check, choice, expression


@dataclass(kw_only=True)
class SelectSettings:
    """Which questions of a source are trained on, and how, by what the model knows when the stage starts."""

    keep: list[str] = field(default_factory=list)
    """Classes that are trained on as they are: `highly`, `maybe`, `weakly`, `unknown`; empty: all, and nothing is asked."""
    others: str = "drop"
    """The other questions: `drop` them, or `refuse` (their answer becomes a refusal). `mark` teaches every question with its
    answer, followed by `sure` for those kept and `unsure` for the others."""

    def __post_init__(self) -> None:
        for name in self.keep:
            choice("keep", name, ("highly", "maybe", "weakly", "unknown"))
        choice("others", self.others, ("drop", "refuse", "mark"))


@dataclass(kw_only=True)
class SourceSettings:
    """One source of a stage's mixture."""

    weight: float = 1.0
    """Passes over the source per epoch (views of one document count as one); 0 leaves it out."""
    per: str | None = None
    """Name of another source of the stage: `weight` then counts records per record drawn there."""
    share: float | None = None
    """Share of the stage's tokens that is drawn from this source, in place of `weight` and `per`."""
    pool: str | None = None
    """Pool of the data set to draw from; by default the source's own name."""
    path: str | None = None
    """A file, folder or `hf:NAME[:split]` to read instead of a pool of the data set."""
    augment: list[str] = field(default_factory=list)
    """Augmentation methods whose views join this source's records, made when the run starts; questions take `formatting`."""
    views: int = 10
    """Views per document or question and method, where `augment` names one."""
    objective: str | None = None
    """How this source is taught; by default as the stage's other sources (`objective`)."""
    first: float = 1.0
    """Share of the source that is used: its first documents, with their views, or its first questions."""
    select: SelectSettings = field(default_factory=SelectSettings)
    power: float = 0.0
    """Exponent of a power law: the i-th document or question is drawn in proportion to i^(-power); 0 draws all equally."""

    def __post_init__(self) -> None:
        check(self.views >= 1, f"views must be 1 or more, got {self.views}")
        check(0 < self.first <= 1, f"first must lie in (0, 1], got {self.first}")
        check(self.share is None or 0 < self.share < 1, f"share must lie in (0, 1), got {self.share}")
        check(self.share is None or self.per is None, "share and per exclude each other")
        check(self.power >= 0, f"power must be 0 or more, got {self.power}")
        check(self.weight >= 0, f"weight must be 0 or more, got {self.weight}")


@dataclass(kw_only=True)
class SamSettings:
    rho: float = 0.0
    """Length of the move to a nearby point; 0 trains plainly, at plain cost. Its best value differs between variants."""
    variant: str = "sam"
    """Which way of moving; `kinj show sam` lists them."""
    eta: float = 0.01
    """Variant `asam`: added to the size of each weight."""
    alpha: float = 0.2
    """Variant `looksam`: how much of SAM's share of the gradient is used again on the steps between."""
    uphill: bool = False
    """Variant `momentum`: move against the momentum's descent instead of along it, as its authors' code does."""
    fraction: float = 1.0
    """Share of the step's rows used to find the direction."""
    every: int = 1
    """Take a SAM step on every n-th step (`looksam` wants 5 or so)."""
    start_step: int = 0
    """First step of each stage on which SAM acts, counted from 0."""
    scope: str = "global"
    """With several processes: one direction for all (`global`) or one per process (`rank`)."""
    include: str = ""
    """Regular expression; only parameters whose name matches are moved. Empty means all."""
    offload: bool = False
    """Keep the copy of the weights in main memory instead of on the device."""

    def __post_init__(self) -> None:
        check(self.rho >= 0, f"rho must be 0 or more, got {self.rho}")
        check(0 < self.fraction <= 1, f"fraction must lie in (0, 1], got {self.fraction}")
        check(self.every >= 1, f"every must be 1 or more, got {self.every}")
        check(self.start_step >= 0, f"start_step must be 0 or more, got {self.start_step}")
        check(self.eta >= 0, f"eta must be 0 or more, got {self.eta}")
        check(0 < self.alpha <= 1, f"alpha must lie in (0, 1], got {self.alpha}")
        expression("include", self.include)
        choice("variant", self.variant, tuple(ASCENTS))
        choice("scope", self.scope, ("global", "rank"))
        for name, value in (("fraction", 1.0), ("scope", "global")):
            why = "both of its gradients must be of the same rows"
            same = self.variant != "looksam" or getattr(self, name) == value
            check(same, f"{name} must be {value} with variant looksam: {why}, got {getattr(self, name)}")


@dataclass(kw_only=True)
class OptimSettings:
    lr: float = 1e-3
    """Peak learning rate of AdamW."""
    lr_scale: float = 1.0
    """Multiplies `lr`: stages set it where their recipe gives a ratio between stages, so that `lr` moves all of them."""
    betas: list[float] = field(default_factory=lambda: [0.9, 0.95])
    """AdamW's two decay rates."""
    weight_decay: float = 0.1
    """Decoupled weight decay, on matrices only."""
    schedule: str = "cosine"
    """`cosine` (down to `final_lr` of the peak) or `constant`, over all steps of the stage."""
    warmup_steps: int = 0
    """Steps of linear warm-up."""
    final_lr: float = 0.1
    """Share of the peak at the end of a cosine."""
    batch_tokens: int = 1024
    """Most tokens per optimizer step, over all processes, padding not counted."""
    micro_tokens: int = 16384
    """Most tokens in one forward pass; a step is cut into micro-batches of at most this."""
    clip: float = 1.0
    """Largest gradient norm; 0 does not clip."""
    sam: SamSettings = field(default_factory=SamSettings)

    def __post_init__(self) -> None:
        check(self.lr > 0, f"lr must be above 0, got {self.lr}")
        check(self.lr_scale > 0, f"lr_scale must be above 0, got {self.lr_scale}")
        check(len(self.betas) == 2, f"betas must be two numbers, got {self.betas}")
        choice("schedule", self.schedule, ("cosine", "constant"))
        check(self.batch_tokens >= 1, f"batch_tokens must be 1 or more, got {self.batch_tokens}")
        check(self.micro_tokens >= 1, f"micro_tokens must be 1 or more, got {self.micro_tokens}")
        check(self.clip >= 0, f"clip must be 0 or more, got {self.clip}")


@dataclass(kw_only=True)
class MaskedObjectiveSettings:
    ratio: list[float] = field(default_factory=lambda: [0.05, 0.95])
    """Share of a passage's tokens that is masked: one number, or the least and the greatest; 0 masks nothing (a control)."""
    schedule: str = "sampled"
    """Between two numbers, `sampled` draws one at every exposure; `linear` goes from the first to the second over the stage."""
    mask: str | None = None
    """The token that masks; by default the tokenizer's own mask token, else a reserved one, else `[]`, `____` or `_`."""
    context: str = "passage"
    """`passage`, or `random`: tokens that have nothing to do with it in its place (a control)."""
    separator: str = "\n\nIn full:\n"
    """What stands between the masked passage and its copy; after a chat template it begins the answer."""
    request: str = "\nWrite this text in full, with every gap filled."
    """What the user's turn of a chat template says after the masked passage."""

    def __post_init__(self) -> None:
        inside = len(self.ratio) in (1, 2) and 0 <= self.ratio[0] <= self.ratio[-1] <= 1
        check(inside, f"ratio must be one number, or two with 0 <= least <= greatest <= 1, got {self.ratio}")
        choice("schedule", self.schedule, ("sampled", "linear"))
        choice("context", self.context, ("passage", "random"))


@dataclass(kw_only=True)
class SpanObjectiveSettings:
    words: int = 5
    """Most words that are missing; every run of so many words or fewer is equally likely. Of a masked language model: most
    tokens of each gap."""
    sentinel: str = "____"
    """What stands in their place."""
    separator: str = "\n\nMissing words:"
    """What stands between the text and the missing words; after a chat template it begins the answer."""
    request: str = "\nWhich words are missing?"
    """What the user's turn of a chat template says after the text."""

    def __post_init__(self) -> None:
        check(self.words >= 1, f"words must be 1 or more, got {self.words}")
        check(bool(self.sentinel.strip()), "sentinel must not be empty")


@dataclass(kw_only=True)
class PathObjectiveSettings:
    template: str = "{path}\n\n"
    """What stands before the document; must hold `{path}` once."""
    joint: str = " > "
    """What stands between the steps of a path: those of `meta.path`, then the title."""
    loss_on_path: bool = False
    """Loss on the path too (a control)."""

    def __post_init__(self) -> None:
        check(self.template.count("{path}") == 1, "template must hold {path} exactly once")


@dataclass(kw_only=True)
class DistillSettings:
    weight: float = 0.3
    """Weight of the divergence from the start model beside the cross-entropy."""
    swap: bool = True
    """Exchange the start model's likeliest token with the right one first; false is plain self-distillation (a control)."""

    def __post_init__(self) -> None:
        check(self.weight >= 0, f"weight must be 0 or more, got {self.weight}")


@dataclass(kw_only=True)
class StageSettings:
    """One part of a training run with its own data, objective and optimizer settings."""

    data: dict[str, SourceSettings] = field(default_factory=dict)
    """The mixture: named sources."""
    objective: str = "auto"
    """How records are taught: `auto` (next token on documents, answer only on questions), `next_token`, `answer`, `masked`,
    `span`, `path` or `distill`; docs/training.md."""
    masked: MaskedObjectiveSettings = field(default_factory=MaskedObjectiveSettings)
    span: SpanObjectiveSettings = field(default_factory=SpanObjectiveSettings)
    path: PathObjectiveSettings = field(default_factory=PathObjectiveSettings)
    distill: DistillSettings = field(default_factory=DistillSettings)
    epochs: float | None = None
    """Passes over the mixture."""
    steps: int | None = None
    """Optimizer steps; instead of `epochs`."""
    optim: dict[str, Any] = field(default_factory=dict)
    """Settings of `optim` that differ in this stage."""

    def __post_init__(self) -> None:
        check(self.epochs is None or self.epochs > 0, f"epochs must be above 0, got {self.epochs}")
        check(self.steps is None or self.steps >= 1, f"steps must be 1 or more, got {self.steps}")
        check(self.epochs is None or self.steps is None, "epochs and steps exclude each other; set one of them to null")


@dataclass(kw_only=True)
class AskingSettings:
    """How a model is asked what it knows, for sources with `select`."""

    prompts: int = 5
    """Greedy askings of each question, each after other examples."""
    shots: int = 4
    """Examples before the question: others of the same source, with their answers."""
    samples: int = 16
    """Answers drawn of a question that was never answered right greedily."""
    temperature: float = 0.5
    """Of the samples."""

    def __post_init__(self) -> None:
        check(self.prompts >= 1, f"prompts must be 1 or more, got {self.prompts}")
        check(self.shots >= 0, f"shots must be 0 or more, got {self.shots}")
        check(self.prompts == 1 or self.shots > 0, "prompts above 1 differ in their examples: shots must be 1 or more")
        check(self.samples >= 0, f"samples must be 0 or more, got {self.samples}")
        check(self.temperature > 0, f"temperature must be above 0, got {self.temperature}")


@dataclass(kw_only=True)
class StopSettings:
    """Ending a stage before its time, by a probe on the way."""

    measure: str | None = None
    """`PROBE/MEASURE`, such as `biographies/recall`, of one of `train.probes`; null never stops early."""
    target: float | None = None
    """Stop when it is reached."""
    patience: int | None = None
    """Stop after so many probes in a row without a new best."""

    def __post_init__(self) -> None:
        named = self.measure is None or all(self.measure.partition("/"))
        check(named, f"measure must be PROBE/MEASURE, such as biographies/recall, got {self.measure}")
        check(self.patience is None or self.patience >= 1, f"patience must be 1 or more, got {self.patience}")


@dataclass(kw_only=True)
class TrainSettings:
    recipe: str = "inject"
    """Name of the recipe, for reports."""
    order: list[str] = field(default_factory=list)
    """Stages in the order they run."""
    stages: dict[str, StageSettings] = field(default_factory=dict)
    """All stages by name."""
    multiplex: list[str] = field(default_factory=list)
    """Settings that differ between groups of documents, each as KEY=V1,V2: one value for every group (docs/multiplex.md)."""
    checkpoint_every: int | None = None
    """Steps between checkpoints; by default only at the end of each stage."""
    keep_checkpoints: int = 2
    """How many checkpoints stay on disk."""
    probe_every: int | None = None
    """Steps between probes on the way; by default none."""
    probe_log: int | None = None
    """Probes per tenfold of steps, at log-spaced steps: 4 asks after 1, 2, 3, 6, 10, 18, 32, 56, 100 and so on."""
    probes: list[str] = field(default_factory=list)
    """Probes asked on the way."""
    stop: StopSettings = field(default_factory=StopSettings)
    asking: AskingSettings = field(default_factory=AskingSettings)
    precision: str = "auto"
    """Arithmetic: `auto` (bf16 where the hardware is fast in it), `fp32` or `bf16`. Weights stay fp32."""
    batching: str = "auto"
    """How the texts of a forward pass stand: `packed` (in one row, none seeing another, no padding), `padded` (side by side,
    put together by length), or `auto`: packed wherever the model reads such rows right, which is tried out."""
    gradient_checkpointing: bool = False
    """Compute the activations of each layer again for its gradient instead of keeping them: much less memory, a third more time."""
    compile: bool = False
    """Compile the model with `torch.compile`: the first steps take a minute or more, later ones less than without; for GPUs."""
    threads: int | None = None
    """CPU threads; by default torch's choice. Recorded, since sums depend on it."""

    def __post_init__(self) -> None:
        choice("precision", self.precision, ("auto", "fp32", "bf16"))
        choice("batching", self.batching, ("auto", "packed", "padded"))
        for name, value in (
            ("checkpoint_every", self.checkpoint_every),
            ("probe_every", self.probe_every),
            ("probe_log", self.probe_log),
        ):
            check(value is None or value >= 1, f"{name} must be 1 or more, got {value}")
        check(self.keep_checkpoints >= 1, f"keep_checkpoints must be 1 or more, got {self.keep_checkpoints}")
