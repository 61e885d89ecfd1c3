"""What a data set offers: named pools of records, and an account of what was left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from kinj.config.errors import UsageError
from kinj.data.records import Record


@dataclass
class Account:
    """How many records of one source were used, and how many were left out, by reason."""

    source: str
    used: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        out = ", ".join(f"{count:,} {reason}" for reason, count in sorted(self.left_out.items()))
        return f"{self.source}: {self.used:,} used" + (f"; left out: {out}" if out else "")


@dataclass
class DataSet:
    """Pools by name. The names every data set shares where it has them:

    `documents` (to inject), `questions` (about them, held out), `train_documents` and `train_questions` (other documents
    and their questions, which may be trained on), `replay` (documents and questions that stand for older knowledge).

    Reading a pool fills `accounts` with what was used and what was left out.
    """

    name: str
    pools: dict[str, Callable[[], Iterable[Record]]]
    accounts: list[Account] = field(default_factory=list)

    def pool(self, name: str) -> list[Record]:
        """All records of a pool.

        Raises:
            UsageError: the data set has no such pool.
        """
        if name not in self.pools:
            raise UsageError(f"data={self.name} has no pool `{name}`", f"it has: {', '.join(sorted(self.pools))}")
        return list(self.pools[name]())
