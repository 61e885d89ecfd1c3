"""What rows are called where there is little room: `epochs=10` for `train.stages.inject.epochs=10.0`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

REPLICATION = ("seed", "data.seed")
"""Keys of a grid that no row is named after."""


def short_keys(keys: Sequence[str]) -> dict[str, str]:
    """Of each key as many of its last parts as tell it from the others."""
    found = {}
    for key in keys:
        parts = key.split(".")
        ends = (".".join(parts[-size:]) for size in range(1, len(parts) + 1))
        found[key] = next((end for end in ends if sum(f".{other}".endswith(f".{end}") for other in keys) == 1), key)
    return found


def shortly_named(results: Mapping[str, Any]) -> dict[str, Any]:
    """The same results with short names of rows, in groups, comparisons and flips."""
    keys = short_keys([key for key in results["space"] if key not in REPLICATION])
    names = {group["name"]: _name(group, keys) for group in results["groups"]}
    if len(set(names.values())) < len(names):
        return dict(results)
    bare = {long.removeprefix("+ "): short.removeprefix("+ ") for long, short in names.items()}
    flips = results.get("flips")
    return {
        **results,
        "groups": [{**group, "name": names[group["name"]]} for group in results["groups"]],
        "comparisons": [_sides(one, bare) for one in results["comparisons"]],
        "flips": _sides(flips, bare) if flips else None,
    }


def bare_name(group: Mapping[str, Any], space: Mapping[str, Any]) -> str:
    """What a row's way of teaching is called, without its place in the grid."""
    if not group["arm"]:
        return ""
    place = [f"{key}={group['settings'][key]}" for key in space if key in group["settings"]]
    return str(group["name"]).removesuffix("".join(f", {part}" for part in place))


def _name(group: Mapping[str, Any], keys: Mapping[str, str]) -> str:
    settings = group["settings"]
    parts = [f"{short}={written(settings[key])}" for key, short in keys.items() if key in settings]
    return ", ".join([*filter(None, [bare_name(group, keys)]), *parts]) or str(group["name"])


def _sides(one: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {**one, "a": names.get(one["a"], one["a"]), "b": names.get(one["b"], one["b"])}


def written(value: Any) -> str:
    """A value of a setting, short: a number with six digits, anything else as it is typed."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
