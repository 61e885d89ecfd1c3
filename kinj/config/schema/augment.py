"""Settings of `kinj augment` and of each of its methods."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from kinj.config.schema.checks import check, choice, count_of


@dataclass(kw_only=True)
class AuditSettings:
    all: bool = False
    """Compare the views of every method with their originals, not only of methods that promise to keep the facts."""
    policy: str = "drop"
    """What happens to a view in which a fact changed: `report` keeps it, `drop` leaves it out, `fail` stops."""

    def __post_init__(self) -> None:
        choice("policy", self.policy, ("report", "drop", "fail"))


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
        choice("units", self.units, ("entities", "words"))
        inside = len(self.ratio) == 2 and 0 <= self.ratio[0] <= self.ratio[1] <= 1
        check(inside, f"ratio must be two numbers with 0 <= least <= greatest <= 1, got {self.ratio}")
        check(bool(self.mask), "mask must not be empty")


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
        choice("how", self.how, ("auto", "sentences", "segments"))
        check(self.words >= 1, f"words must be 1 or more, got {self.words}")


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
        choice("order", self.order, ("same", "changed", "both"))


@dataclass(kw_only=True)
class QaSettings:
    pairs: int = 5
    """Questions with answers to ask for, per view."""
    prompt: str | None = None
    """A prompt file instead of the shipped one."""

    def __post_init__(self) -> None:
        check(self.pairs >= 1, f"pairs must be 1 or more, got {self.pairs}")


@dataclass(kw_only=True)
class EntigraphSettings:
    entities: int = 30
    """Most entities used per document, in the order in which they were named."""
    prompt: str | None = None
    """A prompt file instead of the shipped one."""

    def __post_init__(self) -> None:
        check(self.entities >= 2, f"entities must be 2 or more, got {self.entities}")


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
        check(not login, "url must hold neither a login nor a query; a key belongs into the variable named by key_env")
        check(
            self.url is None or self.url.startswith(("http://", "https://")), "url must begin with http:// or https://"
        )
        name = self.key_env is None or re.fullmatch(r"[A-Z_][A-Z0-9_]*", self.key_env)
        check(bool(name), "key_env must be the NAME of an environment variable (A-Z, 0-9, _), not the key itself")
        check(
            self.temperature is None or self.temperature >= 0, f"temperature must be 0 or more, got {self.temperature}"
        )
        for key in ("max_new_tokens", "in_flight", "attempts"):
            check(getattr(self, key) >= 1, f"{key} must be 1 or more, got {getattr(self, key)}")
        check(self.retries >= 0, f"retries must be 0 or more, got {self.retries}")
        check(self.timeout > 0, f"timeout must be above 0, got {self.timeout}")
        check(min(self.price_in, self.price_out) >= 0, "prices must be 0 or more")
        check(self.max_tokens is None or self.max_tokens >= 1, f"max_tokens must be 1 or more, got {self.max_tokens}")
        check(self.max_cost is None or self.max_cost > 0, f"max_cost must be above 0, got {self.max_cost}")
        priced = self.price_in + self.price_out > 0
        check(self.max_cost is None or priced, "max_cost needs price_in and price_out (per million tokens)")


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
        check(self.views >= 1, f"views must be 1 or more, got {self.views}")
        check(self.workers >= 1, f"workers must be 1 or more, got {self.workers}")
        check(bool(self.method), "method must name at least one method")
        choice("duplicates", self.duplicates, ("keep", "drop"))
        choice("engine", self.engine, ("local", "ray"))
        check(
            self.target_tokens is None or count_of(self.target_tokens) is not None,
            f"target_tokens must be a number such as 500k, 50M or 1.5B, got {self.target_tokens}",
        )
