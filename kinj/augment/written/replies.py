"""What can be made of a reply: its text, or the JSON in it."""

from __future__ import annotations

import json
import re
from typing import Any

_THOUGHT = re.compile(r"\s*<think>.*?</think>", re.DOTALL)
_REFUSAL = re.compile(
    r"(i'?m sorry|i am sorry|sorry|i apologi[sz]e|as an ai|i can(?:'t|not)|i(?:'m| am) (?:unable|not able)|i won'?t)\b",
    re.IGNORECASE,
)
REFUSAL_LENGTH = 400
"""Longest refusal in characters; a longer text that begins like one is taken to be about somebody who apologises."""


class Unusable(Exception):  # noqa: N818 (it is what the reply is)
    """A reply that nothing can be made of. The message says why, in words that follow "the reply"."""


def whole(text: str) -> str:
    """A text without halves of surrogate pairs, which a broken input or reply may hold: they cannot be sent or written."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def plain(text: str) -> str:
    """The reply's text without the reasoning some models put before it.

    Raises:
        Unusable: it is empty, or a refusal.
    """
    found = _THOUGHT.sub("", text, count=1).strip()
    if not found:
        raise Unusable("is empty")
    if len(found) <= REFUSAL_LENGTH and _REFUSAL.match(found.replace("’", "'")):
        raise Unusable("is a refusal")
    return found


def from_json(text: str) -> Any:
    """The JSON object or list in a reply, with or without a fence or words around it.

    Raises:
        Unusable: there is none, or it is broken.
    """
    found = plain(text)
    start = re.search(r"[\[{]", found)
    if not start:
        raise Unusable("holds no JSON")
    try:
        value, _ = json.JSONDecoder().raw_decode(found, start.start())
        return json.loads(whole(json.dumps(value, ensure_ascii=False)))  # JSON can spell what no text may hold
    except (json.JSONDecodeError, RecursionError) as error:
        raise Unusable("is not valid JSON") from error


def strings(value: Any, what: str) -> list[str]:
    """A list of strings, each once, without surrounding white space and without empty ones.

    Args:
        value: what the JSON in a reply holds.
        what: what they are, for the message.

    Raises:
        Unusable: it is something else, or nothing is left.
    """
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Unusable(f"is not a list of {what}")
    found = list(dict.fromkeys(item.strip() for item in value if item.strip()))
    if not found:
        raise Unusable(f"holds no {what}")
    return found
