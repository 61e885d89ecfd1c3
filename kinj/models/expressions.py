"""Model expressions: `base + 1.0*(a - b)` read as an amount of each model. Arithmetic on names alone; no code is run.

Amounts are collected before any weight is touched (task vectors, arXiv 2212.04089, are sums of models in the end), so that
`a + 0*(b - a)` is `a` itself and `a + 1*(b - a)` is `b`.
"""

from __future__ import annotations

import re
from pathlib import Path

from kinj.config.errors import UsageError

Amounts = dict[str, float]
"""How much of each model, in the order of the expression; the key "" stands for a plain number."""

NEAR = 1e-6
"""How far from 1 the amounts may add up: decimal fractions are not exact."""
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
# `*` and parentheses stand for themselves outside quotes, `+` and `-` only where they touch no name: names hold them too.
_TOKEN = re.compile(
    rf"""\s*(?: (?P<number>{_NUMBER})(?=[\s*()]|$) | (?P<sign>[*()]|[-+](?=[\s(]|$))
    | '(?P<single>[^']+)' | "(?P<double>[^"]+)" | (?P<name>[^\s*()'"][^\s*()]*) )""",
    re.VERBOSE,
)
_OPERATOR = re.compile(r"[*()]|(?<!\S)[-+](?!\S)")
HINT = "operators are +, -, * and parentheses, with spaces around + and -: \"base + 1.0*(a - b)\"; names with spaces go in '…'"


def amounts(name: str) -> Amounts | None:
    """How much of which models a model expression takes; None where the name is that of one model.

    What exists as a path is that path, whatever it is called.

    Raises:
        UsageError: it looks like an expression and cannot be read, or its amounts do not add up to 1.
    """
    if not _OPERATOR.search(name) or Path(name).expanduser().exists():
        return None
    found = _Reader(name).whole()
    total = sum(found.values())
    if "" in found or not found:
        raise UsageError(f"the model expression {name} has a number that multiplies no model", HINT)
    if not abs(total - 1) <= NEAR:  # also where it is no number
        raise UsageError(
            f"the model expression {name}: the amounts of the models add up to {total:g}, not 1",
            "what is added must be a difference (base + 0.5*(a - b)), an average is 0.5*a + 0.5*b",
        )
    return found


class _Reader:
    """Reads an expression from left to right: a sum of products of numbers, names and parentheses."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._split(text.strip())

    def _split(self, rest: str) -> list[tuple[str, str]]:
        """The tokens as (kind, text); kinds are number, sign and name."""
        found = []
        while rest:
            match = _TOKEN.match(rest)
            if match is None:
                raise self._unreadable(f"`{rest}` begins with a quote that is not closed")
            kind = str(match.lastgroup)
            found.append((kind if kind in ("number", "sign") else "name", match[kind]))
            rest = rest[match.end() :].lstrip()
        return found

    def whole(self) -> Amounts:
        found = self._sum()
        if self.tokens:
            raise self._unreadable(f"`{self.tokens[0][1]}` stands where an operator should")
        return found

    def _sum(self) -> Amounts:
        found = self._product()
        while self._next() in (("sign", "+"), ("sign", "-")):
            factor = 1.0 if self.tokens.pop(0)[1] == "+" else -1.0
            for name, amount in self._product().items():
                found[name] = found.get(name, 0.0) + factor * amount
        return found

    def _product(self) -> Amounts:
        found = self._one()
        while self._next() == ("sign", "*"):
            self.tokens.pop(0)
            left, right = found, self._one()
            if set(left) != {""} and set(right) != {""}:
                raise self._unreadable("models can be multiplied by numbers, not by one another")
            models, number = (right, left[""]) if set(left) == {""} else (left, right[""])
            found = {name: amount * number for name, amount in models.items()}
        return found

    def _one(self) -> Amounts:
        kind, text = self.tokens.pop(0) if self.tokens else ("end", "")
        if kind == "number":
            return {"": float(text)}
        if kind == "name":
            return {text: 1.0}
        if (kind, text) == ("sign", "("):
            found = self._sum()
            if self._next() != ("sign", ")"):
                raise self._unreadable("a parenthesis is not closed")
            self.tokens.pop(0)
            return found
        raise self._unreadable(
            f"`{text}` stands where a model should" if text else "it ends where a model should stand"
        )

    def _next(self) -> tuple[str, str]:
        return self.tokens[0] if self.tokens else ("end", "")

    def _unreadable(self, why: str) -> UsageError:
        return UsageError(f"the model expression {self.text} cannot be read: {why}", HINT)
