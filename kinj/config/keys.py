"""The schema seen as keys: what a dotted path leads to, which keys there are, and which one was probably meant."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, get_args, get_origin

from kinj.config.names import GROUPS
from kinj.config.schema import OptimSettings, Settings

OVERLAYS: dict[tuple[str, ...], type] = {
    ("train", "stages", "*", "optim"): OptimSettings,
    ("sweep", "arms", "*"): Settings,
}
"""Free mappings whose keys are those of another part of the schema (`*` is a name the user chose)."""

ANY_NAME = "NAME"
"""Stands for a name of the user's choice in lists of keys."""


@cache
def hints(cls: type) -> dict[str, Any]:
    """Field names and types of a settings class, in order."""
    resolved = typing.get_type_hints(cls)
    return {field.name: resolved[field.name] for field in fields(cls)}


def overlay(path: Sequence[str]) -> tuple[int, type] | None:
    """Where along `path` another part of the schema takes over: the number of parts before it, and its root."""
    for pattern, root in OVERLAYS.items():
        if len(path) >= len(pattern) and all(want in ("*", part) for want, part in zip(pattern, path, strict=False)):
            return len(pattern), root
    return None


def is_section(kind: Any) -> bool:
    """Whether a type is a settings class."""
    return isinstance(kind, type) and is_dataclass(kind)


def split_optional(kind: Any) -> tuple[Any, bool]:
    """A type without its `| None`, and whether it had one."""
    if get_origin(kind) in (types.UnionType, typing.Union):
        (inner,) = (part for part in get_args(kind) if part is not type(None))
        return inner, True
    return kind, False


def kind_of(path: Sequence[str], root: Any = Settings) -> Any:
    """The type a path leads to; None where there is no such key."""
    kind = root
    for position, part in enumerate(path):
        if root is Settings and (over := overlay(path[:position])):
            return kind_of(path[over[0] :], over[1])
        kind = _step(kind, part)
        if kind is None:
            return None
    if root is Settings and (over := overlay(path)):
        return over[1]
    return kind


def _step(kind: Any, part: str) -> Any:
    if is_section(kind):
        return hints(kind).get(part)
    if get_origin(kind) is dict and part:
        return get_args(kind)[1]
    if get_origin(kind) is list and part.isdecimal():
        return get_args(kind)[0]
    return None


def child_names(kind: Any) -> list[str]:
    """Names under a section; none where names are free or there is nothing below."""
    return list(hints(kind)) if is_section(kind) else []


@cache
def all_keys(root: type = Settings) -> tuple[str, ...]:
    """Every full key of the schema, `NAME` standing for names of the user's choice."""
    return tuple(".".join(path) for path in _leaves((), root, root))


def _leaves(path: tuple[str, ...], kind: Any, root: Any) -> Iterator[tuple[str, ...]]:
    over = overlay(path) if root is Settings else None
    if over and over[0] == len(path) and over[1] is OptimSettings:
        kind = OptimSettings
    if is_section(kind):
        for name, child in hints(kind).items():
            yield from _leaves((*path, name), child, root)
    elif get_origin(kind) is dict and not over:
        yield from _leaves((*path, ANY_NAME), get_args(kind)[1], root)
    else:
        yield path


def default_of(key: str) -> Any:
    """The schema's default of a full key; `...` for one that has none, such as a stage's own optimizer settings."""
    path = key.split(".")
    parent = kind_of(path[:-1])
    if overlay(path) or not is_section(parent):
        return ...
    return getattr(parent(), path[-1], ...)


def suggest(path: Sequence[str]) -> str | None:
    """The existing key that was probably meant by a path that leads nowhere."""
    if repaired := _repair(path):
        return ".".join(repaired)
    key = ".".join(path)
    for tail in (key, path[-1]):
        ending = [known for known in all_keys() if known.endswith(f".{tail}")]
        if ending:
            return difflib.get_close_matches(key, ending, n=1, cutoff=0)[0]
    return next(iter(difflib.get_close_matches(key, all_keys(), n=1, cutoff=0.7)), None)


def _repair(path: Sequence[str]) -> list[str] | None:
    """`path` with every unknown part replaced by its nearest sibling; None where one has no near sibling."""
    done: list[str] = []
    for part in path:
        if kind_of([*done, part]) is not None:
            done.append(part)
            continue
        parent = kind_of(done)
        near = difflib.get_close_matches(part, child_names(parent), n=1, cutoff=0.6)
        if not near:
            return None
        done.append(near[0])
    return done


def children(path: Sequence[str]) -> list[str]:
    """Full keys right below a section, for messages."""
    kind = kind_of(path)
    return [".".join([*path, name]) for name in child_names(kind)] or [".".join([*path, ANY_NAME])]


def is_group_choice(path: Sequence[str]) -> bool:
    """Whether a path names a group rather than a value in it."""
    return len(path) == 1 and path[0] in {*GROUPS, "experiment"}
