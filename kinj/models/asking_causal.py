"""Asking causal models: greedy or drawn continuations, and scores whose shared beginnings are read once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
import torch

from kinj.models.asking import Asking, drawn
from kinj.models.codec import IGNORE, Codec, Example
from kinj.models.passes import LOGITS, Ending, Scored, generate, read_prefixes, score
from kinj.models.requests import Request
from kinj.models.tree_passes import Place, confirm, go_on, reads_trees

PAYS = 0.25
"""Drafts are worth reading where at least this share of their tokens is what the model says."""
SAMPLE = 8
"""Where they are not, every so manyth question still has its drafts read, to see whether that changes."""


@dataclass
class Row:
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
        if not reads_trees(self.model):
            return self.in_batches(rows, lambda row: len(row[1]) + row[0].max_new_tokens, self._generate)
        rows.sort(key=lambda row: (-len(row[1]).bit_length(), row[1]))  # of similar length; neighbours begin alike
        return self.in_batches(rows, lambda row: len(row[1]), self._confirm_or_generate)

    def _ending(self, request: Request, prompt: list[int]) -> Ending:
        return self.ending(request, self.codec.max_length - len(prompt))

    def _generate(self, rows: list[tuple[Request, list[int]]]) -> None:
        state = read_prefixes(self.model, [prompt for _, prompt in rows], self.codec.pad_id)
        endings = [self._ending(*row) for row in rows]
        done = generate(state, [Scored([]) for _ in rows], endings, [drawn(request) for request, _ in rows])
        self._keep(rows, done)

    def _confirm_or_generate(self, rows: list[tuple[Request, list[int]]]) -> None:
        """Reads prompts with their drafts; what no draft confirms is then generated."""
        endings = [self._ending(*row) for row in rows]
        drafts = self._drafts(rows, endings)
        done, places = confirm(self.model, [prompt for _, prompt in rows], drafts, endings, self.codec.pad_id)
        tried = sum(max(map(len, found), default=0) for found in drafts)
        self.drafts_pay = sum(len(result.tokens) for result in done) >= PAYS * tried

        def run(left: list[tuple[int, Place]]) -> None:
            numbers = [number for number, _ in left]
            begun = [replace(done[i], tokens=list(done[i].tokens)) for i in numbers]  # a batch may be tried again
            state = go_on(self.model, [place for _, place in left])
            found = generate(state, begun, [endings[i] for i in numbers], [drawn(rows[i][0]) for i in numbers])
            for i, result in zip(numbers, found, strict=True):
                done[i] = result

        left = [(number, place) for number, place in enumerate(places) if place is not None]
        self.in_batches(left, lambda item: len(rows[item[0]][1]) + endings[item[0]].limit, run)
        self._keep(rows, done)

    def _drafts(self, rows: list[tuple[Request, list[int]]], endings: list[Ending]) -> list[list[list[int]]]:
        """Token ids of the drafts to be read for each row; none where the answer is drawn."""
        found = self.codec.drafts([request for request, _ in rows], [prompt for _, prompt in rows])
        return [
            [ids[: ending.limit - 1] for ids in drafts]
            if request.temperature == 0 and (self.drafts_pay or number % SAMPLE == 0)
            else []
            for number, ((request, _), drafts, ending) in enumerate(zip(rows, found, endings, strict=True))
        ]

    def _keep(self, rows: list[tuple[Request, list[int]]], done: list[Scored]) -> None:
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

    def _score(self, requests: list[Request], rows: list[Row]) -> None:
        """Scores rows; a beginning that several share is read once."""
        self.to_score(requests, (row.request for row in rows if row.rest))
        by_head: defaultdict[tuple[int, ...], list[Row]] = defaultdict(list)
        for row in rows:
            if row.rest:
                by_head[row.head].append(row)
        heads = sorted(by_head.items(), key=lambda item: (-len(item[0]), item[0]))
        self.in_batches(heads, lambda item: len(item[0]), self._score_heads)

    def _score_heads(self, heads: list[tuple[tuple[int, ...], list[Row]]]) -> None:
        codec, model = self.codec, self.model
        prefix = read_prefixes(model, [head for head, _ in heads], codec.pad_id, share=reads_trees(model))
        rows = [(number, row) for number, (_, group) in enumerate(heads) for row in group]
        rows.sort(key=lambda item: -len(item[1].rest))
        found: dict[int, Scored] = {}

        def run(batch: list[tuple[int, Row]]) -> None:
            picked = prefix.pick(torch.tensor([number for number, _ in batch], device=prefix.mask.device))
            done = score(picked, [row.rest for _, row in batch], codec.pad_id)
            found.update((id(row), result) for (_, row), result in zip(batch, done, strict=True))

        self.in_batches(rows, lambda item: prefix.mask.shape[1] + len(item[1].rest), run)
        # Added up in the order of the text, and only when the whole group is done: a batch may be tried again.
        for _, group in heads:
            for row in group:
                self.scored(row.request, found[id(row)])
        self.report()


def _row(request: Request, example: Example) -> Row:
    """Splits an encoded example where its loss begins. Nothing predicts a first token, so that one is never scored."""
    scored = np.flatnonzero(example.labels != IGNORE)
    start = max(1, int(scored[0]) if len(scored) else len(example))
    ids = example.ids.tolist()
    return Row(request, tuple(ids[:start]), ids[start:])
