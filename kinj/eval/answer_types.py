"""What kind of thing an answer is, and wrong answers of the same kind. Own rules on question word and answer shape."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from kinj.data.records import Question
from kinj.data.rng import stable_rng
from kinj.eval.normalizers import squad
from kinj.eval.scorers import contains

TYPES = ("yes_no", "year", "date", "number", "people", "person", "language", "genre", "place", "title", "other")

_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_YEAR = re.compile(r"^(in )?(1[5-9]|20)\d\d\.?$", re.IGNORECASE)
_DATE = re.compile(rf"\b({_MONTHS})\b[ ,]+\d|\d\s+({_MONTHS})\b", re.IGNORECASE)
_NUMBER = re.compile(
    r"^\W*((about|over|around|approximately|nearly) )?\W*\d+(?!\d*(st|nd|rd|th)\b)"
    r"|^(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b",
    re.IGNORECASE,
)
_MANY = re.compile(r"\bhow (many|much|long|old|far|large|big|tall)\b", re.IGNORECASE)
_PLACE = re.compile(
    r"\b(what|which) (city|cities|country|countries|town|state|place|region|location|village)\b", re.IGNORECASE
)
_LANGUAGE = re.compile(r"\blanguages?\b", re.IGNORECASE)
_GENRE = re.compile(r"\b(genre|(type|kind|sort) of (film|movie|series|show))\b", re.IGNORECASE)
_TITLE = re.compile(
    r"\b(title|song|novel|book|album|film festival|series|play|magazine|company|studio|called|name of)\b", re.IGNORECASE
)
_WHO = re.compile(r"\b(who|whose|whom)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_][\w.'’-]*")


def answer_type(question: str, answer: str) -> str:
    """One of `TYPES`; the shape of the answer decides first, then the question word."""
    if squad(answer) in ("yes", "no"):
        return "yes_no"
    if _YEAR.search(answer):
        return "year"
    if _DATE.search(answer):
        return "date"
    if _NUMBER.search(answer) or _MANY.search(question):
        return "number"
    if _WHO.search(question):
        return "people" if "," in answer or " and " in answer else "person"
    for name, pattern in (("language", _LANGUAGE), ("genre", _GENRE)):
        if pattern.search(question):
            return name
    if question.lower().startswith("where") or _PLACE.search(question):
        return "place"
    if question.lower().startswith("when"):
        return "date"
    return "title" if _TITLE.search(question) and _capitalised(answer) else "other"


def _capitalised(answer: str) -> bool:
    """Whether most words of the answer start with a capital."""
    words = _WORD.findall(answer)
    return bool(words) and sum(word[0].isupper() for word in words) > len(words) / 2


def _size(answer: str) -> int:
    """0 for one word, 1 for two or three, 2 for four to eight, 3 for more: long answers have low sums whatever they say."""
    return sum(len(answer.split()) >= bound for bound in (2, 4, 9))


def _clash(answer: str, accepted: Sequence[str]) -> bool:
    """Whether an answer could pass for an accepted one: equal to it, part of it or holding it."""
    return any(contains(answer, [other]) or contains(other, [answer]) for other in accepted)


def wrong_answers(questions: Sequence[Question], count: int) -> dict[str, list[str]]:
    """Up to `count` wrong answers for each question: accepted answers to questions about other documents.

    Of the same type and about the same length where there are enough, then of the same type, never of another type. Which
    ones depends on the question's id and on the set of answers, not on the order of the questions.

    Args:
        questions: all questions; their first answers are what is drawn from.
        count: wrong answers wanted.

    Returns:
        Wrong answers by question id; fewer than `count` where the type has no more.
    """
    by_type: defaultdict[str, dict[str, tuple[str, set[str]]]] = defaultdict(dict)
    for question in questions:
        answer = question.answers[0]
        entry = by_type[answer_type(question.prompt, answer)].setdefault(squad(answer), (answer, set()))
        entry[1].add(question.document or question.id)
    pools = {name: [pool[key] for key in sorted(pool)] for name, pool in by_type.items()}
    return {
        question.id: _draw(question, pools[answer_type(question.prompt, question.answers[0])], count)
        for question in questions
    }


def _draw(question: Question, pool: Sequence[tuple[str, set[str]]], count: int) -> list[str]:
    """Draws in random order, answers of about the same length first, and stops when there are enough."""
    order = list(pool)
    stable_rng("wiki2023", "wrong_answers", question.id).shuffle(order)
    order.sort(key=lambda item: abs(_size(item[0]) - _size(question.answers[0])))
    drawn: list[str] = []
    for answer, documents in order:
        elsewhere = documents - {question.document or question.id}
        if elsewhere and not _clash(answer, question.answers):
            drawn.append(answer)
            if len(drawn) == count:
                break
    return drawn
