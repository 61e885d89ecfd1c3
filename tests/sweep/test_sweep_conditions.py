"""Conditions on the points of a grid."""

from __future__ import annotations

import pytest

from kinj.config.errors import UsageError
from kinj.sweep.conditions import Condition

SETTINGS = {"arm": "sam", "augment.views": 5, "optim.sam.rho": 0.05, "augment.method": ["formatting"], "seed": 0}

ROWS = [
    ("augment.views == 5", True),
    ("augment.views * 4 == 20 and optim.sam.rho > 0", True),
    ("1 < augment.views < 5", False),
    ("arm == 'sam' or augment.views > 100", True),
    ("arm in ['plain', 'sam']", True),
    ("arm not in ('plain',)", True),
    ("'formatting' in augment.method", True),
    ("not optim.sam.rho", False),
    ("-augment.views + 6 - 1 == seed", True),
    ("augment.views % 2 == 1", True),
]
WRONG = [
    ("augment.view == 5", "did you mean augment.views?"),
    ("augment.views ==", "is no expression"),
    ("__import__('os').system('true')", "is not understood"),
    ("arm > 3", "cannot be worked out"),
    ("augment.views / seed > 1", "cannot be worked out"),
    ("(lambda: 1)()", "is not understood"),
    ("augment.views if seed else 2", "is not understood"),
]


@pytest.mark.parametrize(("text", "expected"), ROWS)
def test_conditions(text: str, expected: bool) -> None:
    assert Condition(text).holds(SETTINGS) is expected


@pytest.mark.parametrize(("text", "phrase"), WRONG)
def test_what_is_no_condition(text: str, phrase: str) -> None:
    with pytest.raises(UsageError) as caught:
        Condition(text).holds(SETTINGS)
    assert phrase in str(caught.value)
    assert caught.value.hint
