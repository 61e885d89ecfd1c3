"""One thing said in a text, such as a number or a name, and where it stands."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Mention(NamedTuple, Generic[T]):
    """One thing said in a text."""

    kind: str
    start: int
    end: int
    value: T
    """Its normal form."""
    weak: bool = False
    """Whether it may be left out or put in without offence (`one`, `first`, a word that only looks like a name); it can
    still answer a mention in the other text, and a weak mention that became another one counts as a change."""
