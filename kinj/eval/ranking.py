"""Ranking given answers by log-probability: finer than generation for models that answer little.

For small models the full text of each answer is scored, not an option's letter. The raw sum favours short and frequent
answers, so two more rankings stand beside it (pointwise mutual information with a neutral premise: Holtzman et al. 2021,
arXiv 2104.08315): corrected = log p(answer | question) - log p(answer | neutral); and the neutral premise alone, which shows
how far one gets without reading the question.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kinj.data.records import Question
from kinj.eval.asking import question_of, share
from kinj.eval.base import Measure
from kinj.models.requests import Request, Response

NEUTRAL = "What is the answer?"
"""The premise that says nothing about the answer."""


@dataclass
class Ranking:
    """Log-probabilities of the candidates of one question; candidate 0 is the accepted answer."""

    first: Response
    candidates: list[str] = field(default_factory=list)
    raw: list[float] = field(default_factory=list)
    neutral: list[float] = field(default_factory=list)

    @property
    def corrected(self) -> list[float]:
        return [raw - neutral for raw, neutral in zip(self.raw, self.neutral, strict=True)]


def ranking_requests(question: Question, candidates: Sequence[str]) -> list[Request]:
    """Each candidate after the question and after the neutral premise; candidate 0 must be the accepted answer."""
    requests = []
    for premise, prompt in (("raw", question.prompt), ("neutral", NEUTRAL)):
        for candidate in candidates:
            meta = {"question": question, "premise": premise}
            requests.append(
                Request(kind="loglikelihood", prompt=prompt, continuation=candidate, id=question.id, meta=meta)
            )
    return requests


def rankings(responses: Iterable[Response]) -> dict[str, Ranking]:
    """The rankings among some responses, by question."""
    found: dict[str, Ranking] = {}
    for response in responses:
        if "premise" not in response.request.meta:
            continue
        ranking = found.setdefault(question_of(response).id, Ranking(response))
        if response.request.meta["premise"] == "raw":
            ranking.candidates.append(response.request.continuation or "")
            ranking.raw.append(response.logprob)
        else:
            ranking.neutral.append(response.logprob)
    return found


def wins(amounts: Sequence[float]) -> float:
    """1 if the first amount is the largest, its share of the win where it ties, otherwise 0."""
    best = max(amounts)
    return 1 / sum(amount == best for amount in amounts) if amounts[0] == best else 0.0


def ranking_measures(name: str, found: Mapping[str, Ranking]) -> list[Measure]:
    """Share of questions whose accepted answer comes first: by raw sum, corrected, and without the question."""
    if not found:
        return []
    chance = sum(1 / len(ranking.candidates) for ranking in found.values()) / len(found)
    note = f"guessing gives {chance:.3f}"
    firsts = [ranking.first for ranking in found.values()]

    def measure(label: str, by: Mapping[str, Sequence[float]], about: str) -> Measure:
        return share(label, firsts, lambda response: wins(by[question_of(response).id]), about)

    return [
        measure(name, {key: ranking.raw for key, ranking in found.items()}, f"summed log-probability; {note}"),
        measure(
            f"{name}_pmi",
            {key: ranking.corrected for key, ranking in found.items()},
            f"minus that under a neutral premise; {note}",
        ),
        measure(
            f"{name}_no_question",
            {key: ranking.neutral for key, ranking in found.items()},
            f"neutral premise alone; {note}",
        ),
    ]
