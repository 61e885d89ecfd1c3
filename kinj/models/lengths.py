"""Which requests a model can read whole: nothing that is asked is ever cut."""

from __future__ import annotations

from collections.abc import Sequence

from kinj.config.errors import KinjError
from kinj.models.codec import Codec
from kinj.models.requests import Request

MARKS = 16
"""Most tokens that the codec adds to the text of a question and its answer: begin and end, sentinels, masks."""


def readable(codec: Codec, requests: Sequence[Request]) -> list[bool]:
    """Whether each request fits the model's context.

    A plain text (`rolling`) that is longer is read in parts and fits always, unless it is a sentence with a candidate in it
    (`meta.candidate`), whose parts would say nothing about the whole.
    """
    return [_surely(codec, request) or _fits(codec, request) for request in requests]


def _surely(codec: Codec, request: Request) -> bool:
    """Whether it fits by its bytes alone, of which a token stands for at least one: encoding a million texts takes minutes."""
    text = request.prompt if request.kind == "rolling" else codec.request_text(request)
    size = len(text.encode("utf-8", "surrogatepass")) + len(
        (request.continuation or "").encode("utf-8", "surrogatepass")
    )
    return size + MARKS <= codec.max_length


def _fits(codec: Codec, request: Request) -> bool:
    if request.kind == "rolling":
        return "candidate" not in request.meta or len(codec.encode([request.prompt])[0]) + 2 <= codec.max_length
    if request.kind == "generate":
        return len(codec.prompts([request])[0]) <= codec.longest_prompt
    pair = [(request.prompt, request.continuation or "")]
    try:
        if request.completion:
            codec.continuations(pair)
        else:
            codec.questions(pair, eos=False, shots=[request.shots])
    except KinjError:  # the codec refuses rows that are too long, and nothing else
        return False
    return True
