"""A document made ready for formats: white space reduced to single separators, sentences and fact offsets known.

This is done once per document. A format then works on whole strings, and a position in a view follows from what stands
before it (characters, separators, units), which is counted here: it is added up, never searched for.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from kinj.augment.formats.escapes import ESCAPES, is_printable
from kinj.augment.formats.sentences import split_sentences
from kinj.augment.formats.separators import PARAGRAPH, SOFT, SPACE, wrapped
from kinj.augment.skeleton import skeleton
from kinj.data.records import Document

Span = tuple[int, int, int, int]
"""Where a fact's value stands: in which unit it starts and how many characters of all units stand before, and where it ends."""

_GAP = re.compile(r"\s(?:\s+|(?<! )|(?<=\A\s)|\Z)")
"""White space that is not one space between two words. It starts with a class of characters, which is searched for fast."""
_PARAGRAPH_BREAK = "\n\n"
_EMPTY_LINE = re.compile(r"\n[^\S\n]*\n|\u2029")


@dataclass
class Units:
    """The parts of a flat text that a format treats alike (at least one), and where the facts' values stand in them.

    What else stands before a value's start and end is counted when a format asks for it; most do not.
    """

    texts: list[str]
    spans: list[Span]
    positions: list[int]
    """All starts and ends of the spans, in order."""

    @cached_property
    def joined(self) -> str:
        """All of them, as lines."""
        return PARAGRAPH.join(self.texts)

    @cached_property
    def digits(self) -> list[tuple[int, int]]:
        """Before each start and end: digits of the numbers of its unit and those before, the first excepted."""
        before = [0, *accumulate(len(str(number)) for number in range(2, len(self.texts) + 1))]
        return [(before[first], before[last]) for first, _, last, _ in self.spans]

    def separators(self, mark: str) -> list[tuple[int, int]]:
        """Before each start and end: how many of a mark. Nothing where the text has none."""
        joined = "".join(self.texts)
        if mark not in joined:
            return []
        before: dict[int, int] = {}
        count = done = 0
        for position in self.positions:
            count += joined.count(mark, done, position)
            before[position], done = count, position
        return [(before[start], before[end]) for _, start, _, end in self.spans]

    def escaped(self, escape: str) -> Units:
        """With their characters written as the escape demands."""
        rules = ESCAPES[escape]
        joined, moved = "".join(self.texts), {}
        done = size = 0
        for position in self.positions:
            size += len(rules.write(joined[done:position]))
            moved[position], done = size, position
        spans = [(first, moved[start], last, moved[end]) for first, start, last, end in self.spans]
        return Units(list(map(rules.write, self.texts)), spans, [moved[position] for position in self.positions])

    def wrapped(self, width: int) -> Units:
        """With `SOFT` in place of the spaces where lines of at most `width` characters end."""
        return Units([wrapped(text, width) for text in self.texts], self.spans, self.positions)


class Flat:
    """A document's text with single separators, and where its facts' values stand in it.

    Whatever is made of the text is compared with it, letter by letter. So the parts that views are put together from are
    proven once for each document, and not again for each view.

    Args:
        document: facts must lie within the text. If `text` is empty then, there is nothing to format.

    Attributes:
        kept: whether all units made so far hold the letters, marks and digits of the document, in order.
    """

    def __init__(self, document: Document) -> None:
        self.text, positions = flatten(document.text, [p for fact in document.facts for p in (fact.start, fact.end)])
        self.kept = _reads_alike(document.text.replace("\n", ""), self.text.replace(PARAGRAPH, ""))
        self._spans = list(zip(positions[0::2], positions[1::2], strict=True))
        self._units: dict[tuple[bool, str, int], Units] = {}

    def units(self, by_sentence: bool, escape: str = "", wrap: int = 0) -> Units:
        """Its sentences or paragraphs, without the separators between them; made once per document.

        Args:
            by_sentence: one unit per sentence, not per paragraph.
            escape: name of the escape their characters are written with.
            wrap: longest line in characters; 0 does not wrap.
        """
        key = by_sentence, escape, wrap
        found = self._units.get(key)
        if found is None:
            found = self._units[key] = self._made(by_sentence, escape, wrap)
        return found

    def _made(self, by_sentence: bool, escape: str, wrap: int) -> Units:
        if wrap:
            plain = self.units(by_sentence, escape)
            lines = plain.wrapped(wrap)
            self._compare(lines.joined.replace(SOFT, SPACE), plain.joined)
            return lines
        if escape:
            plain = self.units(by_sentence)
            if not ESCAPES[escape].changes(self.text):
                return plain
            escaped = plain.escaped(escape)
            self._compare(PARAGRAPH.join(map(ESCAPES[escape].read, escaped.texts)), plain.joined)
            return escaped
        if by_sentence:
            pieces = split_sentences(self.text)
            texts = [piece.rstrip(" \n") for piece in pieces]
            self._compare(SPACE.join(texts), self.text.replace(PARAGRAPH, SPACE))
        else:
            texts = self.text.split(PARAGRAPH)
            pieces = [text + PARAGRAPH for text in texts] if self._spans else []
        spans = _among(pieces, texts, self._spans) if self._spans else []
        positions = sorted({position for _, start, _, end in spans for position in (start, end)}) if spans else []
        return Units(texts, spans, positions)

    def _compare(self, made: str, original: str) -> None:
        self.kept = self.kept and _reads_alike(made, original)


def _reads_alike(made: str, original: str) -> bool:
    """Whether two texts hold the same letters, marks and digits; mostly they are the same string."""
    return made == original or skeleton(made) == skeleton(original)


def _among(pieces: Sequence[str], units: Sequence[str], spans: Iterable[tuple[int, int]]) -> list[Span]:
    """Where spans of a text stand among its units, which are its pieces without what separates them.

    A span that starts or ends between two units is drawn in to the unit it has characters in.
    """
    if len(units) == 1:
        return [(0, start, 0, max(start, end)) for start, end in spans]
    sizes = list(map(len, units))
    starts, before = list(accumulate(map(len, pieces), initial=0)), list(accumulate(sizes, initial=0))
    inner, most = starts[1:-1], len(sizes) - 1
    found = []
    for start, end in spans:
        first = bisect_right(inner, start)
        offset = start - starts[first]
        if offset >= sizes[first]:
            first, offset = (first + 1, 0) if first < most else (first, sizes[first])
        last = bisect_right(inner, end - 1)
        opening, closing = before[first] + offset, before[last] + min(end - starts[last], sizes[last])
        found.append((first, opening, *max((first, opening), (last, closing))))
    return found


def flatten(text: str, positions: Sequence[int]) -> tuple[str, list[int]]:
    """The text with single separators and none at its ends, and where `positions` (0 to its length) come to lie."""
    lines = text.split("\n")
    paragraphs, between = lines[0::2], lines[1::2]
    if len(paragraphs) > len(between) and not any(between) and _are_flat(paragraphs):
        moved = positions if not between else [p - text.count(_PARAGRAPH_BREAK, 0, p) for p in positions]
        return PARAGRAPH.join(paragraphs), list(moved)
    pieces: list[str] = []
    origins, targets = [0], [0]  # runs of characters that stay together: where they began, where they begin now
    size = end = 0
    for gap in [*_GAP.finditer(text), None]:
        stop = gap.start() if gap else len(text)
        separator = PARAGRAPH if gap and _EMPTY_LINE.search(gap.group()) else SPACE
        if stop > end:
            pieces.append(text[end:stop])
            size += stop - end
        origins.append(stop)
        targets.append(size)
        if gap is None or gap.end() == len(text):
            break
        if stop > 0:
            pieces.append(separator)
            size += 1
        end = gap.end()
        origins.append(end)
        targets.append(size)
    return "".join(pieces), [_moved(position, origins, targets) for position in positions]


def _are_flat(paragraphs: Sequence[str]) -> bool:
    """Whether all their white space is certainly single spaces between words: true of most texts there are."""
    together = "".join(paragraphs)
    return (
        is_printable(together)
        and SPACE * 2 not in together
        and all([p != "" and p[0] != SPACE and p[-1] != SPACE for p in paragraphs])  # noqa: C419 (a list is faster than a generator)
    )


def _moved(position: int, origins: Sequence[int], targets: Sequence[int]) -> int:
    """Inside a run of characters: as far into it as before. Inside a gap: at most its one separator."""
    index = bisect_right(origins, position) - 1
    offset = position - origins[index]
    return min(targets[index] + offset, targets[index + 1] if index + 1 < len(targets) else targets[-1])
