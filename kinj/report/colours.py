"""The colours of pages and plots. They stand once, at the head of page.css, by light and by dark."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

CSS = Path(__file__).with_name("page.css")
ARMS = 8
"""Rows of a table that are told apart by colour; more cannot be."""


@cache
def style_sheet() -> str:
    """The part of page.css that says what the named colours are."""
    return CSS.read_text(encoding="utf-8").partition("\n* {")[0]


@cache
def values(scheme: str) -> dict[str, str]:
    """What each named colour is.

    Args:
        scheme: `light` or `dark`.
    """
    light, _, dark = style_sheet().partition("@media")
    return dict(re.findall(r"--(\w+):\s*(#\w+)", dark if scheme == "dark" else light))
