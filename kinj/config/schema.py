"""The one tree of settings. The docstring under a field is its help text.

Checks that need only one section live in its `__post_init__`; they run when the tree is converted to plain dataclasses,
before anything heavy loads. Messages start with the setting's name inside its section: `rho must be 0 or more, got -1`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from kinj.config.names import ASCENTS


def _check(ok: bool, message: str) -> None:
    if not ok:
        raise ValueError(message)


def _choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    _check(value in choices, f"{name} must be one of {', '.join(choices)}, got {value}")


def count_of(written: str) -> int | None:
    """A number with `k`, `M` or `B` for thousands, millions or billions; None where it is none, or below 1."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([kKmMbB]?)", written.strip())
    count = round(float(found[1]) * {"": 1, "k": 10**3, "m": 10**6, "b": 10**9}[found[2].lower()]) if found else 0
    return count or None


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

    def __post_init__(self) -> None:
        _choice("on_error", self.on_error, ("stop", "skip"))
        _check(not (self.overwrite and self.resume), "overwrite and resume exclude each other")


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
        _check(self.rank >= 0, f"rank must be 0 or more, got {self.rank}")
        _check(self.alpha >= 1, f"alpha must be 1 or more, got {self.alpha}")
        _check(0 <= self.dropout < 1, f"dropout must lie in [0, 1), got {self.dropout}")


@dataclass(kw_only=True)
class ModelSettings:
    name: str = "tiny"
    """`tiny`, `tiny-plain` (shipped), `scratch` (new weights), a run directory, a local folder or a Hub id."""
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
    revision: str | None = None
    """Branch, tag or commit of a Hub model."""
    trust_remote_code: bool = False
    """Run code that comes with a Hub model. Off unless asked for by name."""
    lora: LoraSettings = field(default_factory=LoraSettings)

    def __post_init__(self) -> None:
        _check(self.prompt.count("{prompt}") == 1, "prompt must hold {prompt} exactly once")
        _choice("dtype", self.dtype, ("float32", "bfloat16", "float16"))
        _check(self.context >= 16, f"context must be 16 or more, got {self.context}")
        _check(
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
        _check(self.people >= 1, f"people must be 1 or more, got {self.people}")
        _check(self.views >= 1, f"views must be 1 or more, got {self.views}")
        _check(self.exposure >= 0, f"exposure must be 0 or more, got {self.exposure}")
        _choice("wordings", self.wordings, ("held_out", "fresh"))


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
    fields: FieldSettings = field(default_factory=FieldSettings)
    limit: int | None = None
    """Use only the first so many documents (and the questions about them)."""
    max_tokens: int | None = None
    """Longest row in tokens; by default the model's context, at most 2,048."""
    long: str = "split"
    """A document longer than that: `split` at sentence ends, or `refuse`. Never cut."""
    biographies: BiographySettings = field(default_factory=BiographySettings)

    def __post_init__(self) -> None:
        _choice("long", self.long, ("split", "refuse"))
        _check(self.limit is None or self.limit >= 1, f"limit must be 1 or more, got {self.limit}")


@dataclass(kw_only=True)
class AuditSettings:
    all: bool = False
    """Compare the views of every method with their originals, not only of methods that promise to keep the facts."""
    policy: str = "drop"
    """What happens to a view in which a fact changed: `report` keeps it, `drop` leaves it out, `fail` stops."""

    def __post_init__(self) -> None:
        _choice("policy", self.policy, ("report", "drop", "fail"))


@dataclass(kw_only=True)
class FormattingSettings:
    families: list[str] = field(default_factory=list)
    """Format families to draw from; empty means all. `combinations` are of these families. `kinj show formats` lists them."""
    exclude: list[str] = field(default_factory=list)
    """Format families to leave out, and the combinations that use them."""
    tokenizer: str | None = None
    """Draw only formats that this tokenizer tells apart: a shipped model, a folder or a Hub id. By default not checked."""


@dataclass(kw_only=True)
class MaskedSettings:
    units: str = "entities"
    """What is masked: `entities` (values of facts, names, numbers, dates, quotations) or `words`."""
    ratio: list[float] = field(default_factory=lambda: [0.05, 0.95])
    """Least and greatest share of them; each view draws its own between the two."""
    mask: str = "____"
    """What stands in place of each."""
    separator: str = "\n\nIn full:\n"
    """What stands between the masked text and the text in full."""

    def __post_init__(self) -> None:
        _choice("units", self.units, ("entities", "words"))
        inside = len(self.ratio) == 2 and 0 <= self.ratio[0] <= self.ratio[1] <= 1
        _check(inside, f"ratio must be two numbers with 0 <= least <= greatest <= 1, got {self.ratio}")
        _check(bool(self.mask), "mask must not be empty")


@dataclass(kw_only=True)
class ReverseSettings:
    how: str = "auto"
    """`sentences` (grammatical ones with the value before the subject, where facts are given), `segments` (any text, word
    groups in reverse order), or `auto`: sentences where possible, else segments."""
    words: int = 5
    """Longest group of words in `segments`; each group's length is drawn between 1 and this, the first view has 1."""
    path: str | None = None
    """YAML file with sentences by relation, as `augment.templates.path`; those with the value first are used."""

    def __post_init__(self) -> None:
        _choice("how", self.how, ("auto", "sentences", "segments"))
        _check(self.words >= 1, f"words must be 1 or more, got {self.words}")


@dataclass(kw_only=True)
class TemplatesSettings:
    path: str | None = None
    """YAML file with sentences by relation, in place of the shipped ones (of generated biographies) for those relations."""


@dataclass(kw_only=True)
class ParaphraseSettings:
    styles: list[str] = field(default_factory=list)
    """Styles to write in; empty means all that the prompt file defines (`kinj show prompt paraphrase`)."""
    order: str = "both"
    """What comes first: as in the text (`same`), something else (`changed`), or `both` kinds of views."""
    prompt: str | None = None
    """A prompt file instead of the shipped one."""

    def __post_init__(self) -> None:
        _choice("order", self.order, ("same", "changed", "both"))


@dataclass(kw_only=True)
class QaSettings:
    pairs: int = 5
    """Questions with answers to ask for, per view."""
    prompt: str | None = None
    """A prompt file instead of the shipped one."""

    def __post_init__(self) -> None:
        _check(self.pairs >= 1, f"pairs must be 1 or more, got {self.pairs}")


@dataclass(kw_only=True)
class EntigraphSettings:
    entities: int = 30
    """Most entities used per document, in the order in which they were named."""
    prompt: str | None = None
    """A prompt file instead of the shipped one."""

    def __post_init__(self) -> None:
        _check(self.entities >= 2, f"entities must be 2 or more, got {self.entities}")


@dataclass(kw_only=True)
class AtomicSettings:
    prompt: str | None = None
    """A prompt file instead of the shipped one."""


@dataclass(kw_only=True)
class StructuredSettings:
    forms: list[str] = field(default_factory=list)
    """Forms to write in; empty means all that the prompt file defines (`kinj show prompt structured`)."""
    prompt: str | None = None
    """A prompt file instead of the shipped one."""


@dataclass(kw_only=True)
class LlmSettings:
    """The language model that writes views, for the methods that need one."""

    model: str | None = None
    """Its name at the endpoint; without `url`, a model on this machine: a shipped one, a folder or a Hub id."""
    url: str | None = None
    """Base address of an OpenAI-compatible endpoint, such as http://127.0.0.1:8000/v1."""
    key_env: str | None = "OPENAI_API_KEY"
    """Name of the environment variable that holds the endpoint's key; null where it wants none."""
    temperature: float | None = 1.0
    """0 always takes the likeliest token; null leaves it to the endpoint."""
    max_new_tokens: int = 1024
    """Longest reply in tokens. A reply that reaches it is cut off and not used."""
    in_flight: int = 8
    """Requests on their way at a time; a local model answers so many together."""
    retries: int = 6
    """Times a request is sent again after an error of the endpoint (429, 5xx, time-out, no connection)."""
    attempts: int = 3
    """Times something is asked, with another seed each time, until the reply can be used."""
    timeout: float = 120.0
    """Seconds to wait for a reply."""
    price_in: float = 0.0
    """Price of a million prompt tokens, in whatever currency `max_cost` is in."""
    price_out: float = 0.0
    """Price of a million tokens of replies."""
    max_tokens: int | None = None
    """Most tokens (prompts and replies) that the file of replies may ever hold, earlier runs included."""
    max_cost: float | None = None
    """The same in money."""
    cut: bool = False
    """Start even if the estimate is beyond the budget, and stop when it is used up."""
    cache: str | None = None
    """File that keeps every reply, so that nothing is paid for twice; by default `OUTPUT.requests.jsonl`."""

    def __post_init__(self) -> None:
        login = self.url is not None and ("@" in self.url or "?" in self.url)
        _check(not login, "url must hold neither a login nor a query; a key belongs into the variable named by key_env")
        _check(
            self.url is None or self.url.startswith(("http://", "https://")), "url must begin with http:// or https://"
        )
        name = self.key_env is None or re.fullmatch(r"[A-Z_][A-Z0-9_]*", self.key_env)
        _check(bool(name), "key_env must be the NAME of an environment variable (A-Z, 0-9, _), not the key itself")
        _check(
            self.temperature is None or self.temperature >= 0, f"temperature must be 0 or more, got {self.temperature}"
        )
        for key in ("max_new_tokens", "in_flight", "attempts"):
            _check(getattr(self, key) >= 1, f"{key} must be 1 or more, got {getattr(self, key)}")
        _check(self.retries >= 0, f"retries must be 0 or more, got {self.retries}")
        _check(self.timeout > 0, f"timeout must be above 0, got {self.timeout}")
        _check(min(self.price_in, self.price_out) >= 0, "prices must be 0 or more")
        _check(self.max_tokens is None or self.max_tokens >= 1, f"max_tokens must be 1 or more, got {self.max_tokens}")
        _check(self.max_cost is None or self.max_cost > 0, f"max_cost must be above 0, got {self.max_cost}")
        priced = self.price_in + self.price_out > 0
        _check(self.max_cost is None or priced, "max_cost needs price_in and price_out (per million tokens)")


@dataclass(kw_only=True)
class AugmentSettings:
    method: list[str] = field(default_factory=lambda: ["formatting"])
    """Augmentation methods, applied side by side, or one after the other as in `permute+formatting`; `kinj show methods`."""
    views: int = 10
    """Views per document and method; the original is kept as view 0 and not counted."""
    target_tokens: str | None = None
    """Size of the whole output in tokens, such as `50M`; chooses the views per document, and `views` is not read."""
    duplicates: str = "keep"
    """A document with the text of an earlier one: `keep`, or `drop`. They are counted either way."""
    engine: str = "local"
    """Where shards are worked off: `local` (processes of this machine) or `ray` (a Ray cluster)."""
    workers: int = 1
    """Processes of the local engine. The output does not depend on it."""
    audit: AuditSettings = field(default_factory=AuditSettings)
    formatting: FormattingSettings = field(default_factory=FormattingSettings)
    masked: MaskedSettings = field(default_factory=MaskedSettings)
    reverse: ReverseSettings = field(default_factory=ReverseSettings)
    templates: TemplatesSettings = field(default_factory=TemplatesSettings)
    paraphrase: ParaphraseSettings = field(default_factory=ParaphraseSettings)
    qa: QaSettings = field(default_factory=QaSettings)
    entigraph: EntigraphSettings = field(default_factory=EntigraphSettings)
    atomic: AtomicSettings = field(default_factory=AtomicSettings)
    structured: StructuredSettings = field(default_factory=StructuredSettings)
    llm: LlmSettings = field(default_factory=LlmSettings)

    def __post_init__(self) -> None:
        _check(self.views >= 1, f"views must be 1 or more, got {self.views}")
        _check(self.workers >= 1, f"workers must be 1 or more, got {self.workers}")
        _check(bool(self.method), "method must name at least one method")
        _choice("duplicates", self.duplicates, ("keep", "drop"))
        _choice("engine", self.engine, ("local", "ray"))
        _check(
            self.target_tokens is None or count_of(self.target_tokens) is not None,
            f"target_tokens must be a number such as 500k, 50M or 1.5B, got {self.target_tokens}",
        )


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
            _choice("keep", name, ("highly", "maybe", "weakly", "unknown"))
        _choice("others", self.others, ("drop", "refuse", "mark"))


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
        _check(self.views >= 1, f"views must be 1 or more, got {self.views}")
        _check(0 < self.first <= 1, f"first must lie in (0, 1], got {self.first}")
        _check(self.share is None or 0 < self.share < 1, f"share must lie in (0, 1), got {self.share}")
        _check(self.share is None or self.per is None, "share and per exclude each other")
        _check(self.power >= 0, f"power must be 0 or more, got {self.power}")
        _check(self.weight >= 0, f"weight must be 0 or more, got {self.weight}")


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
    """First step on which SAM acts."""
    scope: str = "global"
    """With several processes: one direction for all (`global`) or one per process (`rank`)."""
    include: str = ""
    """Regular expression; only parameters whose name matches are moved. Empty means all."""
    offload: bool = False
    """Keep the copy of the weights in main memory instead of on the device."""

    def __post_init__(self) -> None:
        _check(self.rho >= 0, f"rho must be 0 or more, got {self.rho}")
        _check(0 < self.fraction <= 1, f"fraction must lie in (0, 1], got {self.fraction}")
        _check(self.every >= 1, f"every must be 1 or more, got {self.every}")
        _check(self.start_step >= 0, f"start_step must be 0 or more, got {self.start_step}")
        _check(self.eta >= 0, f"eta must be 0 or more, got {self.eta}")
        _check(0 < self.alpha <= 1, f"alpha must lie in (0, 1], got {self.alpha}")
        _choice("variant", self.variant, tuple(ASCENTS))
        _choice("scope", self.scope, ("global", "rank"))
        for name, value in (("fraction", 1.0), ("scope", "global")):
            why = "both of its gradients must be of the same rows"
            same = self.variant != "looksam" or getattr(self, name) == value
            _check(same, f"{name} must be {value} with variant looksam: {why}, got {getattr(self, name)}")


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
    """Tokens per optimizer step, over all processes (padding included)."""
    micro_tokens: int = 16384
    """Most tokens in one forward pass; a step is cut into micro-batches of at most this."""
    clip: float = 1.0
    """Largest gradient norm; 0 does not clip."""
    sam: SamSettings = field(default_factory=SamSettings)

    def __post_init__(self) -> None:
        _check(self.lr > 0, f"lr must be above 0, got {self.lr}")
        _check(self.lr_scale > 0, f"lr_scale must be above 0, got {self.lr_scale}")
        _check(len(self.betas) == 2, f"betas must be two numbers, got {self.betas}")
        _choice("schedule", self.schedule, ("cosine", "constant"))
        _check(self.batch_tokens >= 1, f"batch_tokens must be 1 or more, got {self.batch_tokens}")
        _check(self.micro_tokens >= 1, f"micro_tokens must be 1 or more, got {self.micro_tokens}")
        _check(self.clip >= 0, f"clip must be 0 or more, got {self.clip}")


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
        _check(inside, f"ratio must be one number, or two with 0 <= least <= greatest <= 1, got {self.ratio}")
        _choice("schedule", self.schedule, ("sampled", "linear"))
        _choice("context", self.context, ("passage", "random"))


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
        _check(self.words >= 1, f"words must be 1 or more, got {self.words}")
        _check(bool(self.sentinel.strip()), "sentinel must not be empty")


@dataclass(kw_only=True)
class PathObjectiveSettings:
    template: str = "{path}\n\n"
    """What stands before the document; must hold `{path}` once."""
    joint: str = " > "
    """What stands between the steps of a path: those of `meta.path`, then the title."""
    loss_on_path: bool = False
    """Loss on the path too (a control)."""

    def __post_init__(self) -> None:
        _check(self.template.count("{path}") == 1, "template must hold {path} exactly once")


@dataclass(kw_only=True)
class DistillSettings:
    weight: float = 0.3
    """Weight of the divergence from the start model beside the cross-entropy."""
    swap: bool = True
    """Exchange the start model's likeliest token with the right one first; false is plain self-distillation (a control)."""

    def __post_init__(self) -> None:
        _check(self.weight >= 0, f"weight must be 0 or more, got {self.weight}")


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
        _check(self.epochs is None or self.epochs > 0, f"epochs must be above 0, got {self.epochs}")
        _check(self.steps is None or self.steps >= 1, f"steps must be 1 or more, got {self.steps}")
        _check(
            self.epochs is None or self.steps is None, "epochs and steps exclude each other; set one of them to null"
        )


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
        _check(self.prompts >= 1, f"prompts must be 1 or more, got {self.prompts}")
        _check(self.shots >= 0, f"shots must be 0 or more, got {self.shots}")
        _check(self.prompts == 1 or self.shots > 0, "prompts above 1 differ in their examples: shots must be 1 or more")
        _check(self.samples >= 0, f"samples must be 0 or more, got {self.samples}")
        _check(self.temperature > 0, f"temperature must be above 0, got {self.temperature}")


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
        _check(named, f"measure must be PROBE/MEASURE, such as biographies/recall, got {self.measure}")
        _check(self.patience is None or self.patience >= 1, f"patience must be 1 or more, got {self.patience}")


@dataclass(kw_only=True)
class TrainSettings:
    recipe: str = "inject"
    """Name of the recipe, for reports."""
    order: list[str] = field(default_factory=list)
    """Stages in the order they run."""
    stages: dict[str, StageSettings] = field(default_factory=dict)
    """All stages by name."""
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
    threads: int | None = None
    """CPU threads; by default torch's choice. Recorded, since sums depend on it."""

    def __post_init__(self) -> None:
        _choice("precision", self.precision, ("auto", "fp32", "bf16"))
        for name, value in (
            ("checkpoint_every", self.checkpoint_every),
            ("probe_every", self.probe_every),
            ("probe_log", self.probe_log),
        ):
            _check(value is None or value >= 1, f"{name} must be 1 or more, got {value}")
        _check(self.keep_checkpoints >= 1, f"keep_checkpoints must be 1 or more, got {self.keep_checkpoints}")


@dataclass(kw_only=True)
class EvalSettings:
    probes: list[str] = field(default_factory=lambda: ["biographies", "retention"])
    """What to ask; `kinj show probes` lists them."""
    max_new_tokens: int = 32
    """Longest answer generated."""
    normalizer: str = "squad"
    """How answers are compared: `squad` (case, punctuation, articles), `exact`, or `light` (case and spaces)."""
    batch_tokens: int = 8192
    """Tokens per evaluation batch. Answers do not depend on it."""
    limit: int | None = None
    """Ask only the first so many questions of each probe."""

    def __post_init__(self) -> None:
        _check(self.max_new_tokens >= 1, f"max_new_tokens must be 1 or more, got {self.max_new_tokens}")
        _choice("normalizer", self.normalizer, ("squad", "exact", "light"))
        _check(self.batch_tokens >= 1, f"batch_tokens must be 1 or more, got {self.batch_tokens}")


@dataclass(kw_only=True)
class SweepSettings:
    engine: str = "local"
    """Where trials run: `local`."""
    workers: int = 1
    """Trials at a time, each in a process of its own."""
    law: str | None = None
    """Law to fit to the results."""
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
        _choice("engine", self.engine, ("local",))
        _check(self.workers >= 1, f"workers must be 1 or more, got {self.workers}")


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
