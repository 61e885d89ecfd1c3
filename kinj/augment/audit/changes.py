"""What the audit reports: how a view says something else than its original."""

from __future__ import annotations

from typing import NamedTuple


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
