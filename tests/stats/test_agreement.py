"""Agreement of two verdicts: counts, and Cohen's kappa beside its definition and a published example."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinj.stats import Confusion, confusion


def test_a_worked_example() -> None:
    """Fleiss, Levin and Paik (2003), and many textbooks: 20 and 15 agreed, 5 and 10 not; 0.4."""
    assert Confusion(20, 5, 10, 15).kappa == pytest.approx(0.4)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1))
def test_kappa_is_agreement_beyond_chance(pairs: list[tuple[bool, bool]]) -> None:
    first, second = [list(column) for column in zip(*pairs, strict=True)]
    found = confusion(first, second)
    n = len(pairs)
    assert found.both + found.first_only + found.second_only + found.neither == n
    observed = sum(a == b for a, b in pairs) / n
    p, q = sum(first) / n, sum(second) / n
    chance = p * q + (1 - p) * (1 - q)
    if chance == 1:
        assert found.kappa is None
    else:
        assert found.kappa == pytest.approx((observed - chance) / (1 - chance))
        assert confusion(second, first).kappa == pytest.approx(found.kappa)


def test_verdicts_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="zip"):
        confusion([True], [])
