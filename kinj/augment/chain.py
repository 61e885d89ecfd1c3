"""Methods one after the other: `permute+formatting` formats what permute wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from kinj.augment import registry
from kinj.augment.base import AnyMethod, Augmenter
from kinj.augment.written.base import Written
from kinj.config.errors import UsageError
from kinj.config.schema import AugmentSettings
from kinj.data.records import Document, View
from kinj.data.rng import stable_rng

PROMISES = ("content", "facts", "nothing")
"""What methods promise to preserve, strongest first."""

Keeps = Callable[[AnyMethod, Document, Document], bool]
"""Whether what a method made of a text stays in the output."""
Lacks = Callable[[AnyMethod], None]
"""Told that a method could make nothing of a text."""


class Chain:
    """One method, or several: each further one makes one view of every view that the one before it made.

    Args:
        name: names of methods joined by `+`.
        links: the methods.

    Raises:
        UsageError: a further one's views are written by a language model.
    """

    def __init__(self, name: str, links: Sequence[Augmenter | Written]) -> None:
        self.name, self.links = name, links
        self.first, *rest = links
        self.rest: list[Augmenter] = []
        for link in rest:
            if isinstance(link, Written):
                raise UsageError(
                    f"augment.method={name}: {link.name} is written by a language model and cannot come after another method",
                    "put it first, or write its views to a file and run the other methods on that",
                )
            self.rest.append(link)
        self.preserves = max((link.preserves for link in links), key=PROMISES.index)

    def views(
        self, document: Document, made: Iterable[Document], seed: int, keeps: Keeps, lacks: Lacks
    ) -> Iterator[Document]:
        """The views of a document that stay.

        Args:
            made: what the first method makes of the document.
            keeps: asked after every link, about what goes into the link and what comes out.
            lacks: told of a view of which a further link can make nothing.
        """
        for view in made:
            if not keeps(self.first, document, view):
                continue
            last = self._through(view, seed, keeps, lacks)
            if last is not None:
                yield self._renamed(document, view, last) if self.rest else last

    def _through(self, view: Document, seed: int, keeps: Keeps, lacks: Lacks) -> Document | None:
        """What the further links make of a view; None where one can make nothing of it, or what it made goes."""
        for link in self.rest:
            made = next(link.views(view, 1, stable_rng(seed, view.id, link.name)), None)
            if made is None:
                lacks(link)
                return None
            if not keeps(link, view, made):
                return None
            variants = [_variant(view), _variant(made)]
            assert made.view is not None
            told = replace(made.view, method="/".join([link.name, "+".join(filter(None, variants))]).rstrip("/"))
            view = replace(made, view=told)
        return view

    def _renamed(self, document: Document, first: Document, last: Document) -> Document:
        assert first.view is not None
        index = first.view.index
        method = "/".join(filter(None, [self.name, _variant(last)]))
        view = View(method=method, index=index, seed=first.view.seed)
        return replace(last, id=f"{document.id}#{self.name}.{index}", source=document.origin, view=view)


def build_chains(settings: AugmentSettings, seed: int) -> list[Chain]:
    """What `augment.method` names.

    Raises:
        UsageError: an unknown method, settings that a method cannot work with, or methods that cannot be joined.
    """
    return [
        Chain(name, [registry.get(link).build(settings, seed) for link in name.split("+")])
        for name in dict.fromkeys(settings.method)
    ]


def _variant(view: Document) -> str:
    return view.view.method.partition("/")[2] if view.view else ""
