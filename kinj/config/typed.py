"""Putting written values into the typed tree: strict conversion, and messages that say what was expected."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, get_args, get_origin

from kinj.config.keys import children, is_group_choice, is_section, kind_of, overlay, split_optional, suggest
from kinj.config.values import Entry, Scalar, Value, text_scalar, text_value

if TYPE_CHECKING:
    from omegaconf import DictConfig

TRUE, FALSE = ("true", "yes", "on"), ("false", "no", "off")
WHOLE = re.compile(r"[+-]?\d[\d_]*")
DECIMAL = re.compile(r"[+-]?(\d[\d_]*\.?\d*|\.\d+)([eE][+-]?\d+)?")


class BadValueError(Exception):
    """A value that its key cannot take; the text says why."""


def put(tree: DictConfig, entry: Entry) -> None:
    """Writes one entry into a structured tree, creating named parts on the way.

    Raises:
        BadValueError: the key does not exist or cannot take the value.
    """
    kind = kind_of(entry.path)
    if kind is None:
        near = suggest(entry.path)
        raise BadValueError("no such setting" + (f"; did you mean {near}?" if near else ""))
    over = overlay(entry.path)
    if over and len(entry.path) > over[0]:
        _put_overlay(tree, entry, over[0], kind)
    elif is_section(kind) or get_origin(kind) is dict:
        _put_section(tree, entry)
    else:
        _node(tree, entry.path[:-1])[_index(entry.path[-1], tree, entry)] = convert(entry.value, kind)


def _put_section(tree: DictConfig, entry: Entry) -> None:
    """A section can only be named, with nothing or `{}` under it: that creates a stage, a source or an arm."""
    if not (entry.value == {} or (isinstance(entry.value, Scalar) and entry.value.is_null)):
        below = children(entry.path)
        shown = ", ".join(below[:4]) + (", …" if len(below) > 4 else "")
        raise BadValueError(f"is a section, not a value; set one of {shown}")
    _node(tree, entry.path)


def _put_overlay(tree: DictConfig, entry: Entry, depth: int, kind: Any) -> None:
    """Settings inside a stage's `optim` nest; those of an arm are full keys, and a group there may name a choice."""
    rest = entry.path[depth:]
    if entry.path[0] == "sweep":
        if is_section(kind) and not is_group_choice(rest):
            raise BadValueError("is a section, not a value; an arm maps full keys to values")
        value = convert(entry.value, str if is_section(kind) else kind)
        _node(tree, entry.path[:depth])[".".join(rest)] = value
    elif is_section(kind):
        _put_section(tree, entry)
    else:
        _put_stage_optim(tree, entry, depth, kind)


def _put_stage_optim(tree: DictConfig, entry: Entry, depth: int, kind: Any) -> None:
    if get_origin(kind_of(entry.path[:-1])) is list:
        raise BadValueError("inside a stage, write the whole list")
    node = _node(tree, entry.path[:depth])
    for part in entry.path[depth:-1]:
        if part not in node:
            node[part] = {}
        node = node[part]
    node[entry.path[-1]] = convert(entry.value, kind)


def _node(tree: DictConfig, path: Sequence[str]) -> Any:
    """The node at a path; a stage, source or arm that is not there yet is created."""
    from omegaconf import OmegaConf

    node: Any = tree
    for position, part in enumerate(path):
        if part not in node:
            kind = kind_of(path[: position + 1])
            fresh = is_section(kind) and not (overlay(path[: position + 1]))
            node[part] = OmegaConf.structured(kind) if fresh else {}
        node = node[part]
    return node


def _index(part: str, tree: DictConfig, entry: Entry) -> str | int:
    """The last part of a path: a name, or a position in a list that is long enough."""
    if get_origin(kind_of(entry.path[:-1])) is not list:
        return part
    length = len(_node(tree, entry.path[:-1]))
    if int(part) >= length:
        raise BadValueError(f"the list has {length} entries, counted from 0")
    return int(part)


def convert(value: Value, kind: Any) -> Any:
    """A written value as the type wants it.

    Raises:
        BadValueError: it is not of that type.
    """
    inner, optional = split_optional(kind)
    if isinstance(value, Scalar):
        if value.is_null and (optional or inner is not str or value.text):
            return _null(optional, inner, value)
        if optional and value == Scalar("None"):
            raise BadValueError("None is a word here; write null for no value")
    if get_origin(inner) is list:
        (item,) = get_args(inner)
        if isinstance(value, dict):
            raise BadValueError("wants a list such as [a, b]")
        return [convert(part, item) for part in (value if isinstance(value, list) else [value])]
    if not isinstance(value, Scalar):
        raise BadValueError(f"wants {WANTED[inner]}, got {'a list' if value else 'an empty ' + type(value).__name__}")
    return READERS[inner](value)


def value_of(path: Sequence[str], text: str) -> Any:
    """A value as its key wants it, from text, after the checks of the section it belongs to.

    Raises:
        BadValueError, YamlError: it is not of the key's type, or there is no such key.
        ValueError: the section refuses it.
    """
    kind = kind_of(path)
    if kind is None or is_section(kind):
        near = suggest(path)
        raise BadValueError("no such setting" + (f"; did you mean {near}?" if near else ""))
    value = convert(text_scalar(text) if kind in (str, str | None) else text_value(text), kind)
    section = kind_of(path[:-1])
    if is_section(section):
        section(**{path[-1]: value})
    return value


def _null(optional: bool, inner: Any, value: Scalar) -> None:
    if optional:
        return
    if not value.text:
        raise BadValueError(f"has no value; it wants {WANTED.get(inner, 'a list such as [a, b]')}")
    raise BadValueError(f"cannot be {value.text}; it wants {WANTED.get(inner, 'a list such as [a, b]')}")


def _text(value: Scalar) -> str:
    if "${" in value.text or value.text == "???":
        raise BadValueError(f"`{'${' if '${' in value.text else '???'}` cannot be part of a value")
    return value.text


def _whole(value: Scalar) -> int:
    if value.quoted or not WHOLE.fullmatch(value.text):
        raise BadValueError(f"{_quote(value)} is not a whole number")
    return int(value.text)


def _number(value: Scalar) -> float:
    text = value.text.lower()
    if not value.quoted and text.lstrip("+-.") in ("inf", "nan", "infinity"):
        raise BadValueError(f"{value.text} is not a finite number")
    if value.quoted or not DECIMAL.fullmatch(text) or not math.isfinite(float(text)):
        raise BadValueError(f"{_quote(value)} is not a number")
    return float(text)


def _truth(value: Scalar) -> bool:
    if value.quoted or value.text.lower() not in TRUE + FALSE:
        raise BadValueError(f"{_quote(value)} is neither true nor false")
    return value.text.lower() in TRUE


def _quote(value: Scalar) -> str:
    return f'"{value.text}"' if value.quoted else value.text


READERS: dict[Any, Callable[[Scalar], Any]] = {str: _text, int: _whole, float: _number, bool: _truth}
WANTED = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
