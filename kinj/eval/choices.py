"""Multiple choice by log-probability: the full text of each choice after the question, and its letter after all of them.

The text is the headline, divided by its characters (`acc_norm` of lm-evaluation-harness): it needs no convention. A letter is
only chosen well by a model that knows what lettered choices are; a small one puts the same letter first whatever is asked, before
and after, and one that training made forget the convention looks as if it had lost the knowledge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kinj.data.records import Question
from kinj.eval.asking import question_of
from kinj.eval.base import Measure
from kinj.eval.ranking import ranked_beside_chance, ranking_requests, rankings
from kinj.models.requests import Request, Response

LETTER = "letter"
"""Marks the question that lists its choices (`meta.asks`)."""


def choice_requests(question: Question) -> list[Request]:
    """What ranks the choices of a question that `kinj.data.choices` has read: their texts, and their letters."""
    labels, right = question.meta["labels"], question.meta["labels"].index(question.meta["label"])
    choices = question.choices or []
    listed = "\n".join([question.prompt, *(f"{label}. {text}" for label, text in zip(labels, choices, strict=True))])
    lettered = replace(
        question,
        id=f"{question.id}/{LETTER}",
        prompt=listed,
        answers=[labels[right]],
        choices=labels,
        meta=question.meta | {"asks": LETTER},
    )
    return [
        *ranking_requests(question, _first(choices, right)),
        *ranking_requests(lettered, _first(labels, right), neutral=False),
    ]


def _first(candidates: Sequence[str], right: int) -> list[str]:
    """The right one and then the others, as rankings want them."""
    return [candidates[right], *candidates[:right], *candidates[right + 1 :]]


def choice_measures(responses: Sequence[Response]) -> list[Measure]:
    """`choices` (by text, per character), `choices_letter`, the other rankings of the texts, and `choices` by file."""
    asked = {key: found for key, found in rankings(responses).items() if "labels" in question_of(found.first).meta}
    letters = {key: found for key, found in asked.items() if question_of(found.first).meta.get("asks") == LETTER}
    texts = {key: found for key, found in asked.items() if key not in letters}
    files = list(dict.fromkeys(question_of(found.first).kind for found in texts.values()))
    by_file = {file: {k: r for k, r in texts.items() if question_of(r.first).kind == file} for file in files}
    return [
        *ranked_beside_chance("choices", texts, lambda found: found.per_character, "text of the choice, per character"),
        *ranked_beside_chance("choices_letter", letters, lambda found: found.raw, "letter, after all choices"),
        *ranked_beside_chance("choices/raw", texts, lambda found: found.raw, "summed log-probability of the text"),
        *ranked_beside_chance(
            "choices/pmi", texts, lambda found: found.corrected, "minus that under a neutral premise"
        ),
        *ranked_beside_chance("choices/no_question", texts, lambda found: found.neutral, "neutral premise alone"),
        *(
            measure
            for file, found in by_file.items()
            if len(files) > 1
            for measure in ranked_beside_chance(
                f"choices/{file}", found, lambda one: one.per_character, "per character"
            )
        ),
    ]
