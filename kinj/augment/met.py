"""Which texts were met in a corpus of any size, at 8 bytes each and those of a number: hashes in sorted runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xxhash

Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.signedinteger]

NEVER = -1
RUN = 1 << 20
"""Longest run that is still merged with another; this bounds the room that merging needs."""


def hashes(texts: Sequence[str]) -> Hashes:
    """64-bit hashes, the same in every process. Among ten million texts, two share one with a chance of 3 in a million."""
    found = (xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass")) for text in texts)
    return np.fromiter(found, np.uint64, len(texts))


class Met:
    """Remembers hashes, each with a number (where it was met first).

    Lookups go through all runs, whose number grows with the logarithm of what was added up to `RUN`, then by one for
    every `RUN` hashes.
    """

    def __init__(self) -> None:
        self._runs: list[tuple[Hashes, Numbers]] = []

    def find(self, keys: Hashes) -> Numbers:
        """The number of each key, or `NEVER`."""
        found = np.full(len(keys), NEVER, np.int64)
        for run, numbers in self._runs:
            places = np.minimum(np.searchsorted(run, keys), len(run) - 1)
            hits = run[places] == keys
            found[hits] = numbers[places[hits]]
        return found

    def add(self, keys: Hashes, numbers: Numbers) -> None:
        """Remembers keys, none of which was met before, and no two of which are the same."""
        if not len(keys):
            return
        order = np.argsort(keys)
        self._runs.append((keys[order], numbers[order]))
        while len(self._runs) > 1 and len(self._runs[-2][0]) <= min(2 * len(self._runs[-1][0]), RUN):
            (keys, numbers), (more_keys, more_numbers) = self._runs.pop(), self._runs.pop()
            keys, numbers = np.concatenate([more_keys, keys]), np.concatenate([more_numbers, numbers])
            order = np.argsort(keys, kind="stable")  # which merges runs that are sorted
            self._runs.append((keys[order], numbers[order]))
