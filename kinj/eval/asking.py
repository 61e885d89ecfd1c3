"""What probes share: turning questions into requests and answers into measures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from statistics import fmean
from typing import TypeVar

from kinj.config import from_yaml
from kinj.config.schema import Settings
from kinj.data.records import Question, Record
from kinj.data.rng import stable_seed
from kinj.eval.base import Context, Item, Measure
from kinj.eval.scorers import SCORES, Scorer, final_answer, score_all
from kinj.models.requests import Request, Response

Asked = TypeVar("Asked")
"""A question, or whatever else a probe asks about."""
SIDE_BY_SIDE = SCORES[1:]
"""Scores reported beside exact match."""
PAIRED = ("mean", "plain", "difference", "perplexity")
"""Aggregates of items that two models can be compared on one by one."""

DRAFTS = 4
"""Accepted answers tried before anything is generated; a question may have dozens of spellings."""


class NotMeasuredError(Exception):
    """This data set or run has not got what a probe asks about; the text says what is missing and what to pass."""


class QuestionProbe(ABC):
    """A probe that asks questions for greedy answers, and compares models item by item."""

    name: str

    @abstractmethod
    def questions(self, context: Context) -> list[Question]:
        """The questions, in a stable order. Raises NotMeasuredError where the data set has not got them."""

    @abstractmethod
    def measures(self, responses: Sequence[Response]) -> list[Measure]:
        """What the answers of one model show."""

    def requests(self, context: Context) -> list[Request]:
        """Everything to ask."""
        return [generation(question, context.settings) for question in self.questions(context)]

    def summarise(self, responses: Sequence[Response], baseline: Sequence[Response] | None = None) -> list[Measure]:
        """The measures, and their changes since `baseline`."""
        return with_changes(self.measures(responses), self.measures(baseline) if baseline else None)


def with_eval_settings(context: Context, settings: Settings) -> Context:
    """The context of a run with the `eval` settings of the command that asks (the run's own may be older); shares notices."""
    return replace(context, settings=replace(context.settings, eval=settings.eval))


def run_settings(context: Context) -> Settings:
    """The settings the run under test was trained with (the data asked about may be other data); else those given."""
    path = context.run / "config.yaml" if context.run else None
    return from_yaml(path) if path and path.exists() else context.settings


def unlimited(context: Context) -> Context:
    """The context for all questions, whatever `eval.limit` says; shares notices."""
    return replace(context, settings=replace(context.settings, eval=replace(context.settings.eval, limit=None)))


def limited(items: Iterable[Asked], settings: Settings) -> list[Asked]:
    """What `eval.limit` leaves: the first so many, or with `eval.sample` so many of all, in their order.

    Which ones a sample holds follows from the id of each alone (of what has none, from itself): not from their order, the model
    or the seed, and a larger sample holds a smaller one.
    """
    everything, limit = list(items), settings.eval.limit
    if limit is None or limit >= len(everything) or not settings.eval.sample:
        return everything[:limit]
    keys = [stable_seed("eval.sample", getattr(item, "id", item)) for item in everything]
    return [everything[place] for place in sorted(sorted(range(len(keys)), key=keys.__getitem__)[:limit])]


def pool_questions(context: Context, name: str) -> list[Question]:
    """The questions of a pool, as many as `eval.limit` leaves.

    Raises:
        NotMeasuredError: the data set has no such pool, or no questions in it.
    """
    if name not in context.data.pools:
        raise NotMeasuredError(f"data={context.data.name} has no pool `{name}`")
    found = only_questions(context.data.pool(name))
    if not found:
        raise NotMeasuredError(f"the pool `{name}` of data={context.data.name} has no questions")
    return limited(found, context.settings)


def only_questions(records: Iterable[Record]) -> list[Question]:
    """The questions among some records."""
    return [record for record in records if isinstance(record, Question)]


def generation(question: Question, settings: Settings) -> Request:
    """The request for a greedy answer to a question."""
    meta = {"question": question, "normalizer": settings.eval.normalizer}
    return Request(
        kind="generate",
        prompt=question.prompt,
        max_new_tokens=settings.eval.max_new_tokens,
        completion=question.meta.get("form") == "completion",
        stop=tuple(settings.eval.stop),
        drafts=tuple(question.answers[:DRAFTS]),
        id=question.id,
        meta=meta,
    )


def question_of(response: Response) -> Question:
    """The question behind a response."""
    question: Question = response.request.meta["question"]
    return question


def scores(response: Response) -> dict[str, float]:
    """The scores of a generated answer."""
    meta = response.request.meta
    return score_all(response.text or "", question_of(response).answers, meta["normalizer"])


def empty_notices(probe: str, responses: Sequence[Response]) -> list[str]:
    """What must be said about answers, given or accepted, of which the normalizer leaves nothing."""
    answers = generated(responses)
    if not answers:
        return []
    scorer = Scorer(answers[0].request.meta["normalizer"])
    for response in answers:
        scorer(final_answer(response.text or ""), question_of(response).answers)
    return scorer.notices(probe)


def share(name: str, responses: Sequence[Response], value: Callable[[Response], float], note: str = "") -> Measure:
    """A measure in [0, 1] with one value per response, clustered by the document asked about."""
    asked = [question_of(response) for response in responses]
    clusters = [question.document or question.id for question in asked]
    return Measure(
        name=name, unit="share", direction=1, values=[value(r) for r in responses], clusters=clusters, note=note
    )


def hits(name: str, responses: Sequence[Response], value: Callable[[Response], float], note: str = "") -> Measure:
    """As `share`, of generated answers, for the score that decides which of them are right."""
    items = [Item(question_of(response).id, final_answer(response.text or "")) for response in responses]
    return replace(share(name, responses, value, note), items=items)


def score_measures(name: str, responses: Sequence[Response], note: str = "") -> list[Measure]:
    """Exact match under `name`, the other scores as `name_f1`, `name_contains` and `name_rouge_l_recall`."""
    if not responses:
        return []
    found = [scores(response) for response in responses]
    measure = hits(name, responses, lambda _: 0.0, note)
    measures = [replace(measure, values=[row["exact_match"] for row in found])]
    for score in SIDE_BY_SIDE:
        values = [row[score] for row in found]
        measures.append(replace(measure, name=f"{name}_{score}", values=values, items=[]))
    return measures


def generated(responses: Iterable[Response]) -> list[Response]:
    """The generated answers among some responses."""
    return [response for response in responses if response.request.kind == "generate"]


def with_changes(after: list[Measure], before: list[Measure] | None) -> list[Measure]:
    """The measures, followed by the paired change of each headline one (no `/` in its name) since `before`.

    The change of a perplexity is a ratio. Only means over the same items have changes.
    """
    earlier = {measure.name: measure for measure in before or []}
    headlines = [measure for measure in after if "/" not in measure.name and measure.name in earlier]
    return [*after, *(_change(m, earlier[m.name]) for m in headlines if _paired(m, earlier[m.name]))]


def _paired(after: Measure, before: Measure) -> bool:
    """Whether the change is the mean of the items' own changes: of the same items. A mean told as 0, being below, is none."""
    if after.clusters != before.clusters:
        return False
    if after.aggregate == "at_least_0":
        return min(fmean(after.values), fmean(before.values)) >= 0
    return after.aggregate in PAIRED


def _change(after: Measure, before: Measure) -> Measure:
    values = [a - b for a, b in zip(after.values, before.values, strict=True)]
    change = replace(after, values=values, items=[])
    if after.aggregate == "perplexity":
        return replace(change, name=f"{after.name}_ratio", unit="ratio", note="after divided by before")
    note = "after minus before, paired by item"
    return replace(change, name=f"{after.name}_change", aggregate="difference", note=note)
