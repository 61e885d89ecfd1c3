"""A process's share of the rows of a step, as micro-batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kinj.models.batch import MicroBatch
from kinj.models.codec import Example
from kinj.train.batching import blank, micro_batches, packed_batches
from kinj.train.processes import Processes


@dataclass
class Share:
    """Micro-batches of this process. Counts are over all processes: each has all rows, so no message is needed to know them."""

    batches: list[MicroBatch]
    label_tokens: int
    tokens: int
    computed_tokens: int

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Label tokens, real tokens and computed tokens (padding included)."""
        return self.label_tokens, self.tokens, self.computed_tokens


def share_of(
    rows: Sequence[Example], processes: Processes, micro_tokens: int, pad_id: int, packed: bool = False
) -> Share:
    """This process's share of some rows; as many micro-batches in every process, since sharded models compute together."""
    dealt = [
        packed_batches(each, micro_tokens) if packed else micro_batches(each, micro_tokens, pad_id)
        for each in processes.deal(rows)
    ]
    every = [batch for batches in dealt for batch in batches]
    mine, most = dealt[processes.rank], max(map(len, dealt))
    if len(mine) < most:
        filler = blank(min(every, key=lambda batch: batch.computed_tokens))
        mine = [*mine, *[filler] * (most - len(mine))]
    return Share(
        mine,
        sum(batch.label_tokens for batch in every),
        sum(batch.tokens for batch in every),
        sum(batch.computed_tokens for batch in every),
    )
