"""Forward passes of models that fill gaps. Rows are padded on the right, and the padding is masked."""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kinj.models.batch import collate, predictions
from kinj.models.codec import IGNORE, Example
from kinj.models.passes import Draw, Scored, choose, target_logprobs


def score_rows(model: Any, rows: Sequence[Example], pad_id: int) -> list[Scored]:
    """Log-probability of the labels of each row."""
    logits, labels = predictions(model, collate(rows, pad_id))
    real = labels != IGNORE
    logprobs, greedy = target_logprobs(logits, labels.clamp(min=0))
    totals = torch.where(real, logprobs, 0).double().sum(1).tolist()
    all_greedy = (greedy | ~real).all(1).tolist()
    tokens = [row.labels[row.labels != IGNORE].tolist() for row in rows]
    return [Scored(*result) for result in zip(tokens, totals, all_greedy, strict=True)]


@dataclass
class Decoding:
    """What an encoder-decoder model holds while it writes.

    `hidden` is what its encoder made of the sources, `mask` hides their padding, `seen` that of what the decoder has read.
    """

    model: Any
    hidden: Tensor
    mask: Tensor
    cache: Any
    logits: Tensor
    seen: Tensor

    @property
    def width(self) -> int:
        """How many tokens the decoder has read in each row, padding included; not counting what `read_all` has read."""
        return self.seen.shape[1]

    def pick(self, rows: Tensor) -> Decoding:
        """The rows with these numbers (repeats allowed). The tensors of this one stay as they are."""
        cache = copy.copy(self.cache)
        for name in ("self_attention_cache", "cross_attention_cache"):
            part = copy.copy(getattr(cache, name))
            part.layers = [copy.copy(layer) for layer in part.layers]
            setattr(cache, name, part)
        cache.batch_select_indices(rows)
        return Decoding(self.model, self.hidden[rows], self.mask[rows], cache, self.logits[rows], self.seen[rows])

    def read(self, token: Tensor) -> Decoding:
        """After one more token in each row; this one's cache is used up."""
        seen = torch.cat([self.seen, self.seen.new_ones(len(token), 1)], 1)
        logits, cache = _decode(self.model, self.hidden, self.mask, token[:, None], seen, self.cache)
        return Decoding(self.model, self.hidden, self.mask, cache, logits[:, -1], seen)

    def read_all(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """Logits after each of several more tokens in each row, `[rows, tokens, vocabulary]`. The cache grows by them and by the
        padding after them, which nothing before it looks at."""
        ids, real = _padded(rows, 0, self.mask.device)
        seen = torch.cat([self.seen, real], 1)
        logits, _ = _decode(self.model, self.hidden, self.mask, ids, seen, self.cache)
        return logits


def read_sources(model: Any, sources: Sequence[Sequence[int]], opening: Sequence[int], pad_id: int) -> Decoding:
    """Reads sources with the encoder, and with the decoder what every answer begins with."""
    device = next(model.parameters()).device
    ids, mask = _padded(sources, pad_id, device)
    hidden = model.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
    begun = torch.tensor([list(opening)] * len(sources), device=device)
    seen = torch.ones_like(begun)
    logits, cache = _decode(model, hidden, mask, begun, seen, None)
    return Decoding(model, hidden, mask, cache, logits[:, -1], seen)


def _decode(model: Any, hidden: Tensor, mask: Tensor, ids: Tensor, seen: Tensor, cache: Any) -> tuple[Tensor, Any]:
    output = model(
        encoder_outputs=(hidden,),
        attention_mask=mask,
        decoder_input_ids=ids,
        decoder_attention_mask=seen,
        past_key_values=cache,
        use_cache=True,
    )
    return output.logits, output.past_key_values


def fill(
    model: Any,
    rows: Sequence[Sequence[int]],
    places: Sequence[range],
    stops: Collection[int],
    pad_id: int,
    draws: Sequence[Draw | None],
) -> list[Scored]:
    """What a masked language model puts in the place of masks, all in one pass.

    Args:
        rows: token ids with masks.
        places: where the masks of each row's answer are.
        stops: ids that end an answer; the one that did is part of the result.
        draws: how each row is drawn; where it is None, the likeliest tokens are taken.
    """
    ids, mask = _padded(rows, pad_id, next(model.parameters()).device)
    logits = model(input_ids=ids, attention_mask=mask).logits
    results = []
    for where, draw, found in zip(places, draws, logits, strict=True):
        token, logprob = choose(found[where.start : where.stop], [draw] * len(where))
        chosen = token.tolist()
        end = next((i + 1 for i, identity in enumerate(chosen) if identity in stops), len(chosen))
        results.append(Scored(chosen[:end], logprob[:end].double().sum().item()))
    return results


def _padded(rows: Sequence[Sequence[int]], pad_id: int, device: torch.device) -> tuple[Tensor, Tensor]:
    width = max(map(len, rows))
    ids = torch.tensor([[*row, *[pad_id] * (width - len(row))] for row in rows], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=device)
    return ids, mask
