"""What asking has in common for all kinds of models: batches under a budget, answers as they come in."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import torch

from kinj.config.errors import KinjError, UsageError
from kinj.models.codec import Codec, Example
from kinj.models.passes import Draw, Ending, Scored
from kinj.models.requests import Request, Response

log = logging.getLogger("kinj")
T = TypeVar("T")
C = TypeVar("C", bound=Codec)
Progress = Callable[[int, int], None]
"""Called with (requests answered, requests in all)."""
Keep = Callable[[Sequence[Response]], None]
"""Called with answers as soon as they are complete."""


def out_of_memory(error: RuntimeError) -> bool:
    """Whether an error means that memory did not suffice."""
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in text or "can't allocate memory" in text


@dataclass
class Budget:
    tokens: int
    said: bool = False

    def halve(self, used: int) -> None:
        """Halves the batch after one of `used` tokens did not fit in memory."""
        self.tokens = max(1, used // 2)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if not self.said:
            log.warning(
                "out of memory with %s tokens in a batch; going on with half of that. Answers do not change.",
                f"{used:,}",
            )
        self.said = True


@dataclass
class Asking(ABC, Generic[C]):
    """Asks a model of one kind. `answers` holds what is known so far; `total` is the number of requests; `keep` gets each answer
    when it is complete."""

    model: Any
    codec: C
    budget: Budget
    progress: Progress | None
    keep: Keep | None
    total: int
    answers: dict[Request, Response] = field(default_factory=dict)
    rows_left: Counter[Request] = field(default_factory=Counter)
    complete: list[Response] = field(default_factory=list)

    @abstractmethod
    def generate(self, requests: list[Request]) -> None:
        """Answers requests of kind `generate`."""

    @abstractmethod
    def loglikelihood(self, requests: list[Request]) -> None:
        """Answers requests of kind `loglikelihood`."""

    @abstractmethod
    def rolling(self, requests: list[Request]) -> None:
        """Answers requests of kind `rolling`."""

    def prompts(self, requests: list[Request]) -> list[tuple[Request, list[int]]]:
        """The questions as the model reads them, the longest first: if memory is short, it shows at once.

        Raises:
            KinjError: one does not fit the model's context.
        """
        codec = self.codec
        rows = list(zip(requests, codec.prompts(requests), strict=True))
        for request, prompt in rows:
            if len(prompt) > codec.longest_prompt:
                raise KinjError(
                    f"a question is {len(prompt):,} tokens long, the model reads {codec.max_length:,}: {request.prompt[:80]!r}",
                    "shorten it, or take a model with a longer context; questions are never cut",
                )
        return sorted(rows, key=lambda row: -len(row[1]))

    def continuations(self, requests: Sequence[Request]) -> list[Example]:
        """Rows with the loss on the continuations: each as the answer to its prompt, or as what goes on from it."""
        rows: dict[Request, Example] = {}
        for completion in (False, True):
            chosen = [request for request in requests if request.completion == completion]
            pairs = [(request.prompt, continuation(request)) for request in chosen]
            if completion:
                encoded = self.codec.continuations(pairs)
            else:
                encoded = self.codec.questions(pairs, eos=False, shots=[request.shots for request in chosen])
            rows.update(zip(chosen, encoded, strict=True))
        return [rows[request] for request in requests]

    @property
    def stops(self) -> frozenset[int]:
        """Ids that end an answer. A chat model names several in its generation config."""
        named = getattr(getattr(self.model, "generation_config", None), "eos_token_id", None)
        return self.codec.stops | set(named if isinstance(named, list) else [named] if named is not None else [])

    def ending(self, request: Request, longest: int) -> Ending:
        """When the answer to a request is complete: at the latest after `longest` tokens."""
        return Ending(min(request.max_new_tokens, longest), self.stops, request.stop, self.codec.decode)

    def said(self, request: Request, result: Scored) -> None:
        """Keeps a generated answer."""
        ids = result.tokens[:-1] if result.tokens[-1] in self.stops else result.tokens
        text, greedy = cut(self.codec.decode(ids), request.stop).strip(), request.temperature == 0
        self.answers[request] = Response(
            request=request, text=text, logprob=result.logprob, tokens=len(result.tokens), greedy=greedy
        )
        self.complete.append(self.answers[request])

    def to_score(self, requests: Sequence[Request], rows: Iterable[Request]) -> None:
        """Begins to score requests; `rows` names the request of each row. One without rows (an empty text) scores 0."""
        for request in requests:
            self.answers[request] = Response(request=request, greedy=True)
        self.rows_left.update(rows)

    def scored(self, request: Request, result: Scored) -> None:
        """Adds the score of a row to the answer."""
        response = self.answers[request]
        response.logprob += result.logprob
        response.tokens += len(result.tokens)
        response.greedy = response.greedy and result.greedy
        self.rows_left[request] -= 1
        if not self.rows_left[request]:
            self.complete.append(response)

    def in_batches(self, items: Sequence[T], length: Callable[[T], int], run: Callable[[list[T]], None]) -> None:
        """Runs all items, about the longest first, in batches under the budget; out of memory halves it and tries again."""
        start = 0
        while start < len(items):
            batch, longest = self._batch(items, length, start)
            try:
                run(batch)
            except RuntimeError as error:
                if not out_of_memory(error) or len(batch) == 1:
                    raise
                self.budget.halve(longest * len(batch))
                continue
            start += len(batch)

    def _batch(self, items: Sequence[T], length: Callable[[T], int], start: int) -> tuple[list[T], int]:
        """Items from `start` on under the budget (at least one), and the length of the longest."""
        batch, longest = [items[start]], max(1, length(items[start]))
        for item in items[start + 1 :]:
            wider = max(longest, length(item))
            if wider * (len(batch) + 1) > self.budget.tokens:
                break
            batch.append(item)
            longest = wider
        return batch, longest

    def report(self) -> None:
        """Hands over what is complete, and says how far it has come."""
        if self.keep and self.complete:
            self.keep(self.complete)
        self.complete = []
        if self.progress:
            self.progress(len(self.answers), self.total)


@dataclass(frozen=True)
class Engine:
    """Another way of asking a model than kinj's own forward passes; `asking` takes what `Asking` takes."""

    name: str
    asking: Callable[..., Asking[Any]]


def drawn(request: Request) -> Draw | None:
    """How the tokens of an answer are drawn; None where the likeliest are taken."""
    if request.temperature == 0:
        return None
    return Draw(request.temperature, torch.Generator().manual_seed(request.seed))


def cut(text: str, stops: Sequence[str]) -> str:
    """A text up to the first place where one of `stops` stands."""
    return text[: min((place for stop in stops if (place := text.find(stop)) >= 0), default=len(text))]


def continuation(request: Request) -> str:
    """What is scored after the prompt."""
    if request.continuation is None:
        raise UsageError(f"a request for a log-probability has no continuation: {request.prompt[:80]!r}")
    return request.continuation
