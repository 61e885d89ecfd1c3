"""How numbers are written, in the terminal and on the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Measure = Mapping[str, Any]
"""One measure of results.json: value, low, high, n, clusters, unit, direction, covers."""

NOT_MEASURED = "not measured"


def number(value: float, unit: str | None) -> str:
    """A share in percent without the sign, anything else with three significant digits."""
    if unit == "share":
        return _minus(f"{100 * value:.1f}")
    return _minus(f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}")


def short(value: float) -> str:
    """A size or a dose: `0.86`, `23`, `500 k`, `1.5 M`, `2 B`."""
    for letter, size in (("B", 1e9), ("M", 1e6), ("k", 1e4)):
        if value >= size:
            return f"{value / (1e3 if letter == 'k' else size):.3g} {letter}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def value_text(measure: Measure) -> str:
    """The value with its unit: `31.2 %`, `14.9`."""
    return number(measure["value"], measure["unit"]) + (" %" if measure["unit"] == "share" else "")


def interval_text(measure: Measure) -> str:
    """`[28.9, 33.6]`, or empty where there is no interval."""
    if measure.get("low") is None or measure.get("high") is None:
        return ""
    return f"[{number(measure['low'], measure['unit'])}, {number(measure['high'], measure['unit'])}]"


def signed(value: float, unit: str | None) -> str:
    """A difference with its sign: `+5.8`, `−1.4`, `0.0`."""
    text = number(value, unit)
    return text if text.startswith("−") or not any(c in "123456789" for c in text) else f"+{text}"


def difference_text(comparison: Measure) -> str:
    """`+5.8 points [1.9, 9.7]`."""
    word = " points" if comparison["unit"] == "share" else ""
    interval = interval_text(comparison)
    return f"{signed(comparison['value'], comparison['unit'])}{word}{f' {interval}' if interval else ''}"


def amount(value: float, unit: str | None) -> str:
    """The size of a difference: `2.8 points`."""
    return number(value, unit) + (" points" if unit == "share" else "")


def duration(seconds: float) -> str:
    """`14 s`, `12 min`, `3.4 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def times(ratio: float) -> str:
    """`2×`, `1.5×`."""
    return f"{ratio:.0f}×" if abs(ratio - round(ratio)) < 0.02 else f"{ratio:.2g}×"


def _minus(text: str) -> str:
    """With a true minus sign, and without one before a rounded zero."""
    zero = not any(c in "123456789" for c in text)
    return text.lstrip("-") if zero else text.replace("-", "−")
