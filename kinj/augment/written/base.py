"""The contract of a method whose views a language model writes, and what a prompt and a reply are."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard, runtime_checkable

from kinj.augment.base import AnyMethod
from kinj.augment.written.replies import plain
from kinj.config.prompts import PromptFile
from kinj.data.records import Document


@dataclass(frozen=True)
class Prompt:
    """One thing to ask.

    `check` makes of a reply's text what the method needs, and raises `Unusable` where it cannot; then it is asked again.
    `sample` is what an estimate takes the answer to be, where more questions follow from it.
    """

    text: str
    check: Callable[[str], Any] = plain
    sample: Any = None


Dialogue = Generator[list[Prompt], list[Any], list[Document]]
"""Yields prompts that may be asked at the same time; receives what their checks returned, in that order (None where no
reply could be used); returns the views."""


@runtime_checkable
class Written(AnyMethod, Protocol):
    """A method whose views a language model writes. Nothing about them is promised (`preserves = "nothing"`)."""

    prompts: PromptFile

    def dialogue(self, document: Document, count: int, rng: random.Random) -> Dialogue:
        """The way to up to `count` views of `document`. What the first views are asked for does not depend on `count`.

        Args:
            document: the original.
            count: views wanted.
            rng: seeded by (seed, document id, method).
        """
        ...


def is_written(method: AnyMethod) -> TypeGuard[Written]:
    """Whether a method is `Written`: asked per document, where `isinstance` takes longer than making a view."""
    return hasattr(method, "dialogue")
