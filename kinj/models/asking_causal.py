"""Asking causal models: greedy or drawn continuations, and scores whose shared beginnings are read once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch

from kinj.models.asking import LOGITS, Asking, drawn
from kinj.models.codec import IGNORE, Codec, Example
from kinj.models.passes import Scored, generate, read_prefixes, score
from kinj.models.requests import Request, Response


@dataclass
class _Row:
    """One row to score: the request it belongs to, what the model is given, and what is scored."""

    request: Request
    head: tuple[int, ...]
    rest: list[int]


class AskingCausal(Asking[Codec]):
    """Asks a causal model."""

    def generate(self, requests: list[Request]) -> None:
        """Goes on from the prompts until a stop token, the budget of the answer or the end of the context."""
        self.in_batches(self.prompts(requests), lambda row: len(row[1]) + row[0].max_new_tokens, self._generate)

    def _generate(self, rows: list[tuple[Request, list[int]]]) -> None:
        codec = self.codec
        limits = [min(request.max_new_tokens, codec.max_length - len(prompt)) for request, prompt in rows]
        state = read_prefixes(self.model, [prompt for _, prompt in rows], codec.pad_id)
        done = generate(state, limits, self.stops, [drawn(request) for request, _ in rows])
        for (request, _), result in zip(rows, done, strict=True):
            self.said(request, result)
        self.report()

    def loglikelihood(self, requests: list[Request]) -> None:
        """Scores each continuation as the answer to its prompt, or as what goes on from it."""
        examples = self.continuations(requests)
        self._score(requests, [_row(request, example) for request, example in zip(requests, examples, strict=True)])

    def rolling(self, requests: list[Request]) -> None:
        """Scores texts token by token; a long one in parts."""
        parts = self.codec.documents([request.prompt for request in requests])
        rows = [
            _row(request, part) for request, chunks in zip(requests, parts, strict=True) for part in chunks if len(part)
        ]
        vocabulary = self.model.get_input_embeddings().num_embeddings
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
        self.in_batches(heads, lambda item: len(item[0]), self._score_heads)

    def _score_heads(self, heads: list[tuple[tuple[int, ...], list[_Row]]]) -> None:
        codec, model = self.codec, self.model
        prefix = read_prefixes(model, [head for head, _ in heads], codec.pad_id)
        rows = [(number, row) for number, (_, group) in enumerate(heads) for row in group]
        rows.sort(key=lambda item: -len(item[1].rest))
        found: dict[int, Scored] = {}

        def run(batch: list[tuple[int, _Row]]) -> None:
            picked = prefix.pick(torch.tensor([number for number, _ in batch], device=prefix.mask.device))
            done = score(picked, [row.rest for _, row in batch], codec.pad_id)
            found.update((id(row), result) for (_, row), result in zip(batch, done, strict=True))

        self.in_batches(rows, lambda item: prefix.mask.shape[1] + len(item[1].rest), run)
        # Added up in the order of the text, and only when the whole group is done: a batch may be tried again.
        for _, group in heads:
            for row in group:
                self.scored(row.request, found[id(row)])
        self.report()


def _row(request: Request, example: Example) -> _Row:
    """Splits an encoded example where its loss begins. Nothing predicts a first token, so that one is never scored."""
    scored = np.flatnonzero(example.labels != IGNORE)
    start = max(1, int(scored[0]) if len(scored) else len(example))
    ids = example.ids.tolist()
    return _Row(request, tuple(ids[:start]), ids[start:])
