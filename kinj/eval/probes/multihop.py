"""Questions through a chain of facts, beside questions for each of its steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from kinj.data.records import Question
from kinj.eval.asking import (
    NotMeasuredError,
    QuestionProbe,
    generated,
    generation,
    limited,
    only_questions,
    question_of,
    scores,
)
from kinj.eval.base import Context, Item, Measure
from kinj.eval.scorers import final_answer
from kinj.models.requests import Request, Response

CHAIN, HOP = "chain", "hop"


@dataclass
class _Case:
    """Whether each wording of a chain, and each of its steps, is answered; and the answers."""

    chain: list[float] = field(default_factory=list)
    hops: list[float] = field(default_factory=list)
    chain_items: list[Item] = field(default_factory=list)
    hop_items: list[Item] = field(default_factory=list)

    def add(self, response: Response) -> None:
        item = Item(question_of(response).id, final_answer(response.text or ""))
        chain = response.request.meta["part"] == CHAIN
        (self.chain if chain else self.hops).append(scores(response)["exact_match"])
        (self.chain_items if chain else self.hop_items).append(item)


class MultiHop(QuestionProbe):
    """`chains`: cases with at least one wording of the chain answered (exact match; MQuAKE, arXiv 2305.14795); `chains_each`, the
    share of wordings; `hops`: cases with all steps answered; `hops_each`, the share of steps.

    `chains/hops_known` is `chains` among the cases whose steps are all answered: what is left there is putting facts together.
    `chains/hops_unknown` is the same among the others: a chain answered there was guessed, or taken from elsewhere.
    """

    name = "multihop"

    def requests(self, context: Context) -> list[Request]:
        """Raises NotMeasuredError where there are no chains."""
        asked = [(_case_of(question), kind, question) for question, kind in _parts(context)]
        chained = dict.fromkeys(case for case, kind, _ in asked if kind == CHAIN)
        kept = set(limited(chained, context.settings))
        requests = []
        for case, kind, question in asked:
            if case in kept:
                request = generation(question, context.settings)
                request.meta.update(case=case, part=kind)
                requests.append(request)
        if not requests:
            raise NotMeasuredError(
                f"data={context.data.name} has no chains; pass data=mquake data.path=FILE, or questions of the kinds `{CHAIN}` and "
                f"`{HOP}` with a `case` that says which belong together"
            )
        return requests

    def questions(self, context: Context) -> list[Question]:
        return [request.meta["question"] for request in self.requests(context)]

    def measures(self, responses: Sequence[Response]) -> list[Measure]:
        cases: dict[str, _Case] = {}
        for response in generated(responses):
            cases.setdefault(response.request.meta["case"], _Case()).add(response)
        chains = {name: max(case.chain) for name, case in cases.items()}
        whole = {name: min(case.hops) for name, case in cases.items() if case.hops}
        given, without = ({name: chains[name] for name in whole if whole[name] == known} for known in (1.0, 0.0))
        steps = Counter(len(case.hops) for case in cases.values())
        note = "steps asked: " + ", ".join(f"{count} in {cases_:,} cases" for count, cases_ in sorted(steps.items()))
        return [
            *_share("chains", {name: [value] for name, value in chains.items()}, note),
            *_each("chains_each", {name: (case.chain, case.chain_items) for name, case in cases.items()}),
            *_share("hops", {name: [value] for name, value in whole.items()}),
            *_each("hops_each", {name: (case.hops, case.hop_items) for name, case in cases.items() if case.hops}),
            *_share("chains/hops_known", {name: [value] for name, value in given.items()}),
            *_share("chains/hops_unknown", {name: [value] for name, value in without.items()}),
        ]


def _parts(context: Context) -> list[tuple[Question, str]]:
    """The questions that are chains or steps.

    Of generated people the chain is the city of the employer (`two_hop`) and the step the employer; the city of each employer is
    the same for all people and is not asked.
    """
    pool = only_questions(context.data.pool("questions")) if "questions" in context.data.pools else []
    if context.data.name == "biographies":
        named = [(q, CHAIN if q.kind == "two_hop" else HOP) for q in pool]
        return [(q, kind) for q, kind in named if kind == CHAIN or q.meta["relation"] == "company"]
    return [(question, question.kind) for question in pool if question.kind in (CHAIN, HOP)]


def _case_of(question: Question) -> str:
    return str(question.meta.get("case") or question.document or question.id)


def _each(name: str, answers: Mapping[str, tuple[Sequence[float], Sequence[Item]]]) -> list[Measure]:
    """Every question for itself; a comparison of two models names those whose answer changed."""
    items = [item for _, found in answers.values() for item in found]
    return [replace(m, items=items) for m in _share(name, {case: right for case, (right, _) in answers.items()})]


def _share(name: str, values: Mapping[str, Sequence[float]], note: str = "") -> list[Measure]:
    """Clustered by case; nothing where there is no such case."""
    items = [(case, value) for case, found in values.items() for value in found]
    if not items:
        return []
    cases, numbers = zip(*items, strict=True)
    return [Measure(name=name, unit="share", direction=1, values=list(numbers), clusters=list(cases), note=note)]
