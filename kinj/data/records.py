"""The two records everything is made of. See docs/data.md for the file forms."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Subject, relation and value; `start` and `end` are character offsets of the value in the document's text."""

    subject: str
    relation: str
    value: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class View:
    """How a text was made from its source: method, index among its views (0 is the original) and seed."""

    method: str
    index: int
    seed: int


@dataclass(kw_only=True)
class Document:
    """One text with an id. `source` is the id of the original this is a view of (None: it is an original)."""

    id: str
    text: str
    title: str | None = None
    facts: list[Fact] = field(default_factory=list)
    source: str | None = None
    view: View | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """Id of the original: views of one document share it."""
        return self.source or self.id


@dataclass(kw_only=True)
class Question:
    """One question; `answers` are all accepted ones and never empty. `document` is the id of the original it asks about.

    `source` is the id of the question this is a view of: the same question in another format (None: it is an original).
    """

    id: str
    document: str | None
    prompt: str
    answers: list[str]
    kind: str = "recall"
    choices: list[str] | None = None
    source: str | None = None
    view: View | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """Id of the unit that counts as one in a mixture: views of one question share it."""
        return self.source or self.id


Record = Document | Question


def content_id(text: str) -> str:
    """An id for a text without one: 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
