"""How close an answer is to the accepted ones. Each score lies in [0, 1]; of several accepted answers the best counts.

Sources: exact match and token F1 with their normalisation from SQuAD (Rajpurkar et al. 2016, arXiv 1606.05250, section 6.1);
ROUGE-L recall from Lin (2004, "ROUGE: A Package for Automatic Evaluation of Summaries", section 3).
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_WORD = re.compile(r"[^\W_]+")


def squad(text: str) -> str:
    """Lower case, without punctuation, without the words a, an, the, single spaces.

    SQuAD removes ASCII punctuation and symbols; here all other Unicode punctuation (category P) goes too, and characters
    are composed (NFC) first, so that an accent counts the same in either spelling.
    """
    lower = unicodedata.normalize("NFC", text).lower()
    kept = "".join(c for c in lower if c not in string.punctuation and not unicodedata.category(c).startswith("P"))
    return " ".join(_ARTICLES.sub(" ", kept).split())


def light(text: str) -> str:
    """Lower case and single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).lower().split())


def exact(text: str) -> str:
    """The text itself, composed (NFC), without white space around it."""
    return unicodedata.normalize("NFC", text).strip()


NORMALIZERS: dict[str, Callable[[str], str]] = {"squad": squad, "light": light, "exact": exact}


def final_answer(text: str) -> str:
    """What is scored of a generated text: its first line that is not empty."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _normalised(prediction: str, answer: str, normalizer: str) -> tuple[str, str]:
    """Both texts normalised; an answer of which nothing would be left ("The The", "?!") is compared lightly."""
    normalise = NORMALIZERS[normalizer]
    if not normalise(answer):
        normalise = light
    return normalise(prediction), normalise(answer)


def _best(score: Callable[[str, str], float], prediction: str, answers: Sequence[str]) -> float:
    return max(score(prediction, answer) for answer in answers)


def exact_match(prediction: str, answers: Sequence[str], normalizer: str = "squad") -> float:
    """1 where the normalised texts are equal."""

    def one(prediction: str, answer: str) -> float:
        left, right = _normalised(prediction, answer, normalizer)
        return float(left == right)

    return _best(one, prediction, answers)


def token_f1(prediction: str, answers: Sequence[str], normalizer: str = "squad") -> float:
    """Harmonic mean of precision and recall over the words, each counted as often as it stands."""

    def one(prediction: str, answer: str) -> float:
        left, right = (Counter(text.split()) for text in _normalised(prediction, answer, normalizer))
        shared = (left & right).total()
        return 2 * shared / (left.total() + right.total()) if shared else float(left == right)

    return _best(one, prediction, answers)


def containment(prediction: str, answers: Sequence[str], normalizer: str = "squad") -> float:
    """1 where the answer stands in the prediction, not inside a longer word."""

    def one(prediction: str, answer: str) -> float:
        text, wanted = _normalised(prediction, answer, normalizer)
        return float(bool(wanted) and re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", text) is not None)

    return _best(one, prediction, answers)


def prefix_match(prediction: str, answers: Sequence[str], normalizer: str = "squad") -> float:
    """1 where the prediction begins with an answer and goes on, if it does, with another word."""

    def one(prediction: str, answer: str) -> float:
        text, wanted = _normalised(prediction, answer, normalizer)
        return float(bool(wanted) and re.match(rf"{re.escape(wanted)}(?!\w)", text) is not None)

    return _best(one, prediction, answers)


def rouge_l_recall(prediction: str, answers: Sequence[str]) -> float:
    """Length of the longest common subsequence of words, as a share of the answer's words.

    Words are runs of letters and digits in lower case, not stemmed, whatever the normalizer.
    """

    def one(prediction: str, answer: str) -> float:
        left, right = (_WORD.findall(unicodedata.normalize("NFC", text).lower()) for text in (prediction, answer))
        return _common_subsequence(left, right) / len(right) if right else 0.0

    return _best(one, prediction, answers)


def _common_subsequence(left: Sequence[str], right: Sequence[str]) -> int:
    row = [0] * (len(right) + 1)
    for word in left:
        diagonal = 0
        for i, other in enumerate(right, start=1):
            diagonal, row[i] = row[i], diagonal + 1 if word == other else max(row[i], row[i - 1])
    return row[-1]


def score_all(text: str, answers: Sequence[str], normalizer: str = "squad") -> dict[str, float]:
    """All four scores of a generated text; only its first line counts."""
    prediction = final_answer(text)
    return {
        "exact_match": exact_match(prediction, answers, normalizer),
        "f1": token_f1(prediction, answers, normalizer),
        "containment": containment(prediction, answers, normalizer),
        "rouge_l_recall": rouge_l_recall(prediction, answers),
    }
