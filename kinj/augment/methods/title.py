"""The title and the section's path before each passage (method card: docs/methods/title.md)."""

from __future__ import annotations

import random
from collections.abc import Iterator

from kinj.augment.drafts import Draft, Drafting, Piece, shuffled
from kinj.augment.headings import Passage, passages
from kinj.augment.passages import overlaps
from kinj.config.schema import AugmentSettings
from kinj.data.records import Document

SEPARATORS = (" > ", " / ", " | ", " :: ", " — ", ", ")
"""Between the steps of a path."""

FRAMES = ("{}", "{}:", "[{}]", "({})", "# {}", "**{}**", "Title: {}", "Section: {}", "From: {}", "About: {}")
"""Lines that hold a path."""


def build(settings: AugmentSettings, seed: int) -> Title:  # noqa: ARG001 - it has no settings
    """The method; there is nothing to set."""
    return Title(seed)


class Title(Drafting):
    """Each view writes the paths in its own manner, before every passage or before the first of each section."""

    name = "title"

    def drafts(self, document: Document, rng: random.Random) -> Iterator[Draft]:
        """None without a title and without headings."""
        values = [(fact.start + 1, fact.end) for fact in document.facts]  # a line inside one would tear it apart
        found = [
            passage
            for passage in passages(document.text)
            if _path(document, passage) and not overlaps(passage.start, passage.start + 1, values)
        ]
        separators = SEPARATORS if any(len(_path(document, passage)) > 1 for passage in found) else SEPARATORS[:1]
        chosen = (True,) if all(passage.opens for passage in found) else (True, False)
        manners = [(frame, separator, each) for frame in FRAMES for separator in separators for each in chosen]
        for frame, separator, each in shuffled(manners, rng) if found else []:
            pieces: list[Piece] = []
            end = 0
            for passage in found:
                if each or passage.opens:
                    line = frame.replace("{}", separator.join(_path(document, passage)))
                    pieces += [(end, passage.start), f"{line}\n\n"]
                    end = passage.start
            yield Draft([*pieces, (end, len(document.text))], "passages" if each else "sections")


def _path(document: Document, passage: Passage) -> list[str]:
    """Title and headings; a heading that repeats the title stands once."""
    title = " ".join((document.title or "").split())
    return [step for step in dict.fromkeys([title, *passage.path]) if step]
