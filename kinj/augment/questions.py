"""Questions in many formats: the same words asked, the same answers (the instruction-tuning half of method 01)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace

from kinj.augment.checks import Checks
from kinj.augment.engine import Engine
from kinj.augment.report import AugmentReport
from kinj.config.errors import UsageError
from kinj.config.schema import AugmentSettings
from kinj.data.records import Document, Question

UNFINISHED = "prompts to be continued, which no format may close"
"""Why a question has no views."""

_log = logging.getLogger(__name__)


def augment_questions(
    questions: Iterable[Question], settings: AugmentSettings, seed: int, report: AugmentReport | None = None
) -> Iterator[Question]:
    """Every question, each followed by its views, method after method.

    Args:
        report: filled on the way; its documents are questions. Without one, what could not be made is logged as a warning.

    Raises:
        UsageError: a method that does not preserve content: the answers would not fit what it writes.
        KinjError: a view fails its check under `augment.audit.policy=fail`.
    """
    engine = Engine(settings, seed)
    checks = Checks(settings.audit, AugmentReport() if report is None else report)
    for question in questions:
        yield from question_views(question, engine, checks)
    if report is None and (checks.report.shortfall or checks.report.failed or checks.report.skipped[UNFINISHED]):
        _log.warning("%s", "; ".join(checks.report.lines()))


def question_views(question: Question, engine: Engine, checks: Checks) -> list[Question]:
    """A question and its views: prompts with the same words in other shapes, checked as the views of documents are.

    Answers, choices and everything else are carried; the id is `ID#METHOD.INDEX`. A prompt that is to be continued
    (`meta.form: completion`) has no views.

    Raises:
        UsageError: a method that does not preserve content.
    """
    for chain in engine.chains:
        if chain.preserves != "content":
            raise UsageError(
                f"{chain.name} writes views of documents, and {question.id} is a question",
                "questions keep their answers only where the words stay as they are: augment.method=[formatting]",
            )
    if question.meta.get("form") == "completion":
        checks.report.documents += 1
        checks.report.skipped[UNFINISHED] += 1
        return [question]
    prompt = Document(id=question.id, text=question.prompt, source=question.source)
    views = engine.views(prompt, checks)
    return [
        question,
        *(replace(question, id=view.id, prompt=view.text, source=view.source, view=view.view) for view in views),
    ]
