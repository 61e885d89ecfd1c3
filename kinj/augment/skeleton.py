"""What a text says regardless of its format: its letters, marks and digits, in order."""

from __future__ import annotations

import unicodedata

_ASCII_FORMAT = bytes(code for code in range(128) if not chr(code).isalnum())


class _Kept(dict[int, int | None]):
    """A table for `str.translate` that fills itself: a code point to itself (Unicode L, M, N), or to None."""

    def __missing__(self, code: int) -> int | None:
        kept = code if unicodedata.category(chr(code))[0] in "LMN" else None
        self[code] = kept
        return kept


_KEPT = _Kept()


def skeleton(text: str) -> str:
    """The letters, marks and digits of `text` (Unicode categories L*, M*, N*); everything else is format."""
    if text.isascii():
        return text.encode("ascii").translate(None, _ASCII_FORMAT).decode("ascii")
    return text.translate(_KEPT)


class SameContent:
    """Says whether texts hold what one text holds. Most views of a document come back as one of a few strings, so a
    string that was found to be the same once is recognised without being read again.

    Args:
        text: what the others are compared with.
    """

    def __init__(self, text: str) -> None:
        self._skeleton = skeleton(text)
        self._same = [text]  # few, and mostly the second is met: comparing is faster than hashing

    def __call__(self, text: str) -> bool:
        if text in self._same:
            return True
        same = skeleton(text) == self._skeleton
        if same:
            self._same.append(text)
        return same
