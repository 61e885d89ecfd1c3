"""The contract of an augmentation method: one file, one YAML, one card, one row in the conformance table."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Protocol, TypeGuard, runtime_checkable

from kinj.data.records import Document


class Augmenter(Protocol):
    """Writes views of a document."""

    name: str
    preserves: str
    """`content` (machine-checked on every view), `facts` (audited) or `nothing`."""

    def views(self, document: Document, count: int, rng: random.Random) -> Iterator[Document]:
        """Up to `count` views of `document`, pairwise distinct and distinct from it.

        Args:
            document: the original.
            count: views wanted.
            rng: seeded by (seed, document id, method); a method derives one generator per view from it.
        """
        ...


@runtime_checkable
class ContentPreserving(Augmenter, Protocol):
    """A method with `preserves = "content"`: what it adds to a text is declared and can be taken off again."""

    def restore(self, view: Document) -> str:
        """The content of a view: its text without the markup that the method declares it adds."""
        ...

    def restore_span(self, view: Document, start: int, end: int) -> str:
        """The same for the part of a view's text that holds a fact's value."""
        ...


class Choosy(Protocol):
    """A method that passes over some of the views it could write, and says how many and why."""

    skipped: Counter[str]
    """By reason. The engine moves these counts to its report after every document."""


def keeps_content(method: Augmenter) -> TypeGuard[ContentPreserving]:
    """Whether a method is `ContentPreserving`, by what it declares: asked per view, where `isinstance` is too slow."""
    return method.preserves == "content"


def is_choosy(method: object) -> TypeGuard[Choosy]:
    """Whether a method counts what it passes over."""
    return hasattr(method, "skipped")
