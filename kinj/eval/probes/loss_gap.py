"""How much better facts are predicted where they were taught than in wordings never trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from kinj.data.records import Document, Fact, Question, Record
from kinj.eval.asking import NotMeasuredError, limited, with_changes
from kinj.eval.base import Context, Measure
from kinj.eval.taught import taught
from kinj.models.requests import Request, Response

UNSEEN = {Document: "reworded", Question: "questions"}
"""Where the same facts stand in wordings never trained on, by what was taught."""
Key = tuple[str, str]
"""A person and a relation."""


class LossGap:
    """`loss_trained` and `loss_unseen`: nats per token of the values of facts; `loss_gap`: the second minus the first.

    In texts, the tokens of a value given what stands before it: how a sentence is worded cannot be known, and would drown
    what is. A value that opens its text is left out, and so is the same fact in the other text: nothing before it could
    tell whose it is. In questions, the tokens of the answer.
    """

    name = "loss_gap"

    def requests(self, context: Context) -> list[Request]:
        """Those of each fact as it was taught, and of the same fact in other words.

        Raises:
            NotMeasuredError: the data set does not say or ask the same in other words.
        """
        records = list(taught(context))
        pool = UNSEEN.get(type(records[0])) if records else None
        if pool not in context.data.pools:
            raise NotMeasuredError(f"data={context.data.name} has no pool `{pool}` with the same facts in other words")
        trained, unseen = _by_fact(records), _by_fact(context.data.pool(str(pool)))
        shared = limited((key for key in trained if key in unseen), context.settings)
        if not shared:
            raise NotMeasuredError(f"no fact that was taught stands in the pool `{pool}`")
        return [request for key in shared for request in _pair(key, trained[key], unseen[key])]

    def summarise(self, responses: Sequence[Response], baseline: Sequence[Response] | None = None) -> list[Measure]:
        """The two losses and the gap, and their changes since `baseline`."""
        return with_changes(_measures(responses), _measures(baseline) if baseline else None)


def _by_fact(records: Iterable[Record]) -> dict[Key, list[Request]]:
    """What to ask for the loss on each fact, the first time it stands there."""
    found: dict[Key, list[Request]] = {}
    for record in records:
        if isinstance(record, Question):
            if record.kind == "forward":
                found.setdefault((record.document or record.id, record.meta["relation"]), [_answer(record)])
            continue
        for fact in record.facts:
            if record.text[: fact.start].strip():
                found.setdefault((record.origin, fact.relation), _value(record, fact))
    return found


def _answer(question: Question) -> Request:
    return Request(kind="loglikelihood", prompt=question.prompt, continuation=question.answers[0], meta={"sign": 1})


def _value(document: Document, fact: Fact) -> list[Request]:
    """The text up to the value, to be taken away from the text with it. A token carries the space before its word."""
    before, through = document.text[: fact.start].rstrip(), document.text[: fact.end]
    return [Request(kind="rolling", prompt=text, meta={"sign": sign}) for text, sign in ((before, -1), (through, 1))]


def _pair(key: Key, trained: list[Request], unseen: list[Request]) -> Iterator[Request]:
    for side, requests in (("trained", trained), ("unseen", unseen)):
        for request in requests:
            name = ".".join((*key, side, "through" if request.meta["sign"] > 0 else "before"))
            yield replace(request, id=name, meta=request.meta | {"fact": key, "side": side})


def _measures(responses: Sequence[Response]) -> list[Measure]:
    sums: dict[str, dict[Key, list[float]]] = {"trained": {}, "unseen": {}}
    for response in responses:
        meta = response.request.meta
        total = sums[meta["side"]].setdefault(meta["fact"], [0.0, 0.0])
        total[0] -= meta["sign"] * response.logprob
        total[1] += meta["sign"] * response.tokens
    trained, unseen = ([nats / max(1.0, tokens) for nats, tokens in side.values()] for side in sums.values())
    people = [person for person, _ in sums["trained"]]
    gaps = [b - a for a, b in zip(trained, unseen, strict=True)]
    named = {"loss_trained": trained, "loss_unseen": unseen, "loss_gap": gaps}
    return [
        Measure(
            name=name,
            unit="nats",
            direction=-1,
            values=values,
            clusters=people,
            aggregate="difference" if name == "loss_gap" else "plain",
        )
        for name, values in named.items()
    ]
