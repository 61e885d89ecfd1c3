"""What laws share: from trials to the points of curves, names, and what to say where there is too little."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kinj.config.errors import UsageError
from kinj.sweep.laws.base import Point, Row

PLACE = ("parameters", "people", "dose", "views", "tokens")
"""What a point keeps of its trials, as means."""


def cells(rows: Iterable[Row], x: Callable[[Row], float], y: Callable[[Row], float | None]) -> list[Point]:
    """The mean over the repetitions of each setting; a row without y is left out."""
    found: dict[str, list[tuple[Row, float]]] = {}
    for row in rows:
        value = y(row)
        if value is not None:
            found.setdefault(row.cell, []).append((row, value))
    return [
        Point(
            cell=cell,
            series=many[0][0].series,
            x=mean(x(row) for row, _ in many),
            y=mean(value for _, value in many),
            at={name: mean(getattr(row, name) for row, _ in many) for name in PLACE},
        )
        for cell, many in found.items()
    ]


def mean(values: Iterable[float]) -> float:
    """The mean of at least one value."""
    many = list(values)
    return sum(many) / len(many)


def by_series(points: Iterable[Point]) -> dict[str, list[Point]]:
    """The points of each curve, curves by name and points by x."""
    found: dict[str, list[Point]] = {}
    for point in sorted(points, key=lambda point: (point.series, point.x, point.cell)):
        found.setdefault(point.series, []).append(point)
    return found


def named(name: str, series: str) -> str:
    """A parameter's name; the only curve of a sweep needs no name."""
    return f"{name}/{series}" if series else name


def in_words(series: str) -> str:
    """How a sentence about one of several curves begins."""
    return f"{series}: " if series else ""


def need_seeds(law: str, there: int) -> None:
    """Raises UsageError where there are too few seeds for intervals."""
    if there < 2:
        what = f"the law `{law}` needs 2 seeds or more, and this sweep has {there}: its intervals are over seeds"
        hint = "add some, such as seed+data.seed=0..4; the same sweep with more values goes on in its folder"
        raise UsageError(what, hint)


def need(law: str, what: str, least: int, there: int, hint: str) -> None:
    """Raises UsageError where there is less than a law needs."""
    if there < least:
        raise UsageError(
            f"the law `{law}` needs {least} {what} or more, and this sweep has {there}",
            f"{hint}; the same sweep with more values goes on in its folder",
        )
