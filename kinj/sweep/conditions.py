"""Which points of a grid are wanted: an expression over settings, such as `optim.sam.rho > 0 or optim.sam.variant == "sam"`."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from kinj.config.errors import UsageError
from kinj.config.keys import suggest

EXAMPLE = 'augment.views * train.stages.inject.epochs == 20 or arm == "plain"'

OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Not: operator.not_,
    ast.USub: operator.neg,
    ast.In: lambda item, many: item in many,
    ast.NotIn: lambda item, many: item not in many,
}


class Condition:
    """An expression with Python's comparisons, arithmetic, `and`, `or`, `not` and `in`; names are full keys of settings.

    Args:
        text: the expression.
        given: the setting or flag it was given by, for what is said about it.

    Raises:
        UsageError: when made, where the text is no such expression.
    """

    def __init__(self, text: str, given: str = "sweep.where") -> None:
        self.text, self.given = text, given
        self._hint = f"for example: {given}='{EXAMPLE}'"
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError) as error:
            raise UsageError(f"{given}: `{text}` is no expression ({error.args[0]})", self._hint) from error

    def holds(self, settings: Mapping[str, Any]) -> bool:
        """Whether it is true of settings.

        Args:
            settings: values by full key.

        Raises:
            UsageError: it names an unknown key, or asks for what its values cannot do.
        """
        try:
            return bool(_value(self._tree, settings))
        except _UnknownError as error:
            raise UsageError(f"{self.given}: `{self.text}`: {error}", self._hint) from error
        except (TypeError, ZeroDivisionError) as error:
            raise UsageError(f"{self.given}: `{self.text}` cannot be worked out: {error}", self._hint) from error


class _UnknownError(Exception):
    pass


def _value(node: ast.AST, settings: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name() | ast.Attribute():
            return _setting(ast.unparse(node), settings)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item, settings) for item in items]
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_value(part, settings) for part in parts)
        case ast.BoolOp(values=parts):
            return any(_value(part, settings) for part in parts)
        case ast.UnaryOp(op=op, operand=operand) if type(op) in OPERATORS:
            return OPERATORS[type(op)](_value(operand, settings))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return OPERATORS[type(op)](_value(left, settings), _value(right, settings))
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in OPERATORS for op in ops):
            values = [_value(part, settings) for part in (left, *others)]
            return all(OPERATORS[type(op)](*pair) for op, pair in zip(ops, pairwise(values), strict=True))
    raise _UnknownError(f"`{ast.unparse(node)}` is not understood")


def _setting(key: str, settings: Mapping[str, Any]) -> Any:
    if key not in settings:
        near = suggest(key.split("."))
        raise _UnknownError(f"no such setting as {key}" + (f"; did you mean {near}?" if near else ""))
    return settings[key]
