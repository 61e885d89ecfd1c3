"""From entries to plain settings: everything wrong is collected, nothing stops at the first mistake."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any

from kinj.config.errors import Problem
from kinj.config.keys import hints, is_section
from kinj.config.schema import Settings
from kinj.config.typed import BadValueError, put
from kinj.config.values import Entry

if TYPE_CHECKING:
    from omegaconf import DictConfig


def build(entries: Sequence[Entry], problems: list[Problem]) -> tuple[Settings, dict[str, str]]:
    """The settings that the entries make, and where each value that somebody wrote came from, latest last.

    Values that are wrong are added to `problems` and left at their defaults, so that the rest can be checked too.
    """
    from omegaconf import OmegaConf

    tree = OmegaConf.structured(Settings)
    origins: dict[str, str] = {}
    for entry in entries:
        try:
            put(tree, entry)
        except BadValueError as error:
            problems.append(Problem(entry.key, entry.origin, str(error)))
        else:
            key = _leaf_key(entry, tree)
            origins.pop(key, None)
            origins[key] = entry.origin
    problems.extend(_repair(tree, (), origins))
    settings = OmegaConf.to_object(tree)
    assert isinstance(settings, Settings)
    return settings, origins


def _leaf_key(entry: Entry, tree: DictConfig) -> str:
    """The key whose value changed: an index into a list changes the list."""
    from omegaconf import ListConfig, OmegaConf

    parent = entry.path[:-1]
    if entry.path[-1].isdecimal() and isinstance(OmegaConf.select(tree, ".".join(parent)), ListConfig):
        return ".".join(parent)
    return entry.key


def _repair(node: Any, path: tuple[str, ...], origins: dict[str, str]) -> Iterator[Problem]:
    """Runs every section's checks, innermost first; a value that fails is reported and set back to its default."""
    from omegaconf import DictConfig, OmegaConf

    if not isinstance(node, DictConfig):
        return
    for name in list(node):
        yield from _repair(node[name], (*path, str(name)), origins)
    kind: Any = OmegaConf.get_type(node)
    if not is_section(kind):
        return
    default = kind()
    for _ in hints(kind):
        try:
            OmegaConf.to_object(node)
            return
        except ValueError as error:
            named = [word for word in re.findall(r"\w+", str(error).partition(", got")[0]) if word in hints(kind)]
            if not named:
                raise
            name = _latest(named, path, origins) if "exclude" in str(error) else named[0]
            key = ".".join((*path, name))
            yield Problem(key, origins.get(key, "default"), str(error))
            node[name] = getattr(default, name)


def _latest(names: Sequence[str], path: tuple[str, ...], origins: dict[str, str]) -> str:
    """Which of several settings that clash was written last."""
    order = list(origins)
    return max(names, key=lambda name: order.index(key) if (key := ".".join((*path, name))) in order else -1)


def flatten(settings: Settings) -> dict[str, Any]:
    """Every value by its full key. Lists are values; an arm that sets nothing is `{}`."""
    return dict(_flat(settings, ()))


def _flat(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if is_dataclass(value):
        kind: Any = type(value)
        value = {name: getattr(value, name) for name in hints(kind)}
    if isinstance(value, dict) and value:
        for name, child in value.items():
            yield from _flat(child, (*path, name))
    elif not isinstance(value, dict) or path[:-1] == ("sweep", "arms"):
        yield ".".join(path), list(value) if isinstance(value, list) else value
