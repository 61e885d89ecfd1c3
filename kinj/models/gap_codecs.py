"""Text as tokens for models that fill gaps: encoder-decoder models with sentinels (T5), and masked language models (BERT).

They read a text in both directions and so have no next token: what they are taught and asked is always a gap. The forms are
those of WikiDYK (arXiv 2505.12306): a question is followed by a gap, and the answer fills it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import ModelSettings
from kinj.models.codec import IGNORE, Codec, Example, Shots
from kinj.models.requests import Request

FIRST, SECOND = "<extra_id_0>", "<extra_id_1>"
"""Sentinels: the gap, and what ends its filling."""
MASKS = 10
"""Masks put after a question to a masked language model, as in WikiDYK; more where an answer to be learned is longer."""


@dataclass(frozen=True)
class Paired(Example):
    """What the encoder reads (`ids`), what the decoder reads (`decoder_ids`), and what it should say next (`labels`)."""

    decoder_ids: NDArray[np.int32]

    @property
    def widths(self) -> tuple[int, ...]:
        return len(self.ids), len(self.labels)

    @property
    def label_tokens(self) -> int:
        return int((self.labels != IGNORE).sum())


@dataclass(frozen=True)
class Filled(Example):
    """A text with masks. A label stands where its token does, not before it."""

    @property
    def label_tokens(self) -> int:
        return int((self.labels != IGNORE).sum())


class GapCodec(Codec):
    """What both kinds have in common. A question is the prompt in `model.prompt`, then the gap."""

    def document(self, text: str) -> NoReturn:  # noqa: ARG002 - part of the contract
        self._refuse()

    def documents(self, texts: Sequence[str]) -> NoReturn:  # noqa: ARG002 - part of the contract
        self._refuse()

    def around(self, request: str, separator: str) -> NoReturn:  # noqa: ARG002 - part of the contract
        self._refuse()

    def pair(self, context: Sequence[int], target: Sequence[int]) -> NoReturn:  # noqa: ARG002 - part of the contract
        self._refuse()

    def prompts(self, requests: Sequence[Request]) -> list[list[int]]:
        """`prompt` of each request."""
        return [self.prompt(r.prompt, completion=r.completion, shots=r.shots) for r in requests]

    @property
    def longest_prompt(self) -> int:
        """Most tokens of a question; the answer is said elsewhere, or has its place in it."""
        return self.max_length

    def _refuse(self) -> NoReturn:
        raise UsageError(
            f"this objective teaches the next token, and {self.name} fills gaps ({self.kind})",
            "take objective: auto, span or answer, or another model",
        )

    def _check(self, prompt: str, *lengths: int) -> None:
        if max(lengths) > self.max_length:
            raise KinjError(
                f"a question or its answer is {max(lengths):,} tokens long, the model reads {self.max_length:,}: {prompt[:80]!r}",
                "shorten it, or take a model with a longer context; questions are never cut",
            )


class SentinelCodec(GapCodec):
    """For encoder-decoder models: the encoder reads a text with a sentinel in it, the decoder says what belongs there.

    Args:
        start_id: what the decoder reads first.

    Raises:
        KinjError: the tokenizer has no sentinels (`<extra_id_0>`, `<extra_id_1>`), or no end-of-text token.
    """

    kind = "an encoder-decoder model"

    def __init__(self, tokenizer: Any, settings: ModelSettings, max_length: int, start_id: int) -> None:
        super().__init__(tokenizer, settings, max_length)
        self.start_id = start_id
        self.sentinels: list[int] = tokenizer.convert_tokens_to_ids([FIRST, SECOND])
        if None in self.sentinels or tokenizer.unk_token_id in self.sentinels:
            raise KinjError(
                f"the tokenizer of {settings.name} has no sentinels ({FIRST}, {SECOND}), by which kinj asks and teaches "
                f"{self.kind}",
                "take one of the T5 family (T5, Flan-T5, mT5, UMT5)",
            )
        self.stops = frozenset([self.eos_id, self.sentinels[1]])

    def prompt(self, prompt: str, *, completion: bool = False, shots: Shots = ()) -> list[int]:
        """What the encoder reads; the decoder goes on from `opening`."""
        text = prompt.rstrip() if completion else self._prompt_text(prompt, shots)
        return self._source(f"{text} {FIRST}")

    @property
    def opening(self) -> list[int]:
        """What the decoder has read when the answer begins."""
        return [self.start_id, self.sentinels[0]]

    def questions(
        self, pairs: Sequence[tuple[str, str]], *, eos: bool = True, shots: Sequence[Shots] | None = None
    ) -> list[Paired]:
        """Question and answer as one row each. With `eos`, the sentinels around the answer and the end carry loss too.

        Raises:
            KinjError: question or answer is longer than `max_length`.
        """
        sources = [self._source(f"{text} {FIRST}") for text in self._prompt_texts(pairs, shots)]
        rows = [self._row(source, answer, ends=eos) for source, (_, answer) in zip(sources, pairs, strict=True)]
        for row, (prompt, _) in zip(rows, pairs, strict=True):
            self._check(prompt, *row.widths)
        return rows

    def continuations(self, pairs: Sequence[tuple[str, str]]) -> list[Paired]:
        """The beginning of a text with a gap after it as one row each; loss on what fills the gap.

        Raises:
            KinjError: either is longer than `max_length`.
        """
        rows = [self._row(self.prompt(text, completion=True), more, ends=False) for text, more in pairs]
        for row, (text, _) in zip(rows, pairs, strict=True):
            self._check(text, *row.widths)
        return rows

    def gap(self, text: str, start: int, end: int) -> Paired:
        """A text without its characters from `start` to `end`, and those as what fills the gap."""
        return self._row(self._source(text[:start] + FIRST + text[end:]), text[start:end], ends=True)

    def fillings(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of texts as they stand between the sentinels."""
        return [ids[1:-1] for ids in self.encode([f"{FIRST} {text} {SECOND}" for text in texts])]

    def whole(self, ids: Sequence[int]) -> Paired:
        """A text that is one gap: every token of it is predicted from those before, as by a causal model."""
        return self._paired([self.sentinels[0], self.eos_id], [self.sentinels[0], *ids], scored_from=1)

    def _source(self, text: str) -> list[int]:
        return [*self.encode([text])[0], self.eos_id]

    def _row(self, source: list[int], filling: str, *, ends: bool) -> Paired:
        target = self.encode([f"{FIRST} {filling} {SECOND}"])[0]
        return self._paired(source, [*target, self.eos_id] if ends else target[:-1], scored_from=0 if ends else 1)

    def _paired(self, source: Sequence[int], target: Sequence[int], scored_from: int) -> Paired:
        ids, labels = np.asarray(source, dtype=np.int32), np.asarray(target, dtype=np.int32)
        decoder_ids = np.concatenate([np.asarray([self.start_id], dtype=np.int32), labels[:-1]])
        labels[:scored_from] = IGNORE
        return Paired(ids, labels, decoder_ids)


class MaskCodec(GapCodec):
    """For masked language models: a gap is a row of masks, and each mask is filled from both sides at once.

    Raises:
        KinjError: the tokenizer lacks a mask token or those that begin and end a text.
    """

    kind = "a masked language model"
    longest_answer = MASKS

    def __init__(self, tokenizer: Any, settings: ModelSettings, max_length: int) -> None:
        needed = {"cls_token": tokenizer.cls_token_id, "sep_token": tokenizer.sep_token_id}
        needed |= {"mask_token": tokenizer.mask_token_id, "pad_token": tokenizer.pad_token_id}
        missing = [name for name, identity in needed.items() if identity is None]
        if missing:
            raise KinjError(f"the tokenizer of {settings.name}, {self.kind}, has no {', '.join(missing)}")
        self._setup(tokenizer, settings, max_length, eos_id=tokenizer.sep_token_id, bos=[tokenizer.cls_token_id])
        self.mask_id: int = tokenizer.mask_token_id
        self.plain: list[int] = sorted(set(range(len(tokenizer))) - set(tokenizer.all_special_ids))
        """Ids of all tokens that are text."""

    def prompt(self, prompt: str, *, completion: bool = False, shots: Shots = ()) -> list[int]:
        """The question and the masks after it."""
        text = prompt.rstrip() if completion else self._prompt_text(prompt, shots)
        return self.framed([*self.encode([text])[0], *[self.mask_id] * MASKS])

    def places(self, prompt: Sequence[int]) -> range:
        """Where the masks of a prompt are."""
        return range(len(prompt) - 1 - MASKS, len(prompt) - 1)

    def questions(
        self, pairs: Sequence[tuple[str, str]], *, eos: bool = True, shots: Sequence[Shots] | None = None
    ) -> list[Filled]:
        """Question and masks as one row each; the answer and its end are what stands at the first of the masks.

        Raises:
            KinjError: a row is longer than `max_length`.
        """
        answers = [answer for _, answer in pairs]
        return self._rows(list(zip(self._prompt_texts(pairs, shots), answers, strict=True)), eos)

    def continuations(self, pairs: Sequence[tuple[str, str]]) -> list[Filled]:
        """The beginning of a text and masks as one row each; what goes on from it stands at the first of the masks.

        Raises:
            KinjError: a row is longer than `max_length`.
        """
        return self._rows([(text.rstrip(), more) for text, more in pairs], eos=False)

    def _rows(self, pairs: Sequence[tuple[str, str]], eos: bool) -> list[Filled]:
        heads, answers = self.encode([text for text, _ in pairs]), self.encode([f" {answer}" for _, answer in pairs])
        rows = [
            self._filled(head, [*said, self.eos_id], len(said) + eos) for head, said in zip(heads, answers, strict=True)
        ]
        for row, (text, _) in zip(rows, pairs, strict=True):
            self._check(text, len(row))
        return rows

    def framed(self, ids: Sequence[int]) -> list[int]:
        """Some ids between the tokens that begin and end a text."""
        return [*self.bos, *ids, self.eos_id]

    def hidden(self, ids: Sequence[int], shown: dict[int, int]) -> Filled:
        """A text in which other tokens are shown at some positions; what really stands there carries the loss."""
        row, labels = np.asarray(self.framed(ids), dtype=np.int32), np.full(len(ids) + 2, IGNORE, dtype=np.int32)
        for position, token in shown.items():
            labels[position + 1] = row[position + 1]
            row[position + 1] = token
        return Filled(row, labels)

    def _filled(self, head: list[int], said: list[int], scored: int) -> Filled:
        masks = max(MASKS, len(said))
        ids = np.asarray(self.framed([*head, *[self.mask_id] * masks]), dtype=np.int32)
        labels = np.full(len(ids), IGNORE, dtype=np.int32)
        first = 1 + len(head)
        labels[first : first + scored] = said[:scored]
        return Filled(ids, labels)
