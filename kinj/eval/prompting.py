"""Questions put after examples (few-shot), or after the document that they are about (open book)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kinj.data.records import Document, Question
from kinj.data.rng import stable_rng
from kinj.eval.asking import NotMeasuredError, QuestionProbe, only_questions
from kinj.eval.base import Context, Measure
from kinj.models.requests import Request, Response

OTHERS = ("train_questions", "dev_questions", "questions")
"""Pools that examples are taken from: the first that has enough questions about documents that are not asked about."""


class Prompted:
    """A probe with something before each of its questions, under a name of its own: `qa-4-shot`, `qa-open-book`.

    The examples (`eval.shots`) are the same for all questions. Open book is the ceiling of what a model does with what it reads,
    and not knowledge, so its measures too have other names (`open_book_exact_match`). Questions that are too long with their
    document are counted and left out, as everywhere.
    """

    def __init__(self, probe: QuestionProbe, shots: int, *, open_book: bool) -> None:
        self.probe, self.shots, self.open_book = probe, shots, open_book
        self.name = probe.name + "-open-book" * open_book + (f"-{shots}-shot" if shots else "")

    def requests(self, context: Context) -> list[Request]:
        """Those of the probe.

        Raises:
            NotMeasuredError: as the probe; there are too few questions for examples; there are no documents.
        """
        requests = self.probe.requests(context)
        texts = _documents(context) if self.open_book else None
        if texts is not None:
            requests = self._with_documents(requests, texts, context)
        return self._with_shots(requests, texts, context) if self.shots else requests

    def summarise(self, responses: Sequence[Response], baseline: Sequence[Response] | None = None) -> list[Measure]:
        """The measures of the probe, and their changes since `baseline`."""
        found = self.probe.summarise(responses, baseline)
        parts = ["the document at hand"] * self.open_book + [f"after {self.shots} examples"] * bool(self.shots)
        return [
            replace(
                measure,
                name=f"open_book_{measure.name}" if self.open_book else measure.name,
                note="; ".join([*parts, *([measure.note] if measure.note else [])]),
            )
            for measure in found
        ]

    def _with_documents(self, requests: list[Request], texts: dict[str, str], context: Context) -> list[Request]:
        kept = [request for request in requests if _question(request).document in texts]
        asked, left = ({_question(request).id for request in found} for found in (requests, kept))
        if not kept:
            raise NotMeasuredError(
                f"no question names a document of data={context.data.name}, so there is no book to open"
            )
        if len(left) < len(asked):
            context.notices.append(
                f"{self.name}: {len(asked) - len(left):,} of {len(asked):,} questions are left out: no document that is here is "
                "named by them"
            )
        return [replace(request, prompt=_after(texts, _question(request), request.prompt)) for request in kept]

    def _with_shots(self, requests: list[Request], texts: dict[str, str] | None, context: Context) -> list[Request]:
        asked = list({_question(request).id: _question(request) for request in requests}.values())
        examples = _examples(context, asked, self.shots, texts)
        used = {example.id for example in examples} | {example.document for example in examples if example.document}
        kept = [request for request in requests if not {_question(request).id, _question(request).document} & used]
        left = len({_question(request).id for request in kept})
        if not left:
            raise NotMeasuredError(
                f"with eval.shots={self.shots} no question is left about a document without an example"
            )
        if left < len(asked):
            context.notices.append(
                f"{self.name}: {len(asked) - left:,} of {len(asked):,} questions are left out: they are about the documents of the "
                "examples (data.questions with more than eval.limit questions leaves some for examples)"
            )
        if any(request.completion for request in kept):
            context.notices.append(f"{self.name}: texts to go on with (form: completion) have no examples before them")
        shots = tuple(
            (_after(texts, example, example.prompt) if texts else example.prompt, example.answers[0])
            for example in examples
        )
        return [request if request.completion else replace(request, shots=shots) for request in kept]


def _question(request: Request) -> Question:
    question: Question = request.meta["question"]
    return question


def _documents(context: Context) -> dict[str, str]:
    """The originals by id."""
    if "documents" not in context.data.pools:
        raise NotMeasuredError(
            f"data={context.data.name} has no documents to put before the questions; pass data.documents=[FILE]"
        )
    pool = [record for record in context.data.pool("documents") if isinstance(record, Document)]
    return {document.id: document.text for document in pool if document.source is None}


def _after(texts: dict[str, str], question: Question, prompt: str) -> str:
    return f"{texts[str(question.document)]}\n\n{prompt}"


def _examples(context: Context, asked: Sequence[Question], count: int, texts: dict[str, str] | None) -> list[Question]:
    """Examples about different documents: about none that is asked about, where there are enough such questions.

    Raises:
        NotMeasuredError: there are too few questions at all.
    """
    questions, documents = {question.id for question in asked}, {question.document for question in asked} - {None}
    for pool in OTHERS:
        found = only_questions(context.data.pool(pool)) if pool in context.data.pools else []
        spare = [q for q in found if q.id not in questions and q.document not in documents]
        if drawn := _draw(spare, count, texts):
            return drawn
    if drawn := _draw(asked, count, texts):
        return drawn
    raise NotMeasuredError(f"eval.shots={count} takes questions about so many documents besides those asked about")


def _draw(questions: Sequence[Question], count: int, texts: dict[str, str] | None) -> list[Question]:
    """One question of each of `count` documents; none where there are too few. The draw depends on nothing but the questions."""
    by_document: dict[str, list[Question]] = {}
    for question in questions:
        if question.meta.get("form") != "completion" and (texts is None or question.document in texts):
            by_document.setdefault(question.document or question.id, []).append(question)
    if len(by_document) < count:
        return []
    rng = stable_rng("probe", "shots", count)
    return [rng.choice(by_document[document]) for document in rng.sample(list(by_document), count)]
