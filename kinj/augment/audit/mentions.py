"""What the audit compares: a number, date, quantity, name, quotation or negation, and where it stands."""

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


class Change(NamedTuple):
    """What a view says differently: `kind` is one of KINDS, `how` one of HOWS; texts as written, empty where there is none."""

    kind: str
    how: str
    original: str
    view: str

    def __str__(self) -> str:
        return f"{self.kind} {self.how}: " + " → ".join(f"`{text}`" for text in (self.original, self.view) if text)


KINDS = ("number", "date", "quantity", "name", "quote", "negation", "fact")
HOWS = ("lost", "changed", "added")
