"""Asks a model many things at once: dedupes, sorts by length, batches, halves the batch when memory runs out."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

import numpy as np
import torch

from kinj.config.errors import KinjError, UsageError
from kinj.models.codec import IGNORE, Codec, Example
from kinj.models.passes import Draw, Scored, generate, read_prefixes, score
from kinj.models.requests import Request, Response

log = logging.getLogger("kinj")
T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Called with (requests answered, requests in all)."""

LOGITS = 2**28
"""Most numbers in one block of logits (1 GiB in fp32): limits a batch of scored text where the vocabulary is large."""


class Asked(Protocol):
    """What is needed of a `kinj.models.loading.LanguageModel`."""

    @property
    def model(self) -> Any: ...
    @property
    def codec(self) -> Codec: ...


def answer(
    language_model: Asked, requests: Sequence[Request], batch_tokens: int = 8192, progress: Progress | None = None
) -> list[Response]:
    """Answers requests of all kinds; in fp32 the answers do not depend on `batch_tokens`.

    Generation takes the likeliest tokens (or draws them, see `Request.temperature`). It ends at EOS (of the tokenizer or of
    the model's generation config), after `max_new_tokens`, or where the model's context is full. The text is what was
    generated, without EOS and without surrounding white space; `logprob` and `tokens` count EOS too. Requests that differ
    only in `id` and `meta` are answered once. The model's training mode and the global random state are left as they were.

    Args:
        language_model: model and codec.
        requests: what to ask, in any order.
        batch_tokens: most tokens of a batch, padding and answer budget included; a longer single row goes alone.
        progress: called after every batch.

    Returns:
        One response per request, in the order of the requests.

    Raises:
        UsageError: a request of an unknown kind, or without its continuation.
        KinjError: a question does not fit the model's context, or memory does not suffice for a single row.
    """
    contents = [replace(request, id="", meta={}) for request in requests]
    unique = list(dict.fromkeys(contents))
    work = _Work(language_model, _Budget(batch_tokens), progress, len(unique))
    by_kind: defaultdict[str, list[Request]] = defaultdict(list)
    for request in unique:
        by_kind[request.kind].append(request)
    solvers = {"generate": work.generate, "loglikelihood": work.loglikelihood, "rolling": work.rolling}
    unknown = sorted(set(by_kind) - set(solvers))
    if unknown:
        raise UsageError(f"no model can be asked for `{unknown[0]}`; there are {', '.join(solvers)}")
    with _evaluating(language_model.model), _explaining_memory():
        for kind, group in by_kind.items():
            solvers[kind](group)
    return [
        replace(work.answers[content], request=request) for content, request in zip(contents, requests, strict=True)
    ]


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """Evaluation mode without gradients; afterwards each module is in the mode it was in."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def _explaining_memory() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if not _out_of_memory(error):
            raise
        raise KinjError(
            "memory does not suffice to ask this model a single question", "take a smaller model or another device"
        ) from error


def _out_of_memory(error: RuntimeError) -> bool:
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in text or "can't allocate memory" in text


@dataclass
class _Budget:
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
class _Row:
    """One row to score: the request it belongs to, what the model is given, and what is scored."""

    request: Request
    head: tuple[int, ...]
    rest: list[int]


@dataclass
class _Work:
    asked: Asked
    budget: _Budget
    progress: Progress | None
    total: int
    answers: dict[Request, Response] = field(default_factory=dict)

    def generate(self, requests: list[Request]) -> None:
        codec = self.asked.codec
        rows = [
            (request, codec.prompt(request.prompt, completion=request.completion, shots=request.shots))
            for request in requests
        ]
        for request, prompt in rows:
            if len(prompt) >= codec.max_length:
                raise KinjError(
                    f"a question is {len(prompt):,} tokens long, the model reads {codec.max_length:,}: {request.prompt[:80]!r}",
                    "shorten it, or take a model with a longer context; questions are never cut",
                )
        rows.sort(key=lambda row: -len(row[1]))  # the longest first: if memory is short, it shows at once
        self._in_batches(rows, lambda row: len(row[1]) + row[0].max_new_tokens, self._generate)

    def _generate(self, rows: list[tuple[Request, list[int]]]) -> None:
        codec, stops = self.asked.codec, _stops(self.asked)
        limits = [min(request.max_new_tokens, codec.max_length - len(prompt)) for request, prompt in rows]
        draws = [_draw(request) for request, _ in rows]
        done = generate(self.asked.model, [prompt for _, prompt in rows], limits, stops, codec.pad_id, draws)
        for (request, _), result in zip(rows, done, strict=True):
            ids = result.tokens[:-1] if result.tokens[-1] in stops else result.tokens
            text = codec.decode(ids).strip()
            greedy = request.temperature == 0
            self.answers[request] = Response(
                request=request, text=text, logprob=result.logprob, tokens=len(result.tokens), greedy=greedy
            )
        self._report()

    def loglikelihood(self, requests: list[Request]) -> None:
        examples = self.asked.codec.questions([(r.prompt, _continuation(r)) for r in requests], eos=False)
        self._score(requests, [_row(request, example) for request, example in zip(requests, examples, strict=True)])

    def rolling(self, requests: list[Request]) -> None:
        parts = self.asked.codec.documents([request.prompt for request in requests])
        rows = [
            _row(request, part) for request, chunks in zip(requests, parts, strict=True) for part in chunks if len(part)
        ]
        vocabulary = self.asked.model.get_input_embeddings().num_embeddings
        before = self.budget.tokens
        self.budget.tokens = min(before, max(1, LOGITS // vocabulary))
        self._score(requests, rows)
        self.budget.tokens = before

    def _score(self, requests: list[Request], rows: list[_Row]) -> None:
        """Scores rows; a beginning that several share is read once. A request without any (an empty text) scores 0."""
        for request in requests:
            self.answers[request] = Response(request=request, greedy=True)
        by_head: defaultdict[tuple[int, ...], list[_Row]] = defaultdict(list)
        for row in rows:
            if row.rest:
                by_head[row.head].append(row)
        heads = sorted(by_head.items(), key=lambda item: (-len(item[0]), item[0]))
        self._in_batches(heads, lambda item: len(item[0]), self._score_heads)

    def _score_heads(self, heads: list[tuple[tuple[int, ...], list[_Row]]]) -> None:
        codec, model = self.asked.codec, self.asked.model
        prefix = read_prefixes(model, [head for head, _ in heads], codec.pad_id)
        rows = [(number, row) for number, (_, group) in enumerate(heads) for row in group]
        rows.sort(key=lambda item: -len(item[1].rest))
        found: dict[int, Scored] = {}

        def run(batch: list[tuple[int, _Row]]) -> None:
            picked = prefix.pick(torch.tensor([number for number, _ in batch], device=prefix.mask.device))
            done = score(model, picked, [row.rest for _, row in batch], codec.pad_id)
            found.update((id(row), result) for (_, row), result in zip(batch, done, strict=True))

        self._in_batches(rows, lambda item: prefix.mask.shape[1] + len(item[1].rest), run)
        # Added up in the order of the text, and only when the whole group is done: a batch may be tried again.
        for _, group in heads:
            for row in group:
                self._add(row, found[id(row)])
        self._report()

    def _add(self, row: _Row, result: Scored) -> None:
        response = self.answers[row.request]
        response.logprob += result.logprob
        response.tokens += len(result.tokens)
        response.greedy = response.greedy and result.greedy

    def _in_batches(self, items: Sequence[T], length: Callable[[T], int], run: Callable[[list[T]], None]) -> None:
        """Runs all items, the longest first, in batches under the budget; out of memory halves it and tries again."""
        start = 0
        while start < len(items):
            longest = max(1, length(items[start]))
            batch = list(items[start : start + max(1, self.budget.tokens // longest)])
            try:
                run(batch)
            except RuntimeError as error:
                if not _out_of_memory(error) or len(batch) == 1:
                    raise
                self.budget.halve(longest * len(batch))
                continue
            start += len(batch)

    def _report(self) -> None:
        if self.progress:
            self.progress(len(self.answers), self.total)


def _draw(request: Request) -> Draw | None:
    if request.temperature == 0:
        return None
    return Draw(request.temperature, torch.Generator().manual_seed(request.seed))


def _stops(asked: Asked) -> frozenset[int]:
    """Ids that end an answer. A chat model names several in its generation config."""
    named = getattr(getattr(asked.model, "generation_config", None), "eos_token_id", None)
    return frozenset(
        [asked.codec.eos_id, *(named if isinstance(named, list) else [named] if named is not None else [])]
    )


def _continuation(request: Request) -> str:
    if request.continuation is None:
        raise UsageError(f"a request for a log-probability has no continuation: {request.prompt[:80]!r}")
    return request.continuation


def _row(request: Request, example: Example) -> _Row:
    """Splits an encoded example where its loss begins. Nothing predicts a first token, so that one is never scored."""
    scored = np.flatnonzero(example.labels != IGNORE)
    start = max(1, int(scored[0]) if len(scored) else len(example))
    ids = example.ids.tolist()
    return _Row(request, tuple(ids[:start]), ids[start:])
