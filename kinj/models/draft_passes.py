"""Drafts read by the decoder of an encoder-decoder model: what greedy decoding says just so need not be generated.

The encoder and the first token cost what they cost anyway. Only drafts that begin with that token are then read, all of them in
one pass; generation goes on from the first difference. What causal models do with trees (`kinj.models.tree_passes`), with rows:
the decoder's positions are relative to one another, which rows that end together keep and a tree would not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kinj.models.gap_passes import Decoding
from kinj.models.passes import Ending, Scored, choose


@dataclass
class _Try:
    """One draft of a row: what greedy decoding says as far as the draft goes along, and whether the answer is complete with it.

    `number` is its row among all drafts that were read, `logits` are those of the token after what was said.
    """

    number: int
    row: int
    said: Scored
    complete: bool
    logits: Tensor


@dataclass
class _Part:
    """Rows of a state that go on, each after so many tokens of its answer, and the logits of the next one."""

    state: Decoding
    rows: list[int]
    lengths: list[int]
    logits: list[Tensor]

    @property
    def longest(self) -> int:
        """Most tokens that the decoder has read of one of them."""
        return self.state.width + max(self.lengths)

    def columns(self, width: int) -> Tensor:
        """Where the tokens of each row stand in what was read, padded on the left with -1."""
        ends = torch.tensor(self.lengths, device=self.state.mask.device)[:, None] + self.state.width
        places = torch.arange(width, device=ends.device) - (width - ends)
        return places.clamp(min=-1)

    def said(self, layer: int, width: int) -> tuple[Tensor, Tensor]:
        """Keys and values of the tokens said, `[rows, heads, width, size]`."""
        found, rows = self.state.cache.self_attention_cache.layers[layer], torch.tensor(self.rows)[:, None]
        places = self.columns(width).clamp(min=0)
        return found.keys[rows, :, places].transpose(1, 2), found.values[rows, :, places].transpose(1, 2)

    def source(self, layer: int) -> tuple[Tensor, Tensor]:
        """Keys and values of what the encoder read."""
        found = self.state.cache.cross_attention_cache.layers[layer]
        return found.keys[self.rows], found.values[self.rows]


def reads_drafts(model: Any) -> bool:
    """Whether the positions of a model's decoder are relative to one another, as in the T5 family."""
    return hasattr(model.config, "relative_attention_num_buckets")


def confirm(
    state: Decoding, drafts: Sequence[Sequence[Sequence[int]]], endings: Sequence[Ending]
) -> tuple[list[Scored], list[int], Decoding | None]:
    """What greedy decoding says, as far as a draft says the same.

    Args:
        state: after what every answer begins with.
        drafts: token ids that may follow in each row; a row that is to be drawn has none.
        endings: when each answer is complete.

    Returns:
        The agreed tokens of each answer; the rows that are not complete; and the state from which these go on, in that order.
    """
    best, _ = choose(state.logits, [])
    begins = best.tolist()
    chosen = [(row, list(draft)) for row, found in enumerate(drafts) for draft in found if draft[:1] == [begins[row]]]
    done = [Scored([]) for _ in drafts]
    if not chosen:
        return done, list(range(len(drafts))), state
    wide = state.pick(torch.tensor([row for row, _ in chosen], device=best.device))
    furthest: dict[int, _Try] = {}
    for found in _tries(wide, chosen, endings):
        if found.row not in furthest or len(found.said.tokens) > len(furthest[found.row].said.tokens):
            furthest[found.row] = found
    for row, found in furthest.items():
        done[row] = found.said
    begun = [found for found in furthest.values() if not found.complete]
    others = [row for row in range(len(drafts)) if row not in furthest]
    lengths, logits = [len(found.said.tokens) for found in begun], [found.logits for found in begun]
    confirmed = _Part(wide, [found.number for found in begun], lengths, logits)
    untouched = _Part(state, others, [0] * len(others), [state.logits[row] for row in others])
    left = [*(found.row for found in begun), *others]
    return done, left, _joined([part for part in (confirmed, untouched) if part.rows])


def _tries(state: Decoding, chosen: Sequence[tuple[int, list[int]]], endings: Sequence[Ending]) -> list[_Try]:
    """Reads drafts that begin with what greedy decoding says, one in each row of the state, which grows by them."""
    first = state.logits[:, None]
    logits = torch.cat([first, state.read_all([draft for _, draft in chosen])], 1)
    best, logprobs = choose(logits.flatten(0, 1), [])
    tokens, amounts = best.view(logits.shape[:2]).tolist(), logprobs.view(logits.shape[:2]).double().tolist()
    found = []
    for number, (row, draft) in enumerate(chosen):
        said, complete = _agreed(draft, tokens[number], amounts[number], endings[row])
        found.append(_Try(number, row, said, complete, logits[number, min(len(said.tokens), len(draft))]))
    return found


def _agreed(draft: list[int], best: list[int], logprobs: list[float], ending: Ending) -> tuple[Scored, bool]:
    """The likeliest tokens along a draft, and whether they are the whole answer; `best[i]` comes after `draft[:i]`."""
    said, place = Scored([]), 0
    while True:
        complete = ending.after([*said.tokens, best[place]])
        agrees = place < len(draft) and best[place] == draft[place]
        if complete or agrees:
            said.add(best[place], logprobs[place])
        if complete or not agrees:
            return said, complete
        place += 1


def _joined(parts: Sequence[_Part]) -> Decoding | None:
    """The rows of all parts as one state; None where there are none. Rows end together, so that the next token suits all."""
    from transformers import DynamicCache, EncoderDecoderCache

    if not parts:
        return None
    first = parts[0].state
    width = max(part.longest for part in parts)
    own, read = DynamicCache(), DynamicCache()
    for number in range(len(first.cache.self_attention_cache.layers)):
        for cache, pairs in (
            (own, [part.said(number, width) for part in parts]),
            (read, [part.source(number) for part in parts]),
        ):
            keys, values = (torch.cat(tensors) for tensors in zip(*pairs, strict=True))
            cache.update(keys, values, number)
    return Decoding(
        first.model,
        torch.cat([part.state.hidden[part.rows] for part in parts]),
        torch.cat([part.state.mask[part.rows] for part in parts]),
        EncoderDecoderCache(own, read),
        torch.stack([logits for part in parts for logits in part.logits]),
        torch.cat([(part.columns(width) >= 0).long() for part in parts]),
    )
