"""One place decides how text becomes tokens: BOS, EOS, chat template, label masking, splitting. All share it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinj.config.errors import KinjError
from kinj.config.schema import ModelSettings
from kinj.models.requests import Request

IGNORE = -100
"""Label of a position that carries no loss."""

Shots = Sequence[tuple[str, str]]
"""Questions with their answers that are put before a question."""

TURNS = ("<|im_start|>", "<|start_header_id|>", "<start_of_turn>", "[INST]", "<|user|>", "<|assistant|>")
"""Tokens that begin the turns of a chat in known templates."""

PASSAGE = "\ue000"
"""Stands for a passage while a chat template is filled in; a character of Unicode's private use area."""

_BREAKS = (re.compile(r"[.!?…][\"')\]]*\s+|\n+"), re.compile(r"\s+"))
"""Where a long text may be split: after a sentence or line; failing that, at white space."""


@dataclass(frozen=True)
class Example:
    """Token ids, and labels of the same length: the id itself where it carries loss, `IGNORE` elsewhere."""

    ids: NDArray[np.int32]
    labels: NDArray[np.int32]

    def __len__(self) -> int:
        return sum(self.widths)

    @property
    def widths(self) -> tuple[int, ...]:
        """Tokens read by each part of the model; a causal one has one part."""
        return (len(self.ids),)

    @property
    def label_tokens(self) -> int:
        """Tokens that carry loss. Nothing predicts the first one of a row, so it never does."""
        return int((self.labels[1:] != IGNORE).sum())


class Codec:
    """Encodes documents and questions for a causal model; `kinj.models.gap_codecs` has those for other models.

    A document is BOS (where the tokenizer itself writes one) and its text, without EOS: most texts end because a file ends,
    not because nothing more could be said (as in PIT, arXiv 2402.12847, and WikiDYK, 2505.12306). A question is the prompt
    in the chat template or in `model.prompt`, a space, the answer and EOS; only answer and EOS carry loss. Masks follow
    from lengths, never from token ids, so EOS is learned also where it equals the padding token.

    Args:
        tokenizer: a fast transformers tokenizer.
        settings: `prompt` and `chat` are used.
        max_length: longest row in tokens.

    Raises:
        KinjError: the tokenizer has no EOS token.
    """

    kind = "a causal language model"
    longest_answer: int | None = None
    """Most tokens of an answer, where the kind of model limits it."""

    def __init__(self, tokenizer: Any, settings: ModelSettings, max_length: int) -> None:
        if tokenizer.eos_token_id is None:
            raise KinjError(
                f"the tokenizer of model.name={settings.name} has no end-of-text token",
                "kinj needs one to end answers: set `eos_token` in its tokenizer_config.json",
            )
        bos = tokenizer.bos_token_id
        written = bos is not None and tokenizer("a")["input_ids"][:1] == [bos]
        self._setup(tokenizer, settings, max_length, eos_id=tokenizer.eos_token_id, bos=[bos] if written else [])

    def _setup(self, tokenizer: Any, settings: ModelSettings, max_length: int, *, eos_id: int, bos: list[int]) -> None:
        self.tokenizer = tokenizer
        self.name = settings.name
        self.max_length = max_length
        self.eos_id = eos_id
        self.pad_id: int = eos_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        self.stops = frozenset([eos_id])
        """Ids that end an answer."""
        self.bos = bos
        self.chat = bool(settings.chat and getattr(tokenizer, "chat_template", None))
        self._template = settings.prompt

    @property
    def question_format(self) -> str:
        """How a question is put to the model: `chat template`, or the text of `model.prompt`."""
        return "chat template" if self.chat else self._template

    @property
    def lost_template(self) -> str | None:
        """A token of the tokenizer that begins the turns of a chat, where there is no template to write them."""
        if getattr(self.tokenizer, "chat_template", None):
            return None
        vocabulary = self.tokenizer.get_vocab()
        return next((mark for mark in TURNS if mark in vocabulary), None)

    @property
    def longest_prompt(self) -> int:
        """Most tokens of a question: one of the answer must fit after it."""
        return self.max_length - 1

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of plain texts, without special tokens of our own."""
        if not texts:
            return []
        ids: list[list[int]] = self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of some token ids, special tokens left out."""
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    def documents(self, texts: Sequence[str]) -> list[list[Example]]:
        """Each text as one row, or as several where it is longer than `max_length`; loss on every token but BOS."""
        room = self.max_length - len(self.bos)
        return [[self._document(part) for part in parts] for parts in self.parts(texts, room)]

    def document(self, text: str) -> list[Example]:
        """`documents` for one text."""
        return self.documents([text])[0]

    def parts(self, texts: Sequence[str], room: int) -> list[list[list[int]]]:
        """Token ids of each text, in parts of at most `room` tokens where it is longer than that."""
        return [
            [ids] if len(ids) <= room else self._split(text, room)
            for text, ids in zip(texts, self.encode(texts), strict=True)
        ]

    def _document(self, ids: list[int]) -> Example:
        return self.pair(self.bos, ids)

    def _split(self, text: str, room: int) -> list[list[int]]:
        """Cuts a long text into parts of at most `room` tokens; the parts joined are the text's own tokens."""
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        ids, starts = encoded["input_ids"], [start for start, _ in encoded["offset_mapping"]]
        breaks = [{match.end() for match in pattern.finditer(text)} for pattern in _BREAKS]
        # A byte-level token carries the space before its word, so it may also start one character early.
        soft = [positions | {p - 1 for p in positions} for positions in breaks]
        parts, begin = [], 0
        while len(ids) - begin > room:
            window = range(begin + room, begin + room // 2, -1)
            cut = next((i for positions in soft for i in window if starts[i] in positions), begin + room)
            parts.append(ids[begin:cut])
            begin = cut
        return [*parts, ids[begin:]]

    def _prompt_texts(self, pairs: Sequence[tuple[str, str]], shots: Sequence[Shots] | None) -> list[str]:
        before = shots or [()] * len(pairs)
        return [self._prompt_text(prompt, told) for (prompt, _), told in zip(pairs, before, strict=True)]

    def _prompt_text(self, prompt: str, shots: Shots = ()) -> str:
        if not self.chat:
            before = "".join(
                f"{self._template.replace('{prompt}', question)} {answer}\n\n" for question, answer in shots
            )
            return before + self._template.replace("{prompt}", prompt)
        told = [(("user", question), ("assistant", answer)) for question, answer in shots]
        turns = [{"role": role, "content": text} for pair in told for role, text in pair]
        turns.append({"role": "user", "content": prompt})
        text: str = self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        return text

    def _start(self) -> list[int]:
        return [] if self.chat else self.bos  # a chat template writes its own BOS

    def prompt(self, prompt: str, *, completion: bool = False, shots: Shots = ()) -> list[int]:
        """Token ids of a question as it is put to the model, ending where the answer starts.

        Args:
            completion: it is the beginning of a text to go on with, and is put as it is.
            shots: questions with their answers that come before it.
        """
        return self.prompts([Request(kind="generate", prompt=prompt, completion=completion, shots=tuple(shots))])[0]

    def prompts(self, requests: Sequence[Request]) -> list[list[int]]:
        """`prompt` of each request, encoded together."""
        heads = self.encode([self.request_text(request) for request in requests])
        return [self._before(request) + head for request, head in zip(requests, heads, strict=True)]

    def drafts(self, requests: Sequence[Request], prompts: Sequence[Sequence[int]]) -> list[list[list[int]]]:
        """Token ids of each request's drafts, as they stand after its prompt; without EOS.

        Args:
            prompts: token ids of the requests' prompts.
        """
        pairs = [(i, draft) for i, request in enumerate(requests) for draft in request.drafts]
        heads = [list(prompts[i][len(self._before(requests[i])) :]) for i, _ in pairs]
        texts = [self.request_text(requests[i]) for i, _ in pairs]
        found: list[list[list[int]]] = [[] for _ in requests]
        for (i, _), ids in zip(pairs, self._after(heads, texts, [draft for _, draft in pairs]), strict=True):
            found[i].append(ids)
        return found

    def request_text(self, request: Request) -> str:
        """A question as it is put to the model; a BOS is not part of it, unless a chat template writes one."""
        return request.prompt.rstrip() if request.completion else self._prompt_text(request.prompt, request.shots)

    def _before(self, request: Request) -> list[int]:
        return self.bos if request.completion else self._start()

    def _after(self, heads: Sequence[list[int]], texts: Sequence[str], answers: Sequence[str]) -> list[list[int]]:
        """Token ids of each answer after its text; `heads` are those of the texts."""
        glue = "" if self.chat else " "
        whole = self.encode([text + glue + answer for text, answer in zip(texts, answers, strict=True)])
        return [
            # Where the tokenizer merges across the boundary, the answer is encoded on its own.
            ids[len(head) :] if ids[: len(head)] == head else self.encode([glue + answer])[0]
            for head, ids, answer in zip(heads, whole, answers, strict=True)
        ]

    def around(self, request: str, separator: str) -> tuple[list[int], list[int]]:
        """Token ids before a passage that another text is to follow, and those between the two.

        Args:
            request: what the user's turn says after the passage; only a chat template has turns.
            separator: what stands before the text that follows; after a chat template, which separates by itself, without
                the white space it begins with.
        """
        if not self.chat:
            return list(self.bos), self.encode([separator])[0]
        before, _, after = self._prompt_text(PASSAGE + request).partition(PASSAGE)
        first, second = self.encode([before, after + separator.lstrip()])
        return first, second

    def pair(self, context: Sequence[int], target: Sequence[int]) -> Example:
        """Context and target as one row, loss on the target."""
        ids = np.asarray([*context, *target], dtype=np.int32)
        labels = ids.copy()
        labels[: max(1, len(context))] = IGNORE  # nothing predicts the first token of a row
        return Example(ids, labels)

    def questions(
        self, pairs: Sequence[tuple[str, str]], *, eos: bool = True, shots: Sequence[Shots] | None = None
    ) -> Sequence[Example]:
        """Question and answer as one row each, loss on the answer (and EOS).

        Args:
            shots: what comes before each question; by default nothing.

        Raises:
            KinjError: a row is longer than `max_length`; questions are never cut.
        """
        texts = self._prompt_texts(pairs, shots)
        heads = self.encode(texts)
        rows = []
        for head, ids, (prompt, _) in zip(
            heads, self._after(heads, texts, [answer for _, answer in pairs]), pairs, strict=True
        ):
            row = self.pair(self._start() + head, ids + ([self.eos_id] if eos else []))
            if len(row) > self.max_length:
                raise KinjError(
                    f"a question with its answer is {len(row):,} tokens long, the model reads {self.max_length:,}: {prompt[:80]!r}",
                    "shorten it, or take a model with a longer context; questions are never cut",
                )
            rows.append(row)
        return rows

    def question(self, prompt: str, answer: str, *, eos: bool = True) -> Example:
        """`questions` for one pair."""
        return self.questions([(prompt, answer)], eos=eos)[0]

    def continuations(self, pairs: Sequence[tuple[str, str]]) -> Sequence[Example]:
        """The beginning of a text and what goes on from it after a space, as one row each, loss on the second.

        Raises:
            KinjError: a row is longer than `max_length`.
        """
        heads = self.encode([text.rstrip() for text, _ in pairs])
        whole = self.encode([f"{text.rstrip()} {more}" for text, more in pairs])
        rows = []
        for head, ids, (text, more) in zip(heads, whole, pairs, strict=True):
            # Where the tokenizer merges across the boundary, what goes on is encoded on its own.
            rest = ids[len(head) :] if ids[: len(head)] == head else self.encode([f" {more}"])[0]
            rows.append(self.pair(self.bos + head, rest))
            if len(rows[-1]) > self.max_length:
                raise KinjError(
                    f"a text to go on from is {len(rows[-1]):,} tokens long, the model reads {self.max_length:,}: {text[:80]!r}",
                    "shorten it, or take a model with a longer context; it is never cut",
                )
        return rows
