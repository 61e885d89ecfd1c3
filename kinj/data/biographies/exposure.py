"""How many texts each person gets when some are written about more often than others."""

from __future__ import annotations

import math
from collections.abc import Iterator

from kinj.config.errors import UsageError

_ONE = 1 << 32  # weights are whole numbers of 2^-32, so that sums are exact and the same on every machine


def exposures(size: int, views: int, exponent: float) -> Iterator[int]:
    """Texts per person, from person 0 on: proportional to (i + 1)^(-exponent), at least 1, `size * views` in all.

    The power law is that of arXiv 2503.21676 (sheet 03, step 5). People whose share is below 1 get one text; the others
    share what is left. Takes time in proportion to `size` and constant memory.

    Raises:
        UsageError: an exponent above 0 with one view, which leaves nothing to share out.
    """
    check_exposure(views, exponent)
    if exponent == 0:
        yield from (views for _ in range(size))
        return
    head, weights = _head(size, views, exponent)
    texts = size * views - (size - head)
    seen = given = 0
    for index in range(head):
        seen += _weight(index, exponent)
        # Rounding the running total, not each share, keeps the sum exact; shares are 1 or more, so is each difference.
        upto = texts * seen // weights
        yield upto - given
        given = upto
    yield from (1 for _ in range(head, size))


def check_exposure(views: int, exponent: float) -> None:
    """Refuse a power law that leaves nothing to share out.

    Raises:
        UsageError: see `exposures`.
    """
    if exponent > 0 and views == 1:
        raise UsageError(
            f"data.biographies.exposure={exponent} has no effect with data.biographies.views=1: everybody has one text",
            "give more texts to share out, such as data.biographies.views=5",
        )


def _head(size: int, views: int, exponent: float) -> tuple[int, int]:
    """How many people have a share of one text or more, and the sum of their weights."""
    total = 0
    for index in range(size):
        weight = _weight(index, exponent)
        if (size * views - size + index + 1) * weight < total + weight:
            return index, total
        total += weight
    return size, total


def _weight(index: int, exponent: float) -> int:
    return max(1, round(math.pow(index + 1, -exponent) * _ONE))
