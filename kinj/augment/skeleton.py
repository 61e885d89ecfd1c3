"""What a text says regardless of its format: its letters, marks and digits, in order."""

from __future__ import annotations

import unicodedata

_ASCII = bytes(range(128))
_ASCII_FORMAT = bytes(code for code in _ASCII if not chr(code).isalnum())
MOST_MARKS = 32
"""Different marks that are taken out of a text one after another; where there are more, it is gone through once."""


def skeleton(text: str) -> str:
    """The letters, marks and digits of `text` (Unicode categories L*, M*, N*); everything else is format."""
    data = text.encode("utf-8", "surrogatepass")
    kept = data.translate(None, _ASCII_FORMAT).decode("utf-8", "surrogatepass")
    if text.isascii():
        return kept
    others = set(data.translate(None, _ASCII).decode("utf-8", "surrogatepass"))
    marks = {character for character in others if unicodedata.category(character)[0] not in "LMN"}
    if len(marks) > MOST_MARKS:
        return "".join([character for character in kept if character not in marks])
    for mark in marks:
        kept = kept.replace(mark, "")
    return kept


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
