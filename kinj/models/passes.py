"""Forward passes behind the answers: greedy generation, and log-probabilities of continuations that share their beginnings.

Rows are padded on the left, with mask and position ids, so that an answer does not depend on what else is in the batch.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from kinj.config.errors import KinjError

LOGITS = 2**28
"""Most numbers in one block of logits (1 GiB in fp32): limits a batch of scored text where the vocabulary is large."""


@dataclass
class Scored:
    """Log-probability (natural log, summed) of the `tokens` token ids; `greedy`: each was the most likely one."""

    tokens: list[int]
    logprob: float = 0.0
    greedy: bool = True

    def add(self, token: int, logprob: float) -> None:
        """One more token."""
        self.tokens.append(token)
        self.logprob += logprob


@dataclass(frozen=True)
class Ending:
    """When an answer is complete: at one of the ids `stops`, after `limit` tokens, or where its text holds one of `texts`."""

    limit: int
    stops: Collection[int]
    texts: tuple[str, ...] = ()
    decode: Callable[[Sequence[int]], str] | None = None

    def after(self, tokens: Sequence[int]) -> bool:
        """Whether an answer of these tokens is complete."""
        if len(tokens) >= self.limit or tokens[-1] in self.stops:
            return True
        if not self.texts or self.decode is None:
            return False
        text = self.decode(tokens)
        return any(stop in text for stop in self.texts)


class State(Protocol):
    """What a model holds after reading some rows; `logits` (of the next token) are `[rows, vocabulary]`."""

    logits: Tensor

    def pick(self, rows: Tensor) -> State:
        """The rows with these numbers."""
        ...

    def read(self, token: Tensor) -> State:
        """After one more token in each row; this one is used up."""
        ...


@dataclass
class Prefix:
    """What a causal model holds after reading `n` beginnings.

    `lengths` are those of the beginnings without padding; `mask` is `[n, width]`, `logits` (of the next token) `[n, vocabulary]`.
    """

    model: Any
    cache: Any
    mask: Tensor
    lengths: Tensor
    logits: Tensor

    def pick(self, rows: Tensor) -> Prefix:
        """The beginnings with these numbers (repeats allowed). The tensors of this one stay as they are."""
        cache = copy.copy(self.cache)
        cache.layers = [copy.copy(layer) for layer in self.cache.layers]
        cache.batch_select_indices(rows)
        return Prefix(self.model, cache, self.mask[rows], self.lengths[rows], self.logits[rows])

    def read(self, token: Tensor) -> Prefix:
        """After one more token in each row; this one's cache is used up."""
        mask = torch.cat([self.mask, self.mask.new_ones(len(token), 1)], 1)
        logits = _forward(self.model, token[:, None], mask, self.lengths[:, None], self.cache, keep=1)
        return Prefix(self.model, self.cache, mask, self.lengths + 1, logits[:, -1])


def read_prefixes(model: Any, rows: Sequence[Sequence[int]], pad_id: int, share: bool = False) -> Prefix:
    """Reads the beginnings of some rows, none of them empty.

    Args:
        share: what all of them begin with is read once, where that is most of them (examples before the questions). The
            padding of the rest then stands behind it, so only for models in which nothing but mask and positions count.
    """
    common = _alike([row[:-1] for row in rows]) if share else 0
    if 2 * common * (len(rows) - 1) <= sum(map(len, rows)):
        return _go_on(_nothing(model, len(rows)), rows, pad_id)
    first = _go_on(_nothing(model, 1), [rows[0][:common]], pad_id)
    picked = first.pick(torch.zeros(len(rows), dtype=torch.long, device=first.mask.device))
    return _go_on(picked, [row[common:] for row in rows], pad_id)


def _alike(rows: Sequence[Sequence[int]]) -> int:
    """How many tokens all rows begin with."""
    return sum(1 for _ in takewhile(lambda tokens: len(set(tokens)) == 1, zip(*rows, strict=False)))


def _nothing(model: Any, rows: int) -> Prefix:
    """Before anything is read."""
    from transformers import DynamicCache

    none = torch.zeros(rows, 0, dtype=torch.long, device=next(model.parameters()).device)
    return Prefix(model, DynamicCache(config=model.config), none, none.sum(1), none.float())


def _go_on(prefix: Prefix, rows: Sequence[Sequence[int]], pad_id: int) -> Prefix:
    """After one or more tokens of each row, padded on the left; the cache of `prefix` is used up."""
    device, width = prefix.mask.device, max(map(len, rows))
    ids = torch.tensor([[pad_id] * (width - len(row)) + list(row) for row in rows], device=device)
    new = torch.tensor([len(row) for row in rows], device=device)
    real = (torch.arange(width, device=device) >= width - new[:, None]).long()
    positions = (prefix.lengths[:, None] + real.cumsum(1) - 1).clamp(min=0)
    mask = torch.cat([prefix.mask, real], 1)
    logits = _forward(prefix.model, ids, mask, positions, prefix.cache, keep=1)
    return Prefix(prefix.model, prefix.cache, mask, prefix.lengths + new, logits[:, -1])


def _forward(model: Any, ids: Tensor, mask: Tensor, positions: Tensor, cache: Any, keep: int = 0) -> Tensor:
    return kept_logits(model, keep, input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache)


def kept_logits(model: Any, keep: int, **inputs: Any) -> Tensor:
    """Logits of the last `keep` positions (0: of all), `[rows, positions, vocabulary]`; the cache grows by the positions read."""
    kept = {"logits_to_keep": keep} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}
    logits: Tensor = model(**inputs, use_cache=True, **kept).logits
    return logits[:, -keep:] if keep else logits


@dataclass
class Draw:
    """How the tokens of one row are drawn; the row's own generator keeps it apart from the others in its batch."""

    temperature: float
    generator: torch.Generator

    def noise(self, size: int) -> Tensor:
        """Gumbel noise times the temperature: the largest sum of logit and noise is a draw from the softmax at it."""
        uniform = torch.rand(size, generator=self.generator, dtype=torch.float64).clamp(min=1e-300)
        return -(-uniform.log()).log() * self.temperature


def generate(
    state: State, begun: Sequence[Scored], endings: Sequence[Ending], draws: Sequence[Draw | None]
) -> list[Scored]:
    """Continuations: of the likeliest tokens, or of drawn ones.

    Args:
        state: what a model holds after reading the rows.
        begun: what is known of each answer already (and is part of what was read); it is added to.
        endings: when each row ends; none has ended.
        draws: how each row is drawn; where it is None, the likeliest tokens are taken.
    """
    rows = list(range(len(begun)))
    while True:
        token, logprob = choose(state.logits, [draws[row] for row in rows])
        for row, identity, amount in zip(rows, token.tolist(), logprob.tolist(), strict=True):
            begun[row].add(identity, amount)
        going = [i for i, row in enumerate(rows) if not endings[row].after(begun[row].tokens)]
        if not going:
            return list(begun)
        if len(going) < len(rows):  # rows that have ended leave the batch
            keep = torch.tensor(going, device=token.device)
            state, token, rows = state.pick(keep), token[keep], [rows[i] for i in going]
        state = state.read(token)


def choose(logits: Tensor, draws: Sequence[Draw | None]) -> tuple[Tensor, Tensor]:
    """The next token of each row (the likeliest, or a drawn one) and its log-probability at temperature 1.

    Args:
        draws: one per row; empty where none is drawn.

    Raises:
        KinjError: the model's output is not a number.
    """
    best = logits.argmax(-1)
    for row, draw in enumerate(draws):
        if draw is not None:
            best[row] = (logits[row].double() + draw.noise(logits.shape[-1]).to(logits.device)).argmax()
    logprobs = -cross_entropy(logits.float(), best, reduction="none")
    return best, checked(logprobs)


def checked(logprobs: Tensor) -> Tensor:
    """The log-probabilities, if they are numbers.

    Raises:
        KinjError: they are not.
    """
    if logprobs.isnan().any():
        raise KinjError(
            "the model's output is not a number (NaN)",
            "its weights are broken, or overflow in this type: load it in float32 (model.dtype=float32), or an earlier checkpoint",
        )
    return logprobs


def score(prefix: Prefix, continuations: Sequence[Sequence[int]], pad_id: int) -> list[Scored]:
    """Log-probability of one continuation (not empty) for each beginning. `prefix.cache` is used up."""
    device = prefix.mask.device
    width = max(map(len, continuations))
    ids = torch.tensor([list(row) + [pad_id] * (width - len(row)) for row in continuations], device=device)
    real = (
        torch.arange(width, device=device) < torch.tensor([len(row) for row in continuations], device=device)[:, None]
    )
    parts = [target_logprobs(prefix.logits[:, None], ids[:, :1])]
    if width > 1:
        # Padding stands on the right here: causal attention never looks at it, and its own results are dropped.
        mask = torch.cat([prefix.mask, real[:, :-1].long()], 1)
        positions = prefix.lengths[:, None] + torch.arange(width - 1, device=device) * real[:, :-1]
        parts.append(target_logprobs(_forward(prefix.model, ids[:, :-1], mask, positions, prefix.cache), ids[:, 1:]))
    logprobs, greedy = (torch.cat(part, 1) for part in zip(*parts, strict=True))
    totals = torch.where(real, logprobs, 0).double().sum(1).tolist()
    all_greedy = (greedy | ~real).all(1).tolist()
    return [Scored(list(row), total, best) for row, total, best in zip(continuations, totals, all_greedy, strict=True)]


def target_logprobs(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probability of each target, and whether it was the most likely token; both `[rows, positions]`."""
    flat, goal = logits.flatten(0, 1).float(), targets.flatten()
    logprobs = -cross_entropy(flat, goal, reduction="none")
    return checked(logprobs).view_as(targets), (flat.argmax(-1) == goal).view_as(targets)
