"""The contract of a probe: what to ask, and what the answers show. Asking, batching, caching and files exist once, outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from kinj.config.schema import Settings
from kinj.data.base import DataSet
from kinj.data.records import Question
from kinj.models.requests import Request, Response

if TYPE_CHECKING:
    from kinj.models.loading import LanguageModel  # needs torch, which scoring a file of predictions does not

SCHEMA = 1
"""Version of results.json."""


@dataclass(frozen=True)
class Item:
    """The question behind a value, and what the model said to it or put first."""

    question: str
    said: str


@dataclass(kw_only=True)
class Measure:
    """One number a probe reports, with its uncertainty.

    `values` holds one number per item and `clusters` the document each item belongs to; value and interval follow from
    them (`kinj.stats`). `direction` is 1 when more is better, -1 when less is, 0 when neither.
    """

    name: str
    unit: str
    direction: int
    values: list[float]
    clusters: list[str]
    note: str = ""
    aggregate: str = "mean"
    """`mean` of the values, `plain`: the mean of what is no share even where it lies in [0, 1], `perplexity`: exp of the mean,
    `per_token`: the mean over tokens, at least 0, `difference`: the mean of paired differences, `at_least_0`: the mean, or 0 where
    it is below; or a key of `kinj.stats.STATISTICS`: a figure about each value and the number `beside` it."""
    unit_of_items: str = "questions"
    """What the values are of, for the words that say what an interval covers: `people`, `texts`."""
    beside: list[float] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    """One per value where the values say whether each question is answered right, by the score that its probe goes by: so the
    questions are found whose answer changed between two models. A question counts in the first measure that has it."""


@dataclass(kw_only=True)
class Context:
    """What a probe may look at: the settings of the run under test, its data and its own records."""

    settings: Settings
    data: DataSet
    run: Path | None = None
    """Directory of the run that trained the model; None for a model that no run made."""
    notices: list[str] = field(default_factory=list)
    """Things the user must be told, such as that a stand-in is used."""
    reformat: Callable[[Sequence[Question]], list[Question]] | None = None
    """One view of each question in a format of `eval.formats`. Given by the command: eval knows no augmentation."""
    extras: dict[str, Any] = field(default_factory=dict)


@runtime_checkable
class Probe(Protocol):
    """Asks a model what it knows. Pure: no model, no network, no global random state."""

    name: str

    def requests(self, context: Context) -> list[Request]:
        """Everything to ask, in a stable order."""
        ...

    def summarise(self, responses: Sequence[Response], baseline: Sequence[Response] | None = None) -> list[Measure]:
        """What the answers show."""
        ...


@runtime_checkable
class ModelProbe(Protocol):
    """Measures the network itself, where answers do not suffice. A probe may be both."""

    name: str

    def measure(self, language_model: LanguageModel, context: Context) -> list[Measure]:
        """What it shows; weights, gradients, modes and random state are left as they were."""
        ...
