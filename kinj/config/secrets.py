"""Keeping secrets out of everything kinj prints or writes."""

from __future__ import annotations

import re
from typing import Any

SECRET = re.compile(r"(^|.*[_.-])(token|api[_-]?key|secret|password|passwd|credentials?)$", re.IGNORECASE)
"""Keys whose values are secrets: the last word decides, so `batch_tokens` and `tokenizer` are not."""
LOGIN = re.compile(r"(?<=://)[^/@\s]+(?=@)")
"""The login in an address such as `https://name:password@host/`."""
REDACTED = "(redacted)"


def redact(value: Any) -> Any:
    """A copy of nested settings without secrets: values of keys such as `api_key`, and logins inside addresses."""
    if isinstance(value, dict):
        return {key: REDACTED if SECRET.match(key) and child else redact(child) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact(item) for item in value]
    return LOGIN.sub(REDACTED, value) if isinstance(value, str) else value


def redact_typed(override: str) -> str:
    """As `redact`, for `key=value` as typed."""
    key, equals, value = override.partition("=")
    return f"{key}{equals}{redact({key: value})[key]}"
