"""How close an answer is to the accepted ones. Each score lies in [0, 1]; of several accepted answers the best counts.

Sources: exact match and token F1 as in the official scorers (`kinj.eval.normalizers`); ROUGE-L from Lin (2004, "ROUGE: A
Package for Automatic Evaluation of Summaries", section 3); the length of the longest common subsequence in the bit-parallel
way of Hyyrö (2004, "Bit-Parallel LCS-length Computation Revisited").
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import regex

from kinj.eval.normalizers import NORMALIZERS

SCORES = ("exact_match", "f1", "contains", "rouge_l_recall")
"""What is reported of every answer, in this order."""
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")


def final_answer(text: str) -> str:
    """What is scored of a generated text: its first line that is not empty."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


class Scorer:
    """Scores answers, and counts those of which the normalizer leaves nothing.

    Attributes:
        empty: so far, predictions of which nothing is left, and questions of whose `answers` nothing is left ("The The", "?!").
    """

    def __init__(self, normalizer: str = "squad") -> None:
        self.normalizer, self.rule = normalizer, NORMALIZERS[normalizer]
        self.empty = {"predictions": 0, "answers": 0}

    def __call__(self, prediction: str, answers: Sequence[str]) -> dict[str, float]:
        """The scores of `SCORES` of an answer, all of which counts.

        Raises:
            ValueError: there are no accepted answers, and the normalizer has no refusals.
        """
        text, accepted = self.rule.apply(prediction), self.rule.accepted(answers)
        self.empty["predictions"] += not text
        self.empty["answers"] += bool(answers) and not any(accepted)
        match = float(text in accepted)
        return {
            "exact_match": match,
            "f1": 1.0 if match and text else _best_f1(text, accepted, self.rule.refusals),
            "contains": match or float(any(_stands_in(answer, text) for answer in accepted)),
            "rouge_l_recall": rouge_l_recall(prediction, answers),
        }

    def notices(self, probe: str) -> list[str]:
        """What the user must be told about texts of which nothing is left."""
        told = {
            "predictions": f"nothing is left of {self.empty['predictions']:,} answers given",
            "answers": f"nothing is left of any accepted answer to {self.empty['answers']:,} questions, so that only an empty "
            "answer matches",
        }
        after = f"{probe}: once normalised ({self.normalizer}),"
        return [f"{after} {text}" for name, text in told.items() if self.empty[name]]


def score(prediction: str, answers: Sequence[str], normalizer: str = "squad") -> dict[str, float]:
    """The scores of `SCORES` of one answer, all of which counts; errors as in `Scorer`."""
    return Scorer(normalizer)(prediction, answers)


def score_all(text: str, answers: Sequence[str], normalizer: str = "squad") -> dict[str, float]:
    """The scores of a generated text, of which only the first line counts."""
    return score(final_answer(text), answers, normalizer)


def exact_match(prediction: str, answers: Sequence[str], normalizer: str = "squad") -> float:
    """1 where the normalised texts are equal."""
    rule = NORMALIZERS[normalizer]
    return float(rule.apply(prediction) in rule.accepted(answers))


def token_f1(prediction: str, answers: Sequence[str], normalizer: str = "squad") -> float:
    """Harmonic mean of precision and recall over the words, each counted as often as it stands."""
    rule = NORMALIZERS[normalizer]
    return _best_f1(rule.apply(prediction), rule.accepted(answers), rule.refusals)


def contains(prediction: str, answers: Sequence[str], normalizer: str = "squad") -> float:
    """1 where an answer stands in the prediction, not inside a longer word; an empty one only in an empty prediction."""
    rule = NORMALIZERS[normalizer]
    text = rule.apply(prediction)
    return float(any(_stands_in(answer, text) for answer in rule.accepted(answers)))


def prefix_match(prediction: str, answers: Sequence[str], normalizer: str = "squad") -> float:
    """1 where the prediction begins with an answer and goes on, if it does, with another word."""
    rule = NORMALIZERS[normalizer]
    text = rule.apply(prediction)
    return float(any(_begins(text, answer) for answer in rule.accepted(answers)))


def rouge_l_recall(prediction: str, answers: Sequence[str]) -> float:
    """Length of the longest common subsequence of words, as a share of the answer's words.

    Words are runs of letters and digits in lower case, not stemmed, whatever the normalizer. An answer without words
    (and a question without answers) asks for a prediction without words.
    """
    words, others = _rouge_words(prediction), [_rouge_words(answer) for answer in answers] or [[]]
    return max(_common(words, other) / len(other) if other else float(not words) for other in others)


def rouge_l_f(prediction: str, answers: Sequence[str]) -> float:
    """Harmonic mean of ROUGE-L recall and precision (the same length as a share of the prediction's words)."""
    words, others = _rouge_words(prediction), [_rouge_words(answer) for answer in answers] or [[]]
    return max(2 * _common(words, other) / (len(words) + len(other)) if words or other else 1.0 for other in others)


def _best_f1(text: str, accepted: Sequence[str], refusals: bool) -> float:
    words = text.split()
    return max(
        _f1(words, answer.split()) if words and answer else float(refusals and text == answer) for answer in accepted
    )


def _f1(left: list[str], right: list[str]) -> float:
    shared = sum(min(left.count(word), right.count(word)) for word in set(left) & set(right))
    return 2 * shared / (len(left) + len(right))


def _stands_in(answer: str, text: str) -> bool:
    """Whether the answer stands in the text with word ends on both sides."""
    if not answer:
        return not text
    start = text.find(answer)
    while start >= 0:
        if not _word_at(text, start - 1) and not _word_at(text, start + len(answer)):
            return True
        start = text.find(answer, start + 1)
    return False


def _begins(text: str, answer: str) -> bool:
    """Whether the text begins with the answer and a word ends there."""
    return text.startswith(answer) and not _word_at(text, len(answer)) if answer else not text


def _word_at(text: str, place: int) -> bool:
    """Whether part of a word stands there: a letter, a mark on one, a digit or an underscore."""
    if not 0 <= place < len(text):
        return False
    character = text[place]
    return character.isalnum() or character == "_" or unicodedata.category(character).startswith("M")


def _rouge_words(text: str) -> list[str]:
    composed = text if text.isascii() else unicodedata.normalize("NFC", text)
    found: list[str] = _WORD.findall(composed.lower())
    return found


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    """Length of the longest common subsequence. Bit i of `row` is 0 where one more word fits at word i of `right`."""
    places: dict[str, int] = {}
    for place, word in enumerate(right):
        places[word] = places.get(word, 0) | 1 << place
    everything = (1 << len(right)) - 1
    row = everything
    for word in left:
        if word in places:
            matches = row & places[word]
            row = (row + matches | row - matches) & everything
    return len(right) - row.bit_count()
