"""Questions about a text with their answers (method card: docs/methods/qa.md)."""

from __future__ import annotations

from typing import Any

from kinj.augment.written.replies import Unusable, from_json
from kinj.augment.written.rewriting import Rewriting
from kinj.config.prompts import load_prompts
from kinj.config.schema import AugmentSettings
from kinj.data.records import Document

PLACES = ("document", "title", "pairs")
Pair = tuple[str, str]
"""A question and its answer."""


def build(settings: AugmentSettings, seed: int) -> QuestionsAnswers:
    """The method as the settings ask for it.

    Raises:
        UsageError: a prompt file that cannot be used.
    """
    prompts = load_prompts("qa", settings.qa.prompt, {"ask": PLACES})
    return QuestionsAnswers("qa", prompts, [[("", {"pairs": str(settings.qa.pairs)})]], seed)


class QuestionsAnswers(Rewriting):
    """Each view is a text of questions and answers; its meta holds them as question records."""

    def check(self, reply: str) -> list[Pair]:
        """The pairs in the reply's JSON list, each question once."""
        found = from_json(reply)
        if not isinstance(found, list):
            raise Unusable("is not a list of questions")
        pairs = dict(filter(None, map(_pair, found)))
        if not pairs:
            raise Unusable("holds no questions with answers")
        return list(pairs.items())

    def text(self, answer: list[Pair]) -> str:
        """As questions are put to a model without a chat template (`model.prompt`)."""
        return "\n\n".join(f"Question: {question}\nAnswer: {reply}" for question, reply in answer)

    def view(self, document: Document, method: str, index: int, answer: list[Pair]) -> Document:
        """The view; its meta `qa` holds the pairs as question records."""
        view = super().view(document, method, index, answer)
        view.meta["qa"] = [
            {
                "id": f"{view.id}.{number}",
                "document": document.origin,
                "prompt": question,
                "answers": [reply],
                "kind": "written",
            }
            for number, (question, reply) in enumerate(answer, start=1)
        ]
        return view


def _pair(item: Any) -> Pair | None:
    question, answer = (item.get("question"), item.get("answer")) if isinstance(item, dict) else (None, None)
    if isinstance(answer, int | float) and not isinstance(answer, bool):
        answer = str(answer)
    if not (isinstance(question, str) and question.strip() and isinstance(answer, str) and answer.strip()):
        return None
    return " ".join(question.split()), " ".join(answer.split())
