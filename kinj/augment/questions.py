"""Questions in many formats: the same words asked, the same answers (the instruction-tuning half of method 01)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from kinj.augment.chain import Chain
from kinj.augment.checks import Checks
from kinj.augment.engine import Engine, Made
from kinj.augment.report import AugmentReport
from kinj.config.errors import UsageError
from kinj.config.schema import AugmentSettings
from kinj.data.records import Document, Question, Record

UNFINISHED = "prompts to be continued, which no format may close"
"""Why a question has no views."""
QUESTION_HINT = "a question keeps its answers where the words stay as they are: --method formatting"

_log = logging.getLogger(__name__)


def augment_questions(
    questions: Iterable[Question], settings: AugmentSettings, seed: int, report: AugmentReport | None = None
) -> Iterator[Question]:
    """Every question, each followed by its views, method after method.

    Args:
        report: filled on the way. Without one, what could not be made is logged as a warning.

    Raises:
        UsageError: a method that does not preserve content: the answers would not fit what it writes.
        KinjError: a view fails its check under `augment.audit.policy=fail`.
    """
    engine = Engine(settings, seed)
    checks = Checks(settings.audit, AugmentReport() if report is None else report)
    method = documents_only(engine.chains)
    for question in questions:
        if method:
            raise UsageError(f"{question.id} is a question, and {method} writes views of documents only", QUESTION_HINT)
        yield question
        yield from question_views(question, engine, checks)
    if report is None and (checks.report.shortfall or checks.report.failed or checks.report.skipped[UNFINISHED]):
        _log.warning("%s", "; ".join(checks.report.lines()))


def documents_only(chains: Sequence[Chain]) -> str:
    """Name of the first that can do nothing with questions: their answers would not fit what it writes. Empty: all can."""
    return next((chain.name for chain in chains if chain.preserves != "content"), "")


def text_of(record: Record) -> str:
    """What views are made of: the text of a document, the prompt of a question."""
    return record.text if isinstance(record, Document) else record.prompt


def views_of(record: Record, engine: Engine, checks: Checks, made: Made | None = None) -> Sequence[Record]:
    """The views of a record that stay; see `Engine.views`.

    Raises:
        KinjError: something changed in a view and the policy is `fail`.
    """
    if isinstance(record, Question):
        return question_views(record, engine, checks)
    return engine.views(record, checks, made)


def question_views(question: Question, engine: Engine, checks: Checks) -> list[Question]:
    """Views of a question: prompts with the same words in other shapes, checked as the views of documents are.

    Answers, choices and everything else are carried; the id is `ID#METHOD.INDEX`. A prompt that is to be continued
    (`meta.form: completion`) has no views. The methods must be such that `documents_only` names none.

    Raises:
        KinjError: something changed in a view and the policy is `fail`.
    """
    report = checks.report
    report.questions += 1
    if question.meta.get("form") == "completion":
        report.skipped[UNFINISHED] += 1
        return []
    prompt = Document(id=question.id, text=question.prompt, source=question.source)
    views = engine.views(prompt, checks)
    report.documents -= 1  # as which the engine counted the prompt
    return [replace(question, id=view.id, prompt=view.text, source=view.source, view=view.view) for view in views]
