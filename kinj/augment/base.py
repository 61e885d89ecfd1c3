"""The contract of an augmentation method: one file, one YAML, one card, one row in the conformance table."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol, TypeGuard, runtime_checkable

from kinj.data.records import Document, Fact, View


class AnyMethod(Protocol):
    """What every method says of itself, however its views are made."""

    name: str
    preserves: str
    """`content` (compared letter by letter), `facts` (audited) or `nothing`."""


class Augmenter(AnyMethod, Protocol):
    """Writes views of a document."""

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


Rendered = tuple[str, Sequence[tuple[int, int]], str, bool]
"""A view as a method that keeps content makes it: everything that differs from the original's record.

- its text;
- start and end of the value of every fact of the document;
- the variant, how it was made: a name in ASCII letters, digits and `_+-`;
- whether what it was put together from was compared with the original and holds its content. If not, nothing is said about
  the view: it must be read back.

A plain tuple: named fields take 0.4 microseconds a view, as much as serializing it.
"""


class Renders(ContentPreserving, Protocol):
    """A content-preserving method whose views differ from their documents in nothing but what `Rendered` holds.

    Its views can be checked and written without records being made of them. `views`, `restore` and `restore_span` say
    the same of records.
    """

    seed: int

    def renderings(self, document: Document, count: int, rng: random.Random) -> Iterator[Rendered]:
        """What `views` makes records of."""
        ...

    def restored(self, variant: str, text: str) -> str:
        """The content of a text that this variant made."""
        ...

    def restored_span(self, variant: str, text: str) -> str:
        """The content of a part of such a text that holds a fact's value."""
        ...


class Choosy(Protocol):
    """A method that passes over some of the views it could write, and says how many and why."""

    skipped: Counter[str]
    """By reason. The engine moves these counts to its report after every document."""


def keeps_content(method: AnyMethod) -> TypeGuard[ContentPreserving]:
    """Whether a method is `ContentPreserving`, by what it declares: asked per view, where `isinstance` is too slow."""
    return method.preserves == "content"


def renders(method: AnyMethod) -> TypeGuard[Renders]:
    """Whether a method is one that `Renders`."""
    return hasattr(method, "renderings")


def is_choosy(method: object) -> TypeGuard[Choosy]:
    """Whether a method counts what it passes over."""
    return hasattr(method, "skipped")


def view_of(method: Renders, document: Document, rendered: Rendered, index: int) -> Document:
    """The record of a view."""
    outline = view_outline(method, document)
    text, spans, variant, _ = rendered
    assert outline.view is not None
    return replace(
        outline,
        id=f"{view_prefix(method, document)}{index}",
        text=text,
        facts=[
            Fact(subject=fact.subject, relation=fact.relation, value=fact.value, start=start, end=end)
            for fact, (start, end) in zip(document.facts, spans, strict=True)
        ],
        view=replace(outline.view, method=view_method(method, variant), index=index),
    )


def view_outline(method: Renders, document: Document) -> Document:
    """What the records of all views of a document have in common; the rest is the document's own."""
    return replace(
        document,
        source=document.origin,
        view=View(method=method.name, index=0, seed=method.seed),
        meta=dict(document.meta),
    )


def view_prefix(method: AnyMethod, document: Document) -> str:
    """The ids of a document's views without their indices at the end."""
    return f"{document.id}#{method.name}."


def view_method(method: AnyMethod, variant: str) -> str:
    """What a view says of how it was made."""
    return f"{method.name}/{variant}"
