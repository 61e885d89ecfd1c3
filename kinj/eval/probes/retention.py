"""What the model knew before: facts that were replayed, facts that were not, and the perplexity of a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kinj.config.schema import DataSettings
from kinj.data.biographies import data_set
from kinj.data.records import Document, Question
from kinj.eval.asking import (
    NotMeasuredError,
    QuestionProbe,
    generated,
    generation,
    pool_questions,
    run_settings,
    score_measures,
)
from kinj.eval.base import Context, Measure
from kinj.models.requests import Request, Response

POOLS = ("known_replayed", "known_unreplayed")
SHIPPED = ("tiny", "tiny-plain")
"""Models that were pre-trained on population A."""
PASSAGE = 2000
"""Characters of a passage: long texts are scored in passages, which are the units of the interval."""


class Retention(QuestionProbe):
    """Exact match on facts of population A that were, and were not, part of the replay; perplexity of the pool `text`.

    Replayed and not replayed facts are never added up: replay keeps what it repeats, and the question is what else is lost.
    """

    name = "retention"

    def questions(self, context: Context) -> list[Question]:
        return [question for asked in _known(context).values() for question in asked]

    def requests(self, context: Context) -> list[Request]:
        """Raises NotMeasuredError where there is nothing to measure."""
        requests = []
        for pool, asked in _known(context).items():
            for request in (generation(question, context.settings) for question in asked):
                request.meta["pool"] = pool
                requests.append(request)
        requests += [
            Request(kind="rolling", prompt=passage, id=f"{document.id}/{number}")
            for document in _texts(context)
            for number, passage in enumerate(passages(document.text))
        ]
        if not requests:
            raise NotMeasuredError(
                f"data={context.data.name} has nothing that was known before, and the model is not one that kinj ships; "
                "for the perplexity of a text: data=text data.path=FILE"
            )
        return requests

    def measures(self, responses: Sequence[Response]) -> list[Measure]:
        answers = generated(responses)
        known = [
            m
            for pool in POOLS
            for m in score_measures(pool, [r for r in answers if r.request.meta["pool"] == pool])[:2]
        ]
        return [*known, *_perplexity([response for response in responses if response.request.kind == "rolling"])]


def _known(context: Context) -> dict[str, list[Question]]:
    """Questions about population A by measure.

    Where the data set is not about generated people, they are asked of the shipped models and of runs that started from one:
    what those knew is known. Unless the run was about generated people, none of A was replayed.
    """
    if any(pool in context.data.pools for pool in POOLS):
        return {pool: pool_questions(context, pool) for pool in POOLS if pool in context.data.pools}
    settings = run_settings(context) if context.run else context.settings
    if settings.model.name not in SHIPPED:
        return {}
    base = replace(context, data=data_set(DataSettings()))
    asked = {pool: pool_questions(base, pool) for pool in POOLS}
    return asked if settings.data.name == "biographies" else {POOLS[1]: [q for pool in POOLS for q in asked[pool]]}


def _texts(context: Context) -> list[Document]:
    pool = "text" if "text" in context.data.pools else "documents" if context.data.name == "text" else None
    return [record for record in context.data.pool(pool) if isinstance(record, Document)] if pool else []


def passages(text: str) -> list[str]:
    """A text in passages of about `PASSAGE` characters, cut at line ends (inside a line only where it is longer than that)."""
    pieces: list[str] = []
    for line in text.splitlines(keepends=True):
        for start in range(0, len(line), PASSAGE):
            piece = line[start : start + PASSAGE]
            if pieces and len(pieces[-1]) + len(piece) <= PASSAGE:
                pieces[-1] += piece
            else:
                pieces.append(piece)
    return [piece for piece in pieces if piece.strip()]


def _perplexity(responses: Sequence[Response]) -> list[Measure]:
    scored = [response for response in responses if response.tokens]
    if not scored:
        return []
    # One value per token, so that long passages weigh more; tokens of a passage are one cluster.
    losses = [-r.logprob / r.tokens for r in scored for _ in range(r.tokens)]
    clusters = [r.request.id for r in scored for _ in range(r.tokens)]
    note = "per token of this model's own tokenizer: not comparable between tokenizers"
    return [
        Measure(
            name="perplexity",
            unit="perplexity",
            direction=-1,
            values=losses,
            clusters=clusters,
            note=note,
            aggregate="perplexity",
        )
    ]
