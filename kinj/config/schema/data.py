"""Settings of runs, models and data."""

from __future__ import annotations

from dataclasses import dataclass, field

from kinj.config.names import ATTENTION, TRACKERS
from kinj.config.schema.checks import check, choice, count_of


@dataclass(kw_only=True)
class RunSettings:
    dir: str | None = None
    """Where results go; by default a new `runs/NAME-NNN`. An existing one is refused without overwrite or resume."""
    overwrite: bool = False
    """Replace what is in `run.dir`."""
    resume: bool = False
    """Continue what is in `run.dir`."""
    on_error: str = "stop"
    """What a bad input line does: `stop`, or `skip` (set aside in `*.rejected.jsonl`, counted, exit code 3)."""
    trackers: list[str] = field(default_factory=list)
    """Where metrics are shown beside metrics.jsonl: `tensorboard` (files in the run's directory), `trackio`, `wandb`."""

    def __post_init__(self) -> None:
        choice("on_error", self.on_error, ("stop", "skip"))
        for name in self.trackers:
            choice("trackers", name, tuple(TRACKERS))
        check(not (self.overwrite and self.resume), "overwrite and resume exclude each other")


@dataclass(kw_only=True)
class LoraSettings:
    """Low-rank adapters: the model's own weights stay as they are, and small matrices beside them are trained."""

    rank: int = 0
    """Rank of the adapters; 0 trains all weights."""
    alpha: int = 16
    """What the adapters add is multiplied by alpha / rank."""
    dropout: float = 0.0
    """Share of an adapter's inputs that is dropped while training."""
    targets: list[str] = field(default_factory=list)
    """Names of the layers that get adapters, such as q_proj; empty means all linear layers but the output's."""
    merge: bool = False
    """At the end, also write the model with its adapters merged in, to `RUN/merged` (of a finished run: `--resume-anyway`)."""

    def __post_init__(self) -> None:
        check(self.rank >= 0, f"rank must be 0 or more, got {self.rank}")
        check(self.alpha >= 1, f"alpha must be 1 or more, got {self.alpha}")
        check(0 <= self.dropout < 1, f"dropout must lie in [0, 1), got {self.dropout}")


@dataclass(kw_only=True)
class ModelSettings:
    name: str = "tiny"
    """`tiny`, `tiny-plain` (shipped), `scratch` (new weights), a run directory, a local folder, a Hub id, or a model expression:
    `base + 1.0*(a - b)` (docs/models.md)."""
    size: str = "2M"
    """Parameters of a `scratch` model, such as 500k, 2M, 1.5B; depth and width follow from it."""
    tokenizer: str = "tiny"
    """Tokenizer of a `scratch` model: `tiny`, `train` (byte-level BPE on the run's documents), a folder or a Hub id."""
    vocabulary: int = 2048
    """Entries of a trained tokenizer."""
    context: int = 512
    """Longest text a `scratch` model reads, in tokens."""
    prompt: str = "Question: {prompt}\nAnswer:"
    """How a question is put to a model whose tokenizer has no chat template; must hold `{prompt}` once."""
    chat: bool = True
    """Use the tokenizer's chat template for questions where it has one."""
    dtype: str = "float32"
    """Type the weights are held in: `float32`, `bfloat16` (evaluation only) or `float16` (evaluation only)."""
    attention: str | None = None
    """How transformers computes attention: `sdpa`, `eager`, `flex_attention`, `flash_attention_2` or `flash_attention_3` (the
    last three on GPUs); by default its own choice, mostly `sdpa`."""
    revision: str | None = None
    """Branch, tag or commit of a Hub model."""
    trust_remote_code: bool = False
    """Run code that comes with a Hub model. Off unless asked for by name."""
    lora: LoraSettings = field(default_factory=LoraSettings)

    def __post_init__(self) -> None:
        check(self.prompt.count("{prompt}") == 1, "prompt must hold {prompt} exactly once")
        choice("dtype", self.dtype, ("float32", "bfloat16", "float16"))
        if self.attention is not None:
            choice("attention", self.attention, ATTENTION)
        check(count_of(self.size) is not None, f"size must be a number such as 500k, 2M or 1.5B, got {self.size}")
        check(self.context >= 16, f"context must be 16 or more, got {self.context}")
        check(
            self.vocabulary >= 300,
            f"vocabulary must be 300 or more (256 bytes and the specials), got {self.vocabulary}",
        )


@dataclass(kw_only=True)
class FieldSettings:
    """Names of the keys in the user's records."""

    id: str = "id"
    """Key of a record's identity; without one, a document's follows from its content."""
    text: str = "text"
    """Key of a document's text."""
    title: str = "title"
    """Key of a document's title."""
    prompt: str = "prompt"
    """Key of a question's wording."""
    answers: str = "answers"
    """Key of a question's accepted answer, or list of them."""
    document: str = "document"
    """Key of the id of the document that a question is about."""


@dataclass(kw_only=True)
class RetentionDataSettings:
    """What the model should not lose, asked by the probe `retention`."""

    questions: list[str] = field(default_factory=list)
    """Files or `hf:NAME[:split]` with multiple-choice questions as in MMLU and ARC."""
    texts: list[str] = field(default_factory=list)
    """Files, folders or `hf:NAME[:split]` with texts whose perplexity is measured."""


@dataclass(kw_only=True)
class BiographySettings:
    people: int = 120
    """Number of generated people to inject."""
    population: str = ""
    """Name of the population; different names give disjoint people. By default `B` and the data seed."""
    views: int = 1
    """Texts per person, each with newly drawn sentence templates."""
    permute: bool = False
    """Draw a new sentence order for every text."""
    full_name: bool = False
    """Use the full name in every sentence; otherwise all but the first use a pronoun."""
    exposure: float = 0.0
    """Exponent of a power law over people: person i has views proportional to i^(-exposure); 0 is uniform."""
    questions_per_attribute: int = 1
    """Question wordings asked per attribute."""
    wordings: str = "held_out"
    """Which wordings evaluation asks in: `held_out`, or `fresh` (written by somebody who knew none of the others)."""
    teachers: int = 120
    """Other people (disjoint) who may be trained on: pools `train_documents`, `train_questions`."""

    def __post_init__(self) -> None:
        check(self.people >= 1, f"people must be 1 or more, got {self.people}")
        check(self.views >= 1, f"views must be 1 or more, got {self.views}")
        check(self.exposure >= 0, f"exposure must be 0 or more, got {self.exposure}")
        choice("wordings", self.wordings, ("held_out", "fresh"))


@dataclass(kw_only=True)
class DataSettings:
    name: str = "biographies"
    """Which data: a choice listed by `kinj show data`."""
    seed: int = 0
    """Which people are generated."""
    path: str | None = None
    """File or folder with a benchmark's original files, or `hf:NAME[:split]`."""
    documents: list[str] = field(default_factory=list)
    """Files, folders or `hf:NAME[:split]` with documents."""
    questions: list[str] = field(default_factory=list)
    """Files or `hf:NAME[:split]` with questions."""
    replay: list[str] = field(default_factory=list)
    """Files, folders or `hf:NAME[:split]` to replay while training, so that older knowledge is kept."""
    retention: RetentionDataSettings = field(default_factory=RetentionDataSettings)
    fields: FieldSettings = field(default_factory=FieldSettings)
    limit: int | None = None
    """Use only the first so many documents (and the questions about them)."""
    max_tokens: int | None = None
    """Longest row in tokens; by default the model's context, at most 2,048."""
    long: str = "split"
    """A document longer than that: `split` at sentence ends, or `refuse`. Never cut."""
    biographies: BiographySettings = field(default_factory=BiographySettings)

    def __post_init__(self) -> None:
        choice("long", self.long, ("split", "refuse"))
        check(self.limit is None or self.limit >= 1, f"limit must be 1 or more, got {self.limit}")
