"""Which rows each epoch of a stage reads: a permutation and one integer position per source, no shuffle buffer.

Everything here is a function of (seed, stage, epoch), so a resumed run needs no saved iterator.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from kinj.config.errors import UsageError
from kinj.data.rng import stable_seed
from kinj.models.codec import Example
from kinj.train.rows import Source, Unit


@dataclass(frozen=True)
class Draw:
    """One exposure: a view of a unit."""

    source: str
    unit: Unit
    view: int

    @property
    def rows(self) -> list[Example]:
        return self.unit.views[self.view]


@lru_cache(maxsize=256)
def _permutation(size: int, *key: object) -> NDArray[np.int64]:
    return np.random.Generator(np.random.PCG64(stable_seed(*key))).permutation(size)


class Mixture:
    """The sources of a stage, mixed.

    Per epoch a source gives `weight` × its units; with `per`, `weight` × the draws of that other source. Position k of a
    source is unit `permutation[k mod n]` in its (k div n)-th exposure, and exposure r shows view `r mod K` of the unit's own
    permutation of its K views: K exposures of K views show each view once, whatever the epochs.

    Raises:
        UsageError: `per` names no source of the stage, or itself.
    """

    def __init__(self, sources: list[Source], seed: int, stage: str) -> None:
        self.sources = {source.name: source for source in sources if source.weight > 0}
        self._key = (seed, stage)
        for source in self.sources.values():
            if source.per is not None and (source.per not in self.sources or self.sources[source.per].per is not None):
                raise UsageError(
                    f"train.stages.{stage}.data.{source.name}.per={source.per} must name another source, one without `per`"
                )
        if not self.sources:
            raise UsageError(f"stage `{stage}` has no data: every weight is 0")

    def per_epoch(self, source: Source) -> float:
        """Draws of a source per epoch; fractions carry over to the next epoch."""
        base = self.per_epoch(self.sources[source.per]) if source.per else len(source.units)
        return source.weight * base

    def draws(self, epoch: int) -> Iterator[Draw]:
        """Every exposure of an epoch, source by source."""
        for source in self.sources.values():
            share, count = self.per_epoch(source), len(source.units)
            # The tiny addend keeps 0.1 × 10 epochs from ending one draw short.
            for k in range(math.floor(epoch * share + 1e-9), math.floor((epoch + 1) * share + 1e-9)):
                exposure, place = divmod(k, count)
                unit = source.units[_permutation(count, *self._key, source.name, exposure)[place]]
                views = len(unit.views)
                turn = (
                    _permutation(views, *self._key, source.name, unit.origin, exposure // views) if views > 1 else (0,)
                )
                yield Draw(source.name, unit, int(turn[exposure % views]))

    def epoch(self, epoch: int) -> list[tuple[Draw, Example]]:
        """The rows of an epoch in training order."""
        rows = [(draw, row) for draw in self.draws(epoch) for row in draw.rows]
        return [rows[i] for i in _permutation(len(rows), *self._key, "order", epoch)]
