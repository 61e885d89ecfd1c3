"""What a model cannot read whole is not asked: it is counted and left out, never cut."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from kinj.eval.asking import NotMeasuredError
from kinj.models.codec import Codec
from kinj.models.lengths import readable
from kinj.models.requests import Request


def fitting(
    probe: str, requests: Sequence[Request], codecs: Iterable[Codec], notices: list[str]
) -> tuple[list[Request], int]:
    """The requests that every model can read, and the number of questions that were left out; a notice says so.

    A question goes with all its requests: a ranking without one of its candidates would be another question.

    Raises:
        NotMeasuredError: none is left.
    """
    long: set[Hashable] = set()
    shortest = 0
    for codec in codecs:
        found = {_item(request) for request, fits in zip(requests, readable(codec, requests), strict=True) if not fits}
        shortest = min(shortest or codec.max_length, codec.max_length) if found else shortest
        long |= found
    if not long:
        return list(requests), 0
    items = len({_item(request) for request in requests})
    told = f"longer than the {shortest:,} tokens that the model reads, and nothing is cut"
    if len(long) == items:
        raise NotMeasuredError(f"all {items:,} questions are {told}; take a model with a longer context")
    notices.append(f"{probe}: {len(long):,} of {items:,} questions are left out: they are {told}")
    return [request for request in requests if _item(request) not in long], len(long)


def _item(request: Request) -> Hashable:
    """What belongs together: the requests of a question, of a fact, of a text."""
    question = request.meta.get("question")
    item: Hashable = question.id if question is not None else request.meta.get("fact", request.id)
    return item
