"""What settings are checked with. A message starts with the setting's name inside its section."""

from __future__ import annotations

import difflib
import re


def check(ok: bool, message: str) -> None:
    """Raises ValueError with the message unless it is `ok`."""
    if not ok:
        raise ValueError(message)


def choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raises ValueError unless the value is one of the choices."""
    if value not in choices:
        near = difflib.get_close_matches(str(value), choices, 1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value}{meant}")


def expression(name: str, value: str) -> None:
    """Raises ValueError unless the value is a regular expression."""
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"{name} must be a regular expression, got {value} ({error})") from error


def count_of(written: str) -> int | None:
    """A number with `k`, `M` or `B` for thousands, millions or billions; None where it is none, or below 1."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([kKmMbB]?)", written.strip())
    count = round(float(found[1]) * {"": 1, "k": 10**3, "m": 10**6, "b": 10**9}[found[2].lower()]) if found else 0
    return count or None
