"""From a text that a language model wrote to a view: which facts it repeats word by word, and where."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from kinj.data.records import Document, Fact, View


def view_of(document: Document, method: str, index: int, seed: int, text: str, **meta: Any) -> Document:
    """A view with the facts that can be found in it.

    Args:
        document: the original.
        method: name of the method, or NAME/VARIANT.
        index: the view's number among those of the method, from 1.
        seed: recorded in the view.
        text: what was written.
        meta: joins the original's.
    """
    return Document(
        id=f"{document.id}#{method.split('/')[0]}.{index}",
        text=text,
        title=document.title,
        facts=list(located(document.facts, text)),
        source=document.origin,
        view=View(method=method, index=index, seed=seed),
        meta=document.meta | meta,
    )


def located(facts: Iterable[Fact], text: str) -> Iterator[Fact]:
    """The facts whose value stands in the text, word by word, with the place where it does so first."""
    for fact in facts:
        if match := re.search(rf"(?<!\w){re.escape(fact.value)}(?!\w)", text):
            yield replace(fact, start=match.start(), end=match.end())
