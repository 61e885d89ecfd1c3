"""Trials that differ in their dose alone: which of them share a model size and a budget of tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kinj.sweep.laws.base import Row
from kinj.sweep.laws.points import in_words, mean

SAME = 0.05
"""Numbers of tokens within this share of each other are one budget: steps are filled a little differently."""
NONE = 1.0
"""The budget of a curve without one: of facts alone, or where other texts grow with the dose."""


@dataclass(frozen=True)
class Curve:
    """Trials that differ in their dose alone.

    `budget` is what is the same at all doses: all tokens, where facts displace other texts, or the tokens of the other texts,
    where facts come on top; `NONE` where neither is.
    """

    series: str
    parameters: float
    budget: float
    rows: Sequence[Row]

    @property
    def name(self) -> str:
        """In words."""
        tokens = f", {self.budget:,.0f} tokens" if self.budget > NONE else ""
        return f"{in_words(self.series)}{self.parameters:,.0f} parameters{tokens}"


def curves(rows: Sequence[Row]) -> list[Curve]:
    """The curves that trials lie on, by series, size and budget."""
    groups: dict[tuple[str, float], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.series, row.parameters), []).append(row)
    found = []
    for (series, parameters), many in sorted(groups.items()):
        found += [Curve(series, parameters, budget, part) for budget, part in _budgets(many)]
    return found


def _budgets(rows: Sequence[Row]) -> list[tuple[float, list[Row]]]:
    """Trials of one size by budget: of all tokens or of other texts, whichever takes fewer values."""
    by_all, by_others = (_clusters(rows, tokens) for tokens in (_all, _others))
    fewest = min(by_all, by_others, key=len)
    if len(fewest) > len({row.cell for row in rows}) / 2:
        return [(NONE, list(rows))]
    return fewest


def _all(row: Row) -> float:
    return max(row.tokens, NONE)


def _others(row: Row) -> float:
    """Tokens of other texts; a remainder is none."""
    others = row.tokens - (row.fact_tokens or 0.0)
    return others if others > SAME * row.tokens else NONE


def _clusters(rows: Sequence[Row], tokens: Callable[[Row], float]) -> list[tuple[float, list[Row]]]:
    """Trials whose tokens hardly differ, with the mean of those."""
    found: list[list[Row]] = []
    for row in sorted(rows, key=tokens):
        if found and tokens(row) <= tokens(found[-1][0]) * (1 + SAME):
            found[-1].append(row)
        else:
            found.append([row])
    return [(mean(map(tokens, many)), many) for many in found]
