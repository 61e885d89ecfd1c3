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
from kinj.data.rng import stable_rng, stable_seed
from kinj.train.objectives.base import Row
from kinj.train.rows import Source, Unit


@dataclass(frozen=True)
class Draw:
    """One row of one exposure of a unit: part `part` of view `view`."""

    source: str
    unit: Unit
    view: int
    exposure: int
    """How often the unit was shown before."""
    part: int

    @property
    def row(self) -> Row:
        return self.unit.views[self.view][self.part]


@lru_cache(maxsize=256)
def _permutation(size: int, *key: object) -> NDArray[np.int64]:
    return np.random.Generator(np.random.PCG64(stable_seed(*key))).permutation(size)


class Mixture:
    """The sources of a stage, mixed.

    Per epoch a source gives `weight` × its units; with `per`, `weight` × the draws of that other source; with `share`, so many
    that they are this share of the tokens. Position k of a
    source is unit `permutation[k mod n]` in its (k div n)-th exposure, and exposure r shows view `r mod K` of the unit's own
    permutation of its K views: K exposures of K views show each view once, whatever the epochs. Units of different weights take
    their positions apart. With a power law, units are drawn by `shares` instead.

    Raises:
        UsageError: `per` names no source of the stage, or itself.
    """

    def __init__(self, sources: list[Source], seed: int, stage: str) -> None:
        self.sources = {source.name: source for source in sources if source.weight > 0}
        self.key = (seed, stage)
        self._shown: dict[str, tuple[int, NDArray[np.int64]]] = {}
        for source in self.sources.values():
            if source.per is not None and (source.per not in self.sources or self.sources[source.per].per is not None):
                raise UsageError(
                    f"train.stages.{stage}.data.{source.name}.per={source.per} must name another source, one without `per`"
                )
        if not self.sources:
            raise UsageError(f"stage `{stage}` has no data: every weight is 0")

    def per_epoch(self, source: Source) -> float:
        """Exposures of a source per epoch; fractions carry over to the next epoch."""
        if source.share is not None:
            return self._of_share(source, source.share)
        base = self.per_epoch(self.sources[source.per]) if source.per else len(source.units)
        return source.weight * base

    def _of_share(self, source: Source, share: float) -> float:
        """Exposures that give a source its share of the tokens, beside what sources without one give."""
        fixed = [other for other in self.sources.values() if other.share is None]
        tokens = sum(self.per_epoch(other) * other.tokens_per_exposure for other in fixed)
        free = 1 - sum(other.share for other in self.sources.values() if other.share is not None)
        return share / free * tokens / source.tokens_per_exposure

    def draws(self, epoch: int) -> Iterator[Draw]:
        """Every row of an epoch, source by source."""
        for source in self.sources.values():
            for place, exposure in self._skewed(source, epoch) if source.power else self._even(source, epoch):
                unit = source.units[place]
                view = self._view(source, unit, exposure)
                for part in range(len(unit.views[view])):
                    yield Draw(source.name, unit, view, exposure, part)

    def epoch(self, epoch: int) -> list[tuple[Draw, Row]]:
        """The rows of an epoch in training order."""
        rows = [(draw, draw.row) for draw in self.draws(epoch)]
        return [rows[i] for i in _permutation(len(rows), *self.key, "order", epoch)]

    def _range(self, source: Source, epoch: int, share: float = 1.0) -> range:
        """Which draws of a source, or of a part of it that gets a share of them, fall into an epoch."""
        draws = share * self.per_epoch(source)
        # The tiny addend keeps 0.1 × 10 epochs from ending one draw short.
        return range(math.floor(epoch * draws + 1e-9), math.floor((epoch + 1) * draws + 1e-9))

    def _even(self, source: Source, epoch: int) -> Iterator[tuple[int, int]]:
        for places, share in source.parts:
            for k in self._range(source, epoch, share):
                exposure, place = divmod(k, len(places))
                yield places[_permutation(len(places), *self.key, source.name, exposure)[place]], exposure

    def _skewed(self, source: Source, epoch: int) -> Iterator[tuple[int, int]]:
        before = self._shown_before(source, epoch)
        for place, times in enumerate(self._shares(source, epoch)):
            for again in range(int(times)):
                yield place, int(before[place]) + again

    def _shares(self, source: Source, epoch: int) -> NDArray[np.int64]:
        start = stable_rng(*self.key, source.name, "power", epoch).random()
        return shares(len(source.units), len(self._range(source, epoch)), source.power, start)

    def _shown_before(self, source: Source, epoch: int) -> NDArray[np.int64]:
        """How often each unit was shown before an epoch; epochs are walked in order, so the last sum is kept."""
        done, shown = self._shown.get(source.name, (0, np.zeros(len(source.units), dtype=np.int64)))
        if done > epoch:
            done, shown = 0, np.zeros(len(source.units), dtype=np.int64)
        for earlier in range(done, epoch):
            shown = shown + self._shares(source, earlier)
        self._shown[source.name] = epoch, shown
        return shown

    def _view(self, source: Source, unit: Unit, exposure: int) -> int:
        views = len(unit.views)
        if views == 1:
            return 0
        turn = _permutation(views, *self.key, source.name, unit.origin, exposure // views)
        return int(turn[exposure % views])


def shares(units: int, draws: int, power: float, start: float) -> NDArray[np.int64]:
    """How often each unit is drawn when unit i (from 1) is drawn in proportion to i^(-power), by systematic sampling.

    The power law is that of arXiv 2503.21676 (sheet 03); each unit gets its expected share, rounded up or down.

    Args:
        start: uniform in [0, 1); decides which shares are rounded up.
    """
    weights = np.arange(1, units + 1, dtype=np.float64) ** -power
    upto = np.cumsum(weights) / weights.sum() * draws
    reached = np.minimum(np.floor(upto + start).astype(np.int64), draws)
    reached[-1] = draws  # the sum is exact, whatever was rounded
    counts: NDArray[np.int64] = np.diff(reached, prepend=0)
    return counts
