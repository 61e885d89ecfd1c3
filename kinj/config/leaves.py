"""Single values exchanged in settings that were checked before."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_origin

from kinj.config.keys import kind_of, overlay, split_optional
from kinj.config.schema import Settings


def put_leaf(settings: Settings, key: str, value: Any) -> bool:
    """Puts a value in the place of another one, and says whether it could: the place is there, and the value of its type.

    Optimizer settings of a stage and arms are no such places: they are read in other ways.
    """
    *path, name = key.split(".")
    kind = kind_of([*path, name])
    if kind is None or is_dataclass(kind) or overlay([*path, name]) or not _is_of(value, kind):
        return False
    node: Any = settings
    for part in path:
        node = node.get(part) if isinstance(node, dict) else getattr(node, part, None)
    if not is_dataclass(node) or not hasattr(node, name):
        return False
    setattr(node, name, _as(value, kind))
    return True


def _is_of(value: Any, kind: Any) -> bool:
    """Whether a value is of a type and needs no second look."""
    inner, optional = split_optional(kind)
    if value is None:
        return optional
    if get_origin(inner) is list:
        return isinstance(value, list) and all(_is_of(part, get_args(inner)[0]) for part in value)
    if inner is float:
        return type(value) in (int, float) and math.isfinite(value)
    return type(value) is inner and not (isinstance(value, str) and ("${" in value or value == "???"))


def _as(value: Any, kind: Any) -> Any:
    inner, _ = split_optional(kind)
    if isinstance(value, list):
        return [_as(part, get_args(inner)[0]) for part in value]
    return float(value) if inner is float and value is not None else value


def sections_hold(section: Any) -> Iterator[bool]:
    """Whether each section passes its own checks, the innermost first."""
    if isinstance(section, dict):
        for part in section.values():
            yield from sections_hold(part)
    if not is_dataclass(section):
        return
    for field in fields(section):
        yield from sections_hold(getattr(section, field.name))
    check = getattr(section, "__post_init__", None)
    try:
        yield check is None or check() is None
    except ValueError:
        yield False
