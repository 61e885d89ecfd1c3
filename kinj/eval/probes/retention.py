"""What the model knew before: facts, multiple choice, texts, and what it believed where nothing is given to test it with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kinj.config.schema import DataSettings
from kinj.data.biographies import data_set
from kinj.data.records import Document, Question
from kinj.data.retention import QUESTIONS, TEXTS
from kinj.eval.asking import (
    NotMeasuredError,
    QuestionProbe,
    generated,
    generation,
    limited,
    only_questions,
    pool_questions,
    run_settings,
    score_measures,
)
from kinj.eval.base import Context, Measure
from kinj.eval.choices import choice_measures, choice_requests
from kinj.eval.comparing import forgotten
from kinj.eval.sampled import sampled_measures
from kinj.models.loading import LanguageModel
from kinj.models.requests import Request, Response

POOLS = ("known_replayed", "known_unreplayed")
SHIPPED = ("tiny", "tiny-plain")
"""Models that were pre-trained on population A."""
PASSAGE = 2000
"""Characters of a passage: long texts are scored in passages, which are the units of the interval."""


SAMPLED = 4096
"""Tokens drawn from the start model by default, in passages of 128: an interval over 32 of them."""


class Retention(QuestionProbe):
    """Exact match on facts of population A that were, and were not, part of the replay; multiple choice; perplexity of texts; and
    what of the start model's beliefs is left on text drawn from it.

    Replayed and not replayed facts are never added up: replay keeps what it repeats, and the question is what else is lost.
    Beside another model, `NAME_forgotten` is the share of the questions right before that are wrong now.
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
        requests += [request for question in _choices(context) for request in choice_requests(question)]
        requests += _texts(context)
        if not requests:
            raise NotMeasuredError(
                f"data={context.data.name} has nothing that was known before, and the model is not one that kinj ships; pass "
                "data.retention.questions=[FILE] (multiple choice) or data.retention.texts=[FILE] (perplexity). A run, and a "
                "model beside another one (--compare), need neither"
            )
        return requests

    def measures(self, responses: Sequence[Response]) -> list[Measure]:
        answers = generated(responses)
        known = [
            m
            for pool in POOLS
            for m in score_measures(pool, [r for r in answers if r.request.meta["pool"] == pool])[:2]
        ]
        texts = [response for response in responses if response.request.kind == "rolling"]
        return [*known, *choice_measures(responses), *_perplexities(texts)]

    def summarise(self, responses: Sequence[Response], baseline: Sequence[Response] | None = None) -> list[Measure]:
        """The measures; their changes since `baseline`, and what was forgotten."""
        found = super().summarise(responses, baseline)
        if not baseline:
            return found
        before = {measure.name: measure for measure in self.measures(baseline)}
        asked = [measure for measure in found if measure.items and "/" not in measure.name]
        return [*found, *(lost for measure in asked for lost in forgotten(measure, before[measure.name]))]

    def measure(self, language_model: LanguageModel, context: Context) -> list[Measure]:
        """On text drawn from the start model. Raises NotMeasuredError where that cannot be compared with this one."""
        chosen = context.settings.eval.retention.sampled_tokens
        return sampled_measures(
            language_model, context, SAMPLED if chosen is None and not _shipped(context) else chosen or 0
        )


def _known(context: Context) -> dict[str, list[Question]]:
    """Questions about population A by measure.

    Where the data set is not about generated people, they are asked of the shipped models and of runs that started from one:
    what those knew is known. Unless the run was about generated people, none of A was replayed.
    """
    if any(pool in context.data.pools for pool in POOLS):
        return {pool: pool_questions(context, pool) for pool in POOLS if pool in context.data.pools}
    if not _shipped(context):
        return {}
    base = replace(context, data=data_set(DataSettings()))
    asked = {pool: pool_questions(base, pool) for pool in POOLS}
    return (
        asked
        if run_settings(context).data.name == "biographies"
        else {POOLS[1]: [q for pool in POOLS for q in asked[pool]]}
    )


def _shipped(context: Context) -> bool:
    """Whether the model is, or began as, one of those whose knowledge is known."""
    return run_settings(context).model.name in SHIPPED


def _choices(context: Context) -> list[Question]:
    """Multiple-choice questions, as many of each file as `eval.limit` leaves."""
    asked = only_questions(context.data.pool(QUESTIONS)) if QUESTIONS in context.data.pools else []
    by_file = {question.kind: [q for q in asked if q.kind == question.kind] for question in asked}
    return [question for found in by_file.values() for question in limited(found, context.settings)]


def _texts(context: Context) -> list[Request]:
    """The passages of each file of texts, as many of each as `eval.limit` leaves; how many are left out is said."""
    pools, other = context.data.pools, "documents" if context.data.name == "text" else None
    pool = next((name for name in (TEXTS, "text", other) if name in pools), None)
    texts = [record for record in context.data.pool(pool) if isinstance(record, Document)] if pool else []
    by_file: dict[str, list[Request]] = {}
    for document in texts:
        file = str(document.meta.get("file", "text"))
        for number, passage in enumerate(passages(document.text)):
            request = Request(kind="rolling", prompt=passage, id=f"{document.id}/{number}", meta={"file": file})
            by_file.setdefault(file, []).append(request)
    total = sum(map(len, by_file.values()))
    kept = [request for found in by_file.values() for request in limited(found, context.settings)]
    if len(kept) < total:
        context.notices.append(f"retention: perplexity of {len(kept):,} of {total:,} passages (eval.limit)")
    return kept


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


def _perplexities(responses: Sequence[Response]) -> list[Measure]:
    """Of all texts, and of each file where there are several."""
    scored = [response for response in responses if response.tokens]
    files = list(dict.fromkeys(response.request.meta["file"] for response in scored))
    parts = {f"perplexity/{file}": [r for r in scored if r.request.meta["file"] == file] for file in files}
    return [
        *_perplexity("perplexity", scored),
        *(m for name, part in parts.items() if len(files) > 1 for m in _perplexity(name, part)),
    ]


def _perplexity(name: str, scored: Sequence[Response]) -> list[Measure]:
    if not scored:
        return []
    # One value per token, so that long passages weigh more; tokens of a passage are one cluster.
    losses = [-r.logprob / r.tokens for r in scored for _ in range(r.tokens)]
    clusters = [r.request.id for r in scored for _ in range(r.tokens)]
    note = "per token of this model's own tokenizer: not comparable between tokenizers"
    return [
        Measure(
            name=name,
            unit="perplexity",
            direction=-1,
            values=losses,
            clusters=clusters,
            note=note,
            aggregate="perplexity",
        )
    ]
