"""Ranking given answers by log-probability: finer than generation for models that answer little.

For small models the full text of each answer is scored, not an option's letter. The raw sum favours short and frequent
answers, so more rankings stand beside it: per character, as `acc_norm` of lm-evaluation-harness; corrected by pointwise mutual
information with a neutral premise (Holtzman et al. 2021, arXiv 2104.08315), log p(answer | question) - log p(answer | neutral);
and the neutral premise alone, which shows how far one gets without reading the question.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kinj.data.records import Question
from kinj.eval.asking import question_of, share
from kinj.eval.base import Item, Measure
from kinj.models.requests import Request, Response

NEUTRAL = "What is the answer?"
"""The premise that says nothing about the answer."""


@dataclass
class Ranking:
    """Log-probabilities of the candidates of one question; candidate 0 is the accepted answer."""

    first: Response
    candidates: list[str] = field(default_factory=list)
    raw: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    neutral: list[float] = field(default_factory=list)

    @property
    def per_character(self) -> list[float]:
        return [raw / max(1, len(text)) for raw, text in zip(self.raw, self.candidates, strict=True)]

    @property
    def per_token(self) -> list[float]:
        return [raw / max(1, tokens) for raw, tokens in zip(self.raw, self.tokens, strict=True)]

    @property
    def corrected(self) -> list[float]:
        return [raw - neutral for raw, neutral in zip(self.raw, self.neutral, strict=True)]


def ranking_requests(question: Question, candidates: Sequence[str], *, neutral: bool = True) -> list[Request]:
    """Each candidate after the question and, if `neutral`, after that premise; candidate 0 must be the accepted answer."""
    requests = []
    for premise, prompt in (("raw", question.prompt), ("neutral", NEUTRAL)):
        for candidate in candidates if neutral or premise == "raw" else ():
            meta = {"question": question, "premise": premise}
            requests.append(
                Request(kind="loglikelihood", prompt=prompt, continuation=candidate, id=question.id, meta=meta)
            )
    return requests


def rankings(responses: Iterable[Response]) -> dict[str, Ranking]:
    """The rankings among some responses, by question. A candidate is a continuation or stands in a text (`meta.candidate`)."""
    found: dict[str, Ranking] = {}
    for response in responses:
        premise = response.request.meta.get("premise")
        if premise is None:
            continue
        ranking = found.setdefault(question_of(response).id, Ranking(response))
        if premise == "raw":
            ranking.candidates.append(response.request.continuation or response.request.meta["candidate"])
            ranking.raw.append(response.logprob)
            ranking.tokens.append(response.tokens)
        else:
            ranking.neutral.append(response.logprob)
    return found


def wins(amounts: Sequence[float]) -> float:
    """1 if the first amount is the largest, its share of the win where it ties, otherwise 0."""
    best = max(amounts)
    return 1 / sum(amount == best for amount in amounts) if amounts[0] == best else 0.0


def ranked(name: str, found: Mapping[str, Ranking], by: Callable[[Ranking], Sequence[float]], note: str) -> Measure:
    """Share of questions whose accepted answer has the largest amount, for the amounts that decide which of them are right."""
    firsts = [ranking.first for ranking in found.values()]
    measure = share(name, firsts, lambda response: wins(by(found[question_of(response).id])), note)
    return replace(measure, items=[Item(key, _best(ranking, by(ranking))) for key, ranking in found.items()])


def ranked_beside_chance(
    name: str, found: Mapping[str, Ranking], by: Callable[[Ranking], Sequence[float]], note: str
) -> list[Measure]:
    """The measure of `ranked`, whose note, where there is one, says what guessing gives; none where nothing was ranked."""
    if not found:
        return []
    chance = sum(1 / len(ranking.candidates) for ranking in found.values()) / len(found)
    return [ranked(name, found, by, f"{note}; guessing gives {chance:.3f}" if note else "")]


def _best(ranking: Ranking, amounts: Sequence[float]) -> str:
    return ranking.candidates[amounts.index(max(amounts))]


def ranking_measures(name: str, found: Mapping[str, Ranking]) -> list[Measure]:
    """Share of questions whose accepted answer comes first: by raw sum, per character, corrected, without the question."""
    if not found:
        return []
    chance = sum(1 / len(ranking.candidates) for ranking in found.values()) / len(found)
    note = f"guessing gives {chance:.3f}"
    firsts = [ranking.first for ranking in found.values()]

    def measure(label: str, by: Mapping[str, Sequence[float]], about: str) -> Measure:
        return share(label, firsts, lambda response: wins(by[question_of(response).id]), about)

    return [
        ranked(name, found, lambda ranking: ranking.raw, f"summed log-probability; {note}"),
        measure(
            f"{name}_per_character",
            {key: ranking.per_character for key, ranking in found.items()},
            f"divided by the answer's characters; {note}",
        ),
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


def truth_ratio(right: float, wrong: Sequence[float]) -> float:
    """How likely wrong answers are beside the right one, as TOFU has it (Maini et al. 2024, arXiv 2401.06121).

    The program of the benchmark, which is followed here, takes the geometric mean over the wrong answers; the paper writes the
    arithmetic one. Below 1 the right answer is the likelier.

    Args:
        right: mean log-probability per token of the right answer (in TOFU, its paraphrase).
        wrong: those of the wrong answers, at least one.
    """
    return math.exp(sum(wrong) / len(wrong) - right)


def truth_score(right: float, wrong: Sequence[float]) -> float:
    """max(0, 1 - truth ratio): what TOFU averages over what should be known. 1: wrong answers have no chance beside it."""
    return max(0.0, 1 - truth_ratio(right, wrong))


def truth_measures(found: Mapping[str, Ranking]) -> list[Measure]:
    """`truth`: the mean truth score over questions with wrong answers at hand."""
    if not found:
        return []
    scores = {key: truth_score(ranking.per_token[0], ranking.per_token[1:]) for key, ranking in found.items()}
    firsts = [ranking.first for ranking in found.values()]
    note = "mean of max(0, 1 - truth ratio) (TOFU, arXiv 2401.06121)"
    return [share("truth", firsts, lambda response: scores[question_of(response).id], note)]
