"""Linear heads: what one matrix reads from hidden states, learned from some people and tested on others.

Ridge regression on one column per value; a value's score is its column. The strength of the ridge is chosen among the people a
head learns from, by leaving each of them out once (the formula for that: Hastie, Tibshirani and Friedman 2009, The Elements of
Statistical Learning, section 7.10), so that nothing about those tested enters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Labels = NDArray[np.int64]
FOLDS = 5
"""Parts of the people tested; each is tested by heads that learned from everybody else."""
PENALTIES = (0.1, 1.0, 10.0)
"""Strengths of the ridge, as multiples of the number of people learned from; each feature has variance 1 over them."""


@dataclass(frozen=True)
class Ranks:
    """For each person tested: the share of the other values that score below the right one (ties count half), and whether it is
    the `first` of all (its share of a tie). A value that nobody learned from has is at chance: rank 0.5, never first."""

    rank: Array
    first: Array

    @classmethod
    def none(cls, count: int) -> Ranks:
        """Room for so many people, all at chance."""
        return cls(np.full(count, 0.5, np.float32), np.zeros(count, np.float32))

    def put(self, rows: Labels, scores: Array, right: Labels) -> None:
        """Enters some people: their scores by value, and the column of the right one."""
        own = scores[np.arange(len(rows)), right][:, None]
        ties = (scores == own).sum(1)
        if scores.shape[1] > 1:
            self.rank[rows] = ((scores < own).sum(1) + (ties - 1) / 2) / (scores.shape[1] - 1)
        self.first[rows] = (scores.max(1) == own[:, 0]) / ties


@dataclass(frozen=True)
class Reading:
    """How the tested fared by heads, by heads that learned from values dealt out anew (`shuffled`), and by how frequent each value
    is (`frequent`); `known` tells whose value somebody else has."""

    heads: Ranks
    shuffled: Ranks
    frequent: Ranks
    known: NDArray[np.bool_]


def crossfit(states: Array, labels: Labels, tested: int, seed: int) -> Reading:
    """Each of the people tested by a head that has learned from all others but those of the same part.

    Args:
        states: one row per person, at least one more than `tested / FOLDS`.
        labels: the number of each person's value.
        tested: so many people are tested, the first ones; the rest is only learned from.
        seed: draws the parts, and how values are dealt out anew.
    """
    rng = np.random.default_rng(seed)
    found = Reading(Ranks.none(tested), Ranks.none(tested), Ranks.none(tested), np.zeros(tested, np.bool_))
    for part in np.array_split(rng.permutation(tested), min(FOLDS, tested)):
        learned = np.setdiff1d(np.arange(len(labels)), part)
        kinds, taught = np.unique(labels[learned], return_inverse=True)
        rows = part[np.isin(labels[part], kinds)]
        found.known[rows] = True
        right, head = np.searchsorted(kinds, labels[rows]), Head(states[learned])
        found.heads.put(rows, head.scores(taught, states[rows]), right)
        found.shuffled.put(rows, head.scores(rng.permutation(taught), states[rows]), right)
        counts = np.bincount(taught).astype(np.float32)
        found.frequent.put(rows, np.broadcast_to(counts, (len(rows), len(kinds))), right)
    return found


class Head:
    """Ridge regression from some states, prepared for any labels."""

    def __init__(self, states: Array) -> None:
        self._center, self._scale = states.mean(0), states.std(0)
        self._scale[self._scale == 0] = 1
        self._left, self._sizes, self._right = np.linalg.svd(self._standard(states), full_matrices=False)

    def scores(self, labels: Labels, others: Array) -> Array:
        """Scores of each label (a column) for other states (a row), learned from the labels of the states given at first."""
        targets = np.eye(int(labels.max()) + 1, dtype=np.float32)[labels]
        penalty = max(PENALTIES, key=lambda one: self._rank_left_out(targets, labels, one))
        return self.fitted(targets, others, penalty)

    def fitted(self, targets: Array, others: Array, penalty: float) -> Array:
        """What ridge regression of this strength expects for other states."""
        inner = self._kept(penalty) / np.maximum(self._sizes, 1e-6)
        weights = self._right.T @ (inner[:, None] * self._aligned(targets))
        found: Array = self._standard(others) @ weights + targets.mean(0)
        return found

    def left_out(self, targets: Array, penalty: float) -> Array:
        """What it would expect for each state had it not learned from it."""
        kept = self._kept(penalty)
        fit = self._left @ (kept[:, None] * self._aligned(targets)) + targets.mean(0)
        own = np.minimum(self._left**2 @ kept + 1 / len(targets), 0.999)[:, None]
        without: Array = targets - (targets - fit) / (1 - own)
        return without

    def _rank_left_out(self, targets: Array, labels: Labels, penalty: float) -> float:
        ranks = Ranks.none(len(targets))
        ranks.put(np.arange(len(targets)), self.left_out(targets, penalty), labels)
        return float(ranks.rank.mean())

    def _kept(self, penalty: float) -> Array:
        """How much of each direction the ridge keeps."""
        kept: Array = (self._sizes**2 / (self._sizes**2 + penalty * len(self._left))).astype(np.float32)
        return kept

    def _aligned(self, targets: Array) -> Array:
        aligned: Array = self._left.T @ (targets - targets.mean(0))
        return aligned

    def _standard(self, states: Array) -> Array:
        standard: Array = (states - self._center) / self._scale
        return standard
