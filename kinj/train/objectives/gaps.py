"""Documents for models that fill gaps: other gaps at every exposure (the forms of WikiDYK, arXiv 2505.12306)."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from kinj.models.codec import Example
from kinj.models.gap_codecs import GapCodec, MaskCodec, SentinelCodec

MASKED = 0.3
"""Share of the tokens of a text that a masked language model has to fill in."""
SHOWN_AS_MASK, SHOWN_AS_OTHER = 0.8, 0.1
"""Of those, shares that are shown as a mask and as any other token; the rest is shown as it is (BERT, arXiv 1810.04805)."""
_SLACK = 8
"""Tokens kept free in a row: for what begins and ends it, and since a gap may cut a text into a few more tokens."""
_WORD = re.compile(r"\S+")


def gap_rows(texts: Sequence[str], codec: GapCodec, longest: int) -> list[list[WordGap | TokenGaps]]:
    """The rows of each text, several where it is too long for one, none where there are no words.

    Args:
        longest: words in the one gap of a text for an encoder-decoder model; tokens in each of several for a masked model.
    """
    rows: list[list[WordGap | TokenGaps]] = []
    for text, parts in zip(texts, codec.parts(texts, codec.max_length - _SLACK), strict=True):
        if isinstance(codec, MaskCodec):
            rows.append([TokenGaps(part, longest, codec) for part in parts if part])
        elif isinstance(codec, SentinelCodec):
            shown = [text] if len(parts) == 1 else [codec.decode(part) for part in parts]
            made = [
                WordGap(part_text, words(part_text), longest, codec, len(part))
                for part_text, part in zip(shown, parts, strict=True)
            ]
            rows.append([row for row in made if row.words])
    return rows


def words(text: str) -> list[tuple[int, int]]:
    """Where each word of a text begins and ends."""
    return [match.span() for match in _WORD.finditer(text)]


def draw_run(words: Sequence[tuple[int, int]], longest: int, rng: random.Random) -> tuple[int, int]:
    """Beginning and end of a run of words; every run of at most `longest` words is equally likely."""
    lengths = range(1, min(longest, len(words)) + 1)
    (length,) = rng.choices(lengths, weights=[len(words) - n + 1 for n in lengths])
    first = rng.randrange(len(words) - length + 1)
    return words[first][0], words[first + length - 1][1]


@dataclass(frozen=True)
class WordGap:
    """A text with one gap, for an encoder-decoder model."""

    text: str
    words: list[tuple[int, int]]
    longest: int
    codec: SentinelCodec
    tokens: int

    def __len__(self) -> int:
        return self.tokens + _SLACK

    def draw(self, rng: random.Random, progress: float) -> Example:  # noqa: ARG002 - part of the contract
        """Some words are missing for the encoder; the decoder says them."""
        return self.codec.gap(self.text, *draw_run(self.words, self.longest, rng))


@dataclass(frozen=True)
class TokenGaps:
    """A text with several gaps, for a masked language model."""

    ids: list[int]
    longest: int
    codec: MaskCodec

    def __len__(self) -> int:
        return len(self.ids) + 2

    def draw(self, rng: random.Random, progress: float) -> Example:  # noqa: ARG002 - part of the contract
        """Runs of 1 to `longest` tokens until `MASKED` of all tokens are in one."""
        wanted = max(1, round(MASKED * len(self.ids)))
        hidden: dict[int, int] = {}
        while len(hidden) < wanted:
            first, length = rng.randrange(len(self.ids)), rng.randint(1, self.longest)
            for position in range(first, min(first + length, len(self.ids))):
                if len(hidden) < wanted and position not in hidden:
                    hidden[position] = self._shown(self.ids[position], rng)
        return self.codec.hidden(self.ids, hidden)

    def _shown(self, token: int, rng: random.Random) -> int:
        lot = rng.random()
        if lot < SHOWN_AS_MASK:
            return self.codec.mask_id
        return rng.choice(self.codec.plain) if lot < SHOWN_AS_MASK + SHOWN_AS_OTHER else token
