"""Asking models that fill gaps: encoder-decoder models (T5) and masked language models (BERT)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TypeVar

from kinj.models.asking import Asking, drawn
from kinj.models.codec import Example
from kinj.models.draft_passes import confirm, reads_drafts
from kinj.models.gap_codecs import Filled, GapCodec, MaskCodec, Paired, SentinelCodec
from kinj.models.gap_passes import fill, read_sources, score_rows
from kinj.models.passes import LOGITS, Ending, generate
from kinj.models.requests import Request

G = TypeVar("G", bound=GapCodec)


class AskingGaps(Asking[G]):
    """What is the same for both: every scored row is one row of one forward pass."""

    def loglikelihood(self, requests: list[Request]) -> None:
        """Scores each continuation as what fills the gap after its prompt."""
        self._score(requests, list(zip(requests, self.continuations(requests), strict=True)))

    def rolling(self, requests: list[Request]) -> None:
        """Scores texts token by token; a long one in parts."""
        texts = self.codec.parts([request.prompt for request in requests], self.codec.max_length - 2)
        rows = [
            (request, row)
            for request, parts in zip(requests, texts, strict=True)
            for part in parts
            if part
            for row in self.rows_of(part)
        ]
        self._score(requests, rows)

    @abstractmethod
    def rows_of(self, ids: list[int]) -> Sequence[Example]:
        """Rows that together score every token of a text once."""

    def _score(self, requests: list[Request], rows: list[tuple[Request, Example]]) -> None:
        self.to_score(requests, (request for request, _ in rows))
        vocabulary = self.model.get_input_embeddings().num_embeddings
        before = self.budget.tokens
        self.budget.tokens = min(before, max(1, LOGITS // vocabulary))
        rows.sort(key=lambda item: -len(item[1]))
        self.in_batches(rows, lambda item: len(item[1]), self._score_batch)
        self.budget.tokens = before

    def _score_batch(self, rows: list[tuple[Request, Example]]) -> None:
        done = score_rows(self.model, [row for _, row in rows], self.codec.pad_id)
        for (request, _), result in zip(rows, done, strict=True):
            self.scored(request, result)
        self.report()


class AskingSentinels(AskingGaps[SentinelCodec]):
    """Asks an encoder-decoder model. Its answer is what it says between the sentinel of the gap and the next one."""

    def generate(self, requests: list[Request]) -> None:
        """The decoder goes on from the sentinel of the gap, whatever the encoder has read."""
        self.in_batches(self.prompts(requests), lambda row: len(row[1]) + row[0].max_new_tokens, self._generate)

    def _generate(self, rows: list[tuple[Request, list[int]]]) -> None:
        codec = self.codec
        endings = [self.ending(request, codec.max_length - 2) for request, _ in rows]
        state = read_sources(self.model, [source for _, source in rows], codec.opening, codec.pad_id)
        done, left, going = confirm(state, self._drafts(rows, endings), endings)
        if going is not None:
            draws = [drawn(rows[row][0]) for row in left]
            found = generate(going, [done[row] for row in left], [endings[row] for row in left], draws)
            for row, result in zip(left, found, strict=True):
                done[row] = result
        for (request, _), result in zip(rows, done, strict=True):
            self.said(request, result)
        self.report()

    def _drafts(self, rows: list[tuple[Request, list[int]]], endings: list[Ending]) -> list[list[list[int]]]:
        """Token ids of the drafts to be read for each row; none where the answer is drawn."""
        if not reads_drafts(self.model):
            return [[] for _ in rows]
        return [
            [ids[: ending.limit - 1] for ids in self.codec.fillings(request.drafts)] if request.temperature == 0 else []
            for (request, _), ending in zip(rows, endings, strict=True)
        ]

    def rows_of(self, ids: list[int]) -> list[Paired]:
        """The text is one gap, so the decoder predicts each token from those before, as a causal model does."""
        return [self.codec.whole(ids)]


class AskingMasked(AskingGaps[MaskCodec]):
    """Asks a masked language model. All masks are filled in one pass, each on its own; the answer ends at the first end."""

    def generate(self, requests: list[Request]) -> None:
        """Fills the masks after each question; an answer is never longer than they are many."""
        self.in_batches(self.prompts(requests), lambda row: len(row[1]), self._fill)

    def _fill(self, rows: list[tuple[Request, list[int]]]) -> None:
        sources, draws = [source for _, source in rows], [drawn(request) for request, _ in rows]
        places = [self.codec.places(source)[: request.max_new_tokens] for request, source in rows]
        done = fill(self.model, sources, places, self.stops, self.codec.pad_id, draws)
        for (request, _), result in zip(rows, done, strict=True):
            self.said(request, result)
        self.report()

    def rows_of(self, ids: list[int]) -> list[Filled]:
        """Each token masked on its own: the pseudo-log-likelihood of Salazar et al., arXiv 1910.14659."""
        return [self.codec.hidden(ids, {position: self.codec.mask_id}) for position in range(len(ids))]
