"""What of an answer is compared: the normalisers of the benchmarks' official scorers, under their names.

Each does what the official program does, letter by letter, its peculiarities included: `squad` of SQuAD 1.1 (Rajpurkar et
al. 2016, arXiv 1606.05250), `squad2` of SQuAD 2.0 (1806.03822), `triviaqa` (Joshi et al. 2017, 1705.03551), `nq` of
NQ-open (Lee et al. 2019, 1906.00300: `language/orqa`), `mlqa-LANGUAGE` (Lewis et al. 2020, 1910.07475; `mlqa` is English).
`light` and `exact` are ours. bench/official_scorers.py compares them with the programs themselves.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

Normalise = Callable[[str], str]

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_SPACED_PUNCTUATION = str.maketrans(dict.fromkeys(string.punctuation + "‘’´`", " "))
_HAN = re.compile("([\u4e00-\u9fa5])")


def _words(*words: str) -> re.Pattern[str]:
    return re.compile(rf"\b({'|'.join(words)})\b")


_ARTICLES = {
    "en": _words("a", "an", "the"),
    "es": _words("un", "una", "unos", "unas", "el", "la", "los", "las"),
    "de": _words("ein", "eine", "einen", "einem", "eines", "einer", "der", "die", "das", "den", "dem", "des"),
    "vi": _words("của", "là", "cái", "chiếc", "những"),
    "ar": re.compile("ال"),  # the official program removes it inside words too
}
"""Articles that MLQA removes, by language; Hindi (hi) and Chinese (zh) have none."""
MLQA_LANGUAGES = ("en", "es", "hi", "vi", "de", "ar", "zh")


class _AnyPunctuation(dict[int, int | None]):
    """A translation table that drops ASCII punctuation and every character of Unicode's category P."""

    def __missing__(self, code: int) -> int | None:
        drop = chr(code) in string.punctuation or unicodedata.category(chr(code)).startswith("P")
        self[code] = None if drop else code
        return self[code]


_NO_UNICODE_PUNCTUATION = _AnyPunctuation()


def squad(text: str) -> str:
    """Lower case, without ASCII punctuation, without the words a, an, the, single spaces."""
    return " ".join(_ARTICLES["en"].sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def triviaqa(text: str) -> str:
    """As `squad`, but punctuation and the quotes ‘ ’ ´ ` become spaces: "well-known" is two words."""
    return " ".join(_ARTICLES["en"].sub(" ", text.lower().translate(_SPACED_PUNCTUATION)).split())


def nq(text: str) -> str:
    """As `squad`, after accents were split off their letters (NFD), so that either spelling of é is the same."""
    return squad(text if text.isascii() else unicodedata.normalize("NFD", text))


def mlqa(text: str, language: str = "en") -> str:
    """Lower case, without punctuation of any script, without the language's articles; each Chinese character is a word."""
    kept = text.lower().translate(_NO_UNICODE_PUNCTUATION)
    if language in _ARTICLES:
        kept = _ARTICLES[language].sub(" ", kept)
    return " ".join((_HAN.sub(r" \1 ", kept) if language == "zh" else kept).split())


def light(text: str) -> str:
    """Lower case and single spaces; accents are put on their letters (NFC)."""
    return " ".join(unicodedata.normalize("NFC", text).lower().split())


def exact(text: str) -> str:
    """The text itself, accents on their letters (NFC), without white space around it."""
    return unicodedata.normalize("NFC", text).strip()


@dataclass(frozen=True)
class Normalizer:
    """How texts are compared.

    Attributes:
        apply: the text that is compared.
        refusals: whether saying nothing can be right, as in SQuAD 2.0. Then accepted answers of which nothing is left do not
            count, a question without any other expects an empty answer, and two empty texts have F1 1. Without it two
            empty texts are an exact match with F1 0, as in the other official scorers.
    """

    apply: Normalise
    refusals: bool = False

    def accepted(self, answers: Sequence[str]) -> list[str]:
        """The accepted answers as they are compared.

        Raises:
            ValueError: there are none, and nothing cannot be right.
        """
        found = [self.apply(answer) for answer in answers]
        if self.refusals:
            return list(filter(None, found)) or [""]
        if not found:
            raise ValueError("there is no accepted answer (unanswerable questions: normalizer squad2)")
        return found


NORMALIZERS: dict[str, Normalizer] = {
    "squad": Normalizer(squad),
    "squad2": Normalizer(squad, refusals=True),
    "triviaqa": Normalizer(triviaqa),
    "nq": Normalizer(nq),
    "mlqa": Normalizer(mlqa),
    **{f"mlqa-{language}": Normalizer(partial(mlqa, language=language)) for language in MLQA_LANGUAGES},
    "light": Normalizer(light, refusals=True),
    "exact": Normalizer(exact, refusals=True),
}
