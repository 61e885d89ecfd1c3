"""What can be asked of a model, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Request:
    """One thing to ask.

    `generate`: an answer to `prompt` (a question; the codec puts it into the model's format).
    `loglikelihood`: log-probability of `continuation` as the answer to `prompt`, or as what goes on from it (`completion`).
    `rolling`: log-probability of `prompt`, a plain text, token by token.
    """

    kind: str
    prompt: str
    continuation: str | None = None
    max_new_tokens: int = 32
    completion: bool = False
    """Not `rolling`: `prompt` is the beginning of a text to go on with, not a question."""
    shots: tuple[tuple[str, str], ...] = ()
    """Not `rolling`, nor a completion: questions with their answers that are put before the question."""
    temperature: float = 0.0
    """`generate` only: 0 always takes the likeliest token; above 0, tokens are drawn, and the answer depends on `seed`."""
    seed: int = 0
    """Randomness of an answer that is drawn."""
    stop: tuple[str, ...] = ()
    """`generate` only: the answer ends before the first place where one of these texts stands."""
    drafts: tuple[str, ...] = field(default=(), compare=False)
    """`generate` only: answers the model may well give, tried before anything is generated. They save time and change nothing."""
    id: str = ""
    meta: dict[str, Any] = field(default_factory=dict, hash=False, compare=False)


@dataclass(kw_only=True)
class Response:
    """The answer to a request: `text` of a generation (None otherwise); `logprob` (natural log, summed over the scored
    tokens; for a generation, of the generated tokens) and how many `tokens` it covers, 0 where a served model tells none; `greedy`
    tells whether every scored token was the most likely one."""

    request: Request
    text: str | None = None
    logprob: float = 0.0
    tokens: int = 0
    greedy: bool = False
