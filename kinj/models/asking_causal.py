"""Asking causal models: greedy or drawn continuations, and scores whose shared beginnings are read once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch

from kinj.models.asking import Asking, continuation, drawn
from kinj.models.codec import IGNORE, Codec, Example
from kinj.models.passes import LOGITS, Ending, Scored, generate, read_prefixes, score
from kinj.models.requests import Request
from kinj.models.tree_passes import confirm, go_on, reads_trees

PAYS = 0.25
"""Drafts are worth reading where at least this share of their tokens is what the model says."""
SAMPLE = 8
"""Where they are not, every so manyth question still has its drafts read, to see whether that changes."""


@dataclass
class _Row:
    """One row to score: the request it belongs to, what the model is given, and what is scored."""

    request: Request
    head: tuple[int, ...]
    rest: list[int]


@dataclass
class AskingCausal(Asking[Codec]):
    """Asks a causal model. `drafts_pay`: in the last batch they agreed with the model often enough."""

    drafts_pay: bool = True

    def generate(self, requests: list[Request]) -> None:
        """Goes on from the prompts until an answer is complete, or the context is full."""
        rows = self.prompts(requests)
        if reads_trees(self.model):
            rows.sort(key=lambda row: (-len(row[1]).bit_length(), row[1]))  # of similar length; neighbours begin alike
            run = self._confirm_or_generate
        else:
            run = self._generate
        self.in_batches(rows, lambda row: len(row[1]) + row[0].max_new_tokens, run)

    def _ending(self, request: Request, prompt: list[int]) -> Ending:
        return self.ending(request, self.codec.max_length - len(prompt))

    def _generate(self, rows: list[tuple[Request, list[int]]]) -> None:
        state = read_prefixes(self.model, [prompt for _, prompt in rows], self.codec.pad_id)
        endings = [self._ending(*row) for row in rows]
        done = generate(state, [Scored([]) for _ in rows], endings, [drawn(request) for request, _ in rows])
        self._keep(rows, done)

    def _confirm_or_generate(self, rows: list[tuple[Request, list[int]]]) -> None:
        """Reads prompts with their drafts; what no draft confirms is generated, for all rows together."""
        requests, prompts = [request for request, _ in rows], [prompt for _, prompt in rows]
        endings, draws = [self._ending(*row) for row in rows], [drawn(request) for request in requests]
        drafts = [
            [ids[: ending.limit - 1] for ids in found]
            if draw is None and (self.drafts_pay or number % SAMPLE == 0)
            else []
            for number, (found, ending, draw) in enumerate(
                zip(self.codec.drafts(requests, prompts), endings, draws, strict=True)
            )
        ]
        done, places = confirm(self.model, prompts, drafts, endings, self.codec.pad_id)
        tried = sum(len(ids) for found in drafts for ids in found)
        self.drafts_pay = sum(len(result.tokens) for result in done) >= PAYS * tried
        left = [i for i, place in enumerate(places) if place is not None]
        if left:
            state = go_on(self.model, [place for place in places if place is not None])
            generate(state, [done[i] for i in left], [endings[i] for i in left], [draws[i] for i in left])
        self._keep(rows, done)

    def _keep(self, rows: list[tuple[Request, list[int]]], done: list[Scored]) -> None:
        for (request, _), result in zip(rows, done, strict=True):
            self.said(request, result)
        self.report()

    def loglikelihood(self, requests: list[Request]) -> None:
        """Scores each continuation as the answer to its prompt."""
        examples = self.codec.questions([(r.prompt, continuation(r)) for r in requests], eos=False)
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
        """Scores rows; a beginning that several share is read once."""
        self.to_score(requests, (row.request for row in rows if row.rest))
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
