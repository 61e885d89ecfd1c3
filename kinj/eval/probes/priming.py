"""Does what was injected come up where it does not belong: after prompts about other people, or about nobody?"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp

from kinj.data.biographies.pools import entropies, values
from kinj.data.biographies.text import PRONOUNS, sentences
from kinj.data.records import Fact, Question
from kinj.data.rng import stable_rng
from kinj.eval.asking import limited, only_questions, with_changes
from kinj.eval.base import Context, Measure
from kinj.eval.contexts import Key, facts, ranks_within
from kinj.eval.probes.calibration import met_population_a
from kinj.models.requests import Request, Response

PROMPTS = 2
"""Unrelated prompts of each kind for one fact."""
OWN, STRANGERS, KNOWN, NOBODY = "own", "strangers", "known", "nobody"
ELSEWHERE = (STRANGERS, KNOWN, NOBODY)
POOLS = {STRANGERS: ("strangers",), KNOWN: ("known_replayed", "known_unreplayed")}
"""Where questions about other people come from."""
FEWEST = 10
"""Facts that a correlation needs."""


@dataclass(frozen=True)
class _Prompt:
    """A text that has nothing to do with a fact; `right` is the answer to it where there is one that the model may know."""

    where: str
    text: str
    completion: bool = False
    right: str | None = None


class Priming:
    """Log-probability (nats) of injected values after prompts of the same kind that have nothing to do with them: questions about
    strangers and about known people, sentences about nobody in particular (arXiv 2504.09522, 2410.07819).

    `leak`; `leak_control`: of values of the same attribute that nobody was given, after the same prompts; `leak_excess`: the
    first minus the second. `leak_probability`: as a probability. `overfit`: how often an injected value is likelier than the right
    answer to a question about a known person. `memory`: the value as the answer to the question it belongs to. `leak_change` since
    the model before is the priming score; `surprise_correlation` is its rank correlation with how unlikely the value then was.
    """

    name = "priming"

    def requests(self, context: Context) -> list[Request]:
        """Raises NotMeasuredError where the data set is another."""
        known = facts(context)
        asked = [q for q in only_questions(context.data.pool("questions")) if q.kind == "forward"]
        own = {(q.document or q.id, q.meta["relation"]): q.prompt for q in asked}
        free, others = _free_values(list(known.values())), _other_people(context)
        requests: list[Request] = []
        for key in limited((key for key in known if key in own), context.settings):
            value, rng = known[key].value, stable_rng("priming", *key)
            prompts = list(_prompts(key[1], value, others, rng))
            given = {prompt.right for prompt in prompts}
            unused = [one for one in free[key[1]] if one not in given]
            requests.append(_request(key, _Prompt(OWN, own[key]), "value", value))
            for prompt in prompts:
                texts = {"value": value, "control": rng.choice(unused) if unused else None, "right": prompt.right}
                requests += [_request(key, prompt, about, text) for about, text in texts.items() if text]
        return [replace(request, id=f"{request.id}.{number}") for number, request in enumerate(requests)]

    def summarise(self, responses: Sequence[Response], baseline: Sequence[Response] | None = None) -> list[Measure]:
        """The measures, their changes since `baseline`, and what the change of `leak` goes with."""
        measures = with_changes(_measures(responses), _measures(baseline) if baseline else None)
        return [*measures, *(_surprise(responses, baseline) if baseline else [])]


def _free_values(known: Sequence[Fact]) -> dict[str, list[str]]:
    """The values of each attribute that nobody was given, where values are drawn evenly: else those left over are rare ones."""
    given = {fact.value for fact in known}
    even = [relation for relation, bits in entropies().items() if bits]
    free = {relation: [value for value in values(relation) if value not in given] for relation in even}
    return {fact.relation: free.get(fact.relation, []) for fact in known}


def _other_people(context: Context) -> dict[tuple[str, str], list[Question]]:
    """Questions for each attribute about strangers, and about population A where the model met it."""
    pools = POOLS if met_population_a(context) else {STRANGERS: POOLS[STRANGERS]}
    found: dict[tuple[str, str], list[Question]] = {}
    for where, names in pools.items():
        for question in (q for name in names for q in only_questions(context.data.pool(name))):
            found.setdefault((where, question.meta["relation"]), []).append(question)
    return found


def _prompts(
    relation: str, value: str, others: Mapping[tuple[str, str], Sequence[Question]], rng: random.Random
) -> Iterator[_Prompt]:
    """Prompts for an attribute that have nothing to do with the one whose value it is."""
    for where in (STRANGERS, KNOWN):
        asked = [q for q in others.get((where, relation), ()) if value not in q.answers]
        for question in rng.sample(asked, min(PROMPTS, len(asked))):
            yield _Prompt(where, question.prompt, right=question.answers[0] if where == KNOWN else None)
    heads = [before.format_map(PRONOUNS["he"]) for before, _ in sentences(relation, "held_out") if before]
    for head in rng.sample(heads, min(PROMPTS, len(heads))):
        yield _Prompt(NOBODY, head, completion=True)


def _request(key: Key, prompt: _Prompt, about: str, text: str) -> Request:
    return Request(
        kind="loglikelihood",
        prompt=prompt.text,
        continuation=text,
        completion=prompt.completion,
        id=".".join((*key, prompt.where, about)),
        meta={"fact": key, "where": prompt.where, "about": about},
    )


def _by_fact(
    responses: Sequence[Response], about: str, *where: str, value: Callable[[Response], float] = lambda r: r.logprob
) -> dict[Key, float]:
    """The mean over the prompts of each fact."""
    found: dict[Key, list[float]] = {}
    for response in responses:
        meta = response.request.meta
        if meta["about"] == about and meta["where"] in where:
            found.setdefault(meta["fact"], []).append(value(response))
    return {key: sum(amounts) / len(amounts) for key, amounts in found.items()}


def _measures(responses: Sequence[Response]) -> list[Measure]:
    leak, control = (_by_fact(responses, about, *ELSEWHERE) for about in ("value", "control"))
    left_out = len(leak) - len(control)
    note = f"{left_out:,} facts have no such values: all were given, or they are not drawn evenly" * (left_out > 0)
    measures = [
        _measure("leak", -1, leak, "of the whole value"),
        _measure("leak_control", 0, control, f"values that nobody was given; {note}".rstrip("; ")),
        _measure("leak_excess", -1, _excess(leak, control), f"leak minus leak_control; {note}".rstrip("; ")),
        _share("leak_probability", _by_fact(responses, "value", *ELSEWHERE, value=lambda r: exp(r.logprob))),
        _share("overfit", _overfit(responses)),
        _measure("memory", 1, _by_fact(responses, "value", OWN), "as the answer to the question it belongs to"),
    ]
    for where in ELSEWHERE:
        there, beside = (_by_fact(responses, about, where) for about in ("value", "control"))
        measures += [
            _measure(f"leak/{where}", -1, there, ""),
            _measure(f"leak_excess/{where}", -1, _excess(there, beside), ""),
        ]
    return [measure for measure in measures if measure.values]


def _excess(leak: Mapping[Key, float], control: Mapping[Key, float]) -> dict[Key, float]:
    return {key: leak[key] - control[key] for key in leak if key in control}


def _overfit(responses: Sequence[Response]) -> dict[Key, float]:
    """The share of a fact's questions about known people to which its value is likelier than the right answer."""
    found: dict[Key, list[float]] = {}
    asked = [r for r in responses if r.request.meta["where"] == KNOWN]
    values, rights = ([r for r in asked if r.request.meta["about"] == about] for about in ("value", "right"))
    for value, right in zip(values, rights, strict=True):
        found.setdefault(value.request.meta["fact"], []).append(float(value.logprob > right.logprob))
    return {key: sum(beaten) / len(beaten) for key, beaten in found.items()}


def _surprise(responses: Sequence[Response], baseline: Sequence[Response]) -> list[Measure]:
    """How the priming score goes with how unlikely the value was before, ranks of each attribute apart."""
    after, before = (_by_fact(answers, "value", *ELSEWHERE) for answers in (responses, baseline))
    own = _by_fact(baseline, "value", OWN)
    keys = list(own)
    unlikely = ranks_within(keys, [-own[key] for key in keys])
    change = ranks_within(keys, [after[key] - before[key] for key in keys])
    if len(keys) < FEWEST or len(set(unlikely)) == 1 or len(set(change)) == 1:
        return []
    note = "of leak_change with the surprise of the value before; in part arithmetic: what was unlikely has more room to rise"
    measure = _measure("surprise_correlation", 0, dict(zip(keys, unlikely, strict=True)), note)
    return [replace(measure, unit="correlation", aggregate="rank_correlation", beside=change)]


def _measure(name: str, direction: int, values: Mapping[Key, float], note: str) -> Measure:
    return Measure(
        name=name,
        unit="nats",
        direction=direction,
        values=list(values.values()),
        clusters=[person for person, _ in values],
        note=note,
        aggregate="difference" if name.startswith("leak_excess") else "plain",
    )


def _share(name: str, values: Mapping[Key, float]) -> Measure:
    return replace(_measure(name, -1, values, ""), unit="share", aggregate="mean")
